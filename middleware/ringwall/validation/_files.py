"""Uploaded files: their names, and whether they are what they are declared to be.

It looks at the first bytes, as browsers do (WHATWG MIME Sniffing). It finds no malware.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import NamedTuple

# Signatures by media type; each is an offset and the bytes there.
_SIGNATURES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/gif": ((0, b"GIF87a"), (0, b"GIF89a")),
    "image/webp": ((8, b"WEBPVP8"),),
    "image/bmp": ((0, b"BM"),),
    "image/tiff": ((0, b"II*\x00"), (0, b"MM\x00*")),
    "image/avif": ((4, b"ftypavif"), (4, b"ftypavis")),
    "image/heic": ((4, b"ftypheic"), (4, b"ftypheix"), (4, b"ftypmif1")),
    "image/x-icon": ((0, b"\x00\x00\x01\x00"),),
    "application/pdf": ((0, b"%PDF-"),),
    "application/zip": ((0, b"PK\x03\x04"), (0, b"PK\x05\x06")),
    "application/gzip": ((0, b"\x1f\x8b\x08"),),
    "application/x-7z-compressed": ((0, b"7z\xbc\xaf\x27\x1c"),),
    "audio/mpeg": ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2")),
    "audio/ogg": ((0, b"OggS"),),
    "audio/wav": ((8, b"WAVE"),),
    "video/mp4": ((4, b"ftyp"),),
    "video/webm": ((0, b"\x1a\x45\xdf\xa3"),),
}
_ZIPPED = re.compile(
    r"application/(?:vnd\.openxmlformats-officedocument\.|vnd\.oasis\.opendocument\.|epub\+zip)"
)
# What a browser or a server could run, whatever it is called.
_ACTIVE = (b"\x7fELF", b"MZ", b"#!", b"\xca\xfe\xba\xbe", b"<?php", b"\x00asm")
_MARKUP = re.compile(rb"[\t\n\x0c\r ]*<(?:!doctype|!--|[a-z?])", re.IGNORECASE)
_MARKED_UP = re.compile(r"text/(?:html|xml)\Z|application/(?:xml|xhtml)|.*\+xml\Z")
_RUNNABLE = frozenset(
    "php php3 php4 php5 php7 phtml phar jsp jspx asp aspx ashx cgi pl py rb sh bash exe com bat cmd"
    " ps1 vbs js mjs jar war html htm xhtml shtml svg htaccess".split()
)
_LONGEST_NAME = 255


class UploadedFile(NamedTuple):
    """A file of a form, as a handler gets it.

    filename: the name that the client gave it; a label, never a path to write to.
    content_type: the media type that was declared, in lower case. data: the whole content.
    """

    filename: str
    content_type: str
    data: bytes

    def __repr__(self) -> str:
        return f"<UploadedFile {self.content_type}, {len(self.data)} bytes>"


def is_safe_name(name: str) -> bool:
    """Whether a file name is no path, hides nothing, and has no runnable extension inside.

    >>> is_safe_name("invoice 7.pdf"), is_safe_name("../x"), is_safe_name("shell.php.jpg")
    (True, False, False)
    """
    if not name or len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        return False
    if name in (".", "..") or name != name.strip() or name[-1] == ".":
        return False
    # Separators, wildcards and streams of file systems; controls, and marks that turn text around.
    if html.unescape(name) != name:  # Django reads `&sol;` as a slash
        return False
    if any(c in '/\\:*?"<>|' or unicodedata.category(c) in _HIDDEN for c in name):
        return False
    return not any(part in _RUNNABLE for part in name.lower().split(".")[1:-1])


_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_markup(media_type: str) -> bool:
    """Whether browsers take a type apart, and may run what is in it.

    >>> is_markup("image/svg+xml"), is_markup("image/png")
    (True, False)
    """
    return bool(_MARKED_UP.match(media_type))


def is_what_it_says(media_type: str, data: bytes) -> bool:
    """Whether the first bytes can be those of the declared media type.

    >>> is_what_it_says("image/png", b"<svg onload=alert(1)>")
    False
    """
    signatures = _SIGNATURES.get("application/zip" if _ZIPPED.match(media_type) else media_type)
    if signatures is not None:
        return any(data.startswith(bytes_, offset) for offset, bytes_ in signatures)
    if media_type.startswith(("image/", "audio/", "video/")) and _MARKUP.match(data[:512]):
        return is_markup(media_type)
    if media_type.startswith("text/"):
        if b"\0" in data or (_MARKUP.match(data[:512]) and not is_markup(media_type)):
            return False
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True
    return not data.startswith(_ACTIVE)
