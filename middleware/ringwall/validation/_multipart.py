"""`multipart/form-data` (RFC 7578, RFC 2046 section 5.1), taken apart strictly.

What lenient parsers skip or mend is refused here: text before the first boundary and after the
last, white space behind a boundary, folded headers, a missing end, names that are escaped in a way
that two parsers read differently. A body is in memory when it comes here, so that nothing is
streamed and nothing has two states.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ._refusal import BAD_FILE_NAME, MALFORMED_MULTIPART, TOO_MANY_FIELDS, Refused

# RFC 2046 section 5.1.1: at most 70 characters, the last one no space.
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]\Z")
_LONGEST_HEAD = 2048
_MOST_LINES = 8
_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\Z")
_DISPOSITION = re.compile(rb"form-data((?:[ \t]*;[ \t]*[a-z*]+=\"[^\"\\]*\")*)\Z", re.IGNORECASE)
_PARAMETER = re.compile(rb";[ \t]*([a-z*]+)=\"([^\"\\]*)\"", re.IGNORECASE)
# How browsers write a quotation mark and line breaks in a name (WHATWG HTML, multipart encoding).
_ESCAPES = {b"%22": b'"', b"%0D": b"\r", b"%0A": b"\n", b"%0d": b"\r", b"%0a": b"\n"}
_ESCAPE = re.compile(rb"%22|%0[DdAa]")
_TRANSFER = frozenset({b"7bit", b"8bit", b"binary"})
# Codings that some parsers undo and others hand on.
_FORBIDDEN = frozenset({b"content-encoding", b"transfer-encoding"})


class Part(NamedTuple):
    """One part. filename: None where it is a field. content_type: as sent; None: not told."""

    name: str
    filename: str | None
    content_type: bytes | None
    data: bytes


def parse_multipart(body: bytes, boundary: bytes, *, most_parts: int) -> list[Part]:
    """The parts of a body, in order.

    Raises:
        Refused: it is malformed, or has too many parts.

    >>> body = b'--x\\r\\nContent-Disposition: form-data; name="a"\\r\\n\\r\\n1\\r\\n--x--\\r\\n'
    >>> parse_multipart(body, b"x", most_parts=10)[0].data
    b'1'
    """
    if not _BOUNDARY.match(boundary):
        raise Refused(MALFORMED_MULTIPART)
    delimiter = b"\r\n--" + boundary
    # Counted before anything is made of them.
    if body.count(delimiter) > most_parts:
        raise Refused(TOO_MANY_FIELDS)
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 3 or pieces[0] or pieces[-1] not in (b"--", b"--\r\n"):
        raise Refused(MALFORMED_MULTIPART)
    # For Werkzeug a line feed alone may stand before a boundary, for Django anything: what is one
    # field here would be two there.
    if body.count(delimiter[2:]) != len(pieces) - 1:
        raise Refused(MALFORMED_MULTIPART)
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    # A line that goes on behind the boundary begins a part for one parser, and none for another.
    if piece[:2] != b"\r\n":
        raise Refused(MALFORMED_MULTIPART)
    end = piece.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        raise Refused(MALFORMED_MULTIPART)
    headers = _headers(piece[2:end])
    disposition = _DISPOSITION.match(headers.get(b"content-disposition", b""))
    if disposition is None or headers.keys() & _FORBIDDEN:
        raise Refused(MALFORMED_MULTIPART)
    if headers.get(b"content-transfer-encoding", b"binary").lower() not in _TRANSFER:
        raise Refused(MALFORMED_MULTIPART)
    parameters: dict[bytes, bytes] = {}
    for name, value in _PARAMETER.findall(disposition[1]):
        if name.lower() in parameters:
            raise Refused(MALFORMED_MULTIPART)
        parameters[name.lower()] = _ESCAPE.sub(lambda found: _ESCAPES[found[0]], value)
    if b"name" not in parameters:
        raise Refused(MALFORMED_MULTIPART)
    if parameters.keys() - {b"name", b"filename"}:
        raise Refused(BAD_FILE_NAME)  # `filename*` is one more name, and RFC 7578 forbids it
    filename = parameters.get(b"filename")
    name = _text(parameters[b"name"])
    # Browsers escape these in a name, and frameworks leave them escaped; Django takes white space
    # away from around a name.
    if name != name.strip() or any(sign in name for sign in '"\r\n'):
        raise Refused(MALFORMED_MULTIPART)
    return Part(
        name,
        None if filename is None else _text(filename),
        headers.get(b"content-type"),
        piece[end + 4 :],
    )


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = head.split(b"\r\n")
    found: dict[bytes, bytes] = {}
    for line in lines:
        header = _LINE.match(line)
        if header is None or len(lines) > _MOST_LINES or header[1].lower() in found:
            raise Refused(MALFORMED_MULTIPART)
        found[header[1].lower()] = header[2].strip(b" \t")  # in a pattern that takes square time
    return found


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(MALFORMED_MULTIPART) from None
