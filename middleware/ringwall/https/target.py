"""Where a redirect leads: validated parts, concatenated. No URL is ever parsed or joined."""

from __future__ import annotations

import re
from urllib.parse import quote

from .._exchange import Exchange

# RFC 3986 section 3.3, and the characters that browsers leave as they are (URL Standard), as in
# `?page[size]=2`. Not among them: space, quotes, angle brackets, `\`, `#`, controls, 8-bit bytes.
_CHARS = rb"A-Za-z0-9\-._~!$&'()*+,;=:@/\[\]{}|^`"
_PATH = re.compile(rb"/[%b]*(?:%%[0-9A-Fa-f]{2}[%b]*)*\Z" % (_CHARS, _CHARS))
_QUERY = re.compile(rb"[?%b]*(?:%%[0-9A-Fa-f]{2}[?%b]*)*\Z" % (_CHARS, _CHARS))


def target(exchange: Exchange) -> bytes | None:
    """Path and query as they were sent, byte for byte; None where they break the grammar.

    A path that does not begin with "/" would run into the host: `.evil.example` and `@evil.example`
    are targets that some servers hand over.
    """
    path, query = exchange.raw_path, exchange.query
    if path is None:
        # The server keeps it to itself: encode what it made of it.
        try:
            path = quote(exchange.root + exchange.path, safe="/!$&'()*+,;=:@").encode("ascii")
        except UnicodeEncodeError:  # lone surrogates: never was UTF-8
            return None
    if not _PATH.match(path) or not _QUERY.match(query):
        return None
    return path + b"?" + query if query else path
