"""Refusals: every one is a problem document (RFC 9457), made once and sent as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

__all__ = ["Header", "Response", "check_header", "problem", "reason_phrase"]

Header = tuple[bytes, bytes]

# What may stand in a lower-case field name and in a field value (RFC 9110 sections 5.1, 5.5).
_IN_NAME = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_IN_VALUE = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])


def reason_phrase(status: int) -> str:
    """The reason phrase of a status code (RFC 9110 section 15); "Unknown" where it has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def check_header(name: bytes, value: bytes) -> None:
    """Raise ValueError for a header that could split a response (RFC 9110 section 5.5).

    >>> check_header(b"location", b"https://a/\\r\\nset-cookie: x=1")
    Traceback (most recent call last):
    ValueError: a response header holds a character that HTTP forbids
    """
    if not name or name.translate(None, _IN_NAME) or value.translate(None, _IN_VALUE):
        raise ValueError("a response header holds a character that HTTP forbids")


_BODILESS = frozenset({204, 304})


class Response:
    """A complete answer given by a layer instead of the app. Immutable, safe to send many times.

    Parameters:
        status: the status code, 200 to 599.
        headers: pairs of lower-case name and value; `content-length` is added.
        body: the whole body.

    Raises:
        ValueError: the status is none that ends an exchange, or a header holds a character that
            HTTP forbids.

    >>> Response(200, [(b"cache-control", b"no-store")]).headers
    ((b'cache-control', b'no-store'), (b'content-length', b'0'))
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Iterable[Header] = (), body: bytes = b"") -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"status {status} cannot end an exchange; use 200 to 599")
        pairs = tuple(headers)
        if status not in _BODILESS:  # RFC 9110 section 8.6
            pairs += ((b"content-length", b"%d" % len(body)),)
        for name, value in pairs:
            check_header(name, value)
        self.status: int = status
        self.headers: tuple[Header, ...] = pairs
        self.body: bytes = body

    def __repr__(self) -> str:
        return f"<Response {self.status}>"

    def with_headers(self, headers: Iterable[Header]) -> Response:
        """The same answer with further headers."""
        kept = (line for line in self.headers if line[0] != b"content-length")
        return Response(self.status, (*kept, *headers), self.body)


def problem(
    status: int,
    detail: str,
    *,
    code: str,
    type: str = "about:blank",  # the member's name in RFC 9457
    title: str | None = None,
    headers: Iterable[Header] = (),
    **members: Any,
) -> Response:
    """A refusal as `application/problem+json` (RFC 9457), never cached.

    Parameters:
        status: the status code.
        detail: what to do about it, for a person; never holds input.
        code: one short word for programs, such as "missing-credentials".
        type: URI of the problem type.
        title: short summary; by default the reason phrase of the status.
        headers: further headers, such as `www-authenticate`.
        members: extension members of the document.

    >>> json.loads(problem(403, "The role 'admin' is needed.", code="role").body)["title"]
    'Forbidden'
    """
    document = {
        "type": type,
        "title": title or reason_phrase(status),
        "status": status,
        "detail": detail,
        "code": code,
        **members,
    }
    body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
    return Response(
        status,
        (
            (b"content-type", b"application/problem+json"),
            (b"cache-control", b"no-store"),
            *headers,
        ),
        body,
    )
