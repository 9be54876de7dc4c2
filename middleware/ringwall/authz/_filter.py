"""What of a response may be read: JSON is cut down to an allow-list, or does not leave."""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from .._exchange import Exchange
from .._layer import ReadBody, ResponseHead
from ..problem import Response, problem, reason_phrase
from ._fields import DROPPED, Node
from ._json import AmbiguousBody, parse_body, write_body
from .decision import denied, granted

WITHHELD = problem(500, "The response cannot be shown as it is.", code="response-withheld")

_JSON = re.compile(rb"application/(?:[a-z0-9!#$&^_.+-]+\+)?json\Z")
# Made to be read piece by piece: nothing here could be held back until its end.
_STREAMS = frozenset(
    {b"text/event-stream", b"application/x-ndjson", b"application/json-seq", b"application/jsonl"}
)
_TYPE = frozenset({b"content-type"})

# What an error may tell: the members of RFC 9457 and of Ringwall's problems, those of OAuth (RFC
# 6749 section 5.2), and how frameworks list what is invalid. Not the input, which some repeat.
ERROR_FIELDS = (
    "/type", "/title", "/status", "/detail", "/instance", "/code", "/scope", "/message", "/error",
    "/error_description", "/errors/*/pointer", "/errors/*/code", "/errors/*/detail",
    "/detail/*/type", "/detail/*/loc/*", "/detail/*/msg",
)  # fmt: skip


class Reads(NamedTuple):
    """What a request may read of its response. rule: the name of the rule. strict: nothing is cut
    away; a response that holds more does not leave. shadow: the rule never refuses."""

    rule: str
    tree: Node
    strict: bool
    shadow: bool
    version: str | None = None


class ResponseFilter:
    """Judges responses for one layer.

    Parameters:
        limit: the most bytes of a response, also of one that is compressed. errors: the allow-list
            for statuses of 400 and more. streams: whether streams pass, untouched.
    """

    __slots__ = ("_errors", "_limit", "_streams")

    def __init__(self, limit: int, errors: Node, streams: bool) -> None:
        self._limit = limit
        self._errors = errors
        self._streams = streams

    def ask(self, exchange: Exchange, head: ResponseHead, reads: Reads) -> ReadBody | None:
        """What to do with the response that this head begins; see `Layer.on_response_body`."""
        lines: list[bytes] = []

        def note(name: bytes, value: bytes) -> bytes:
            lines.append(value)
            return value

        head.rewrite(_TYPE, note)
        kind, _, parameters = (lines[0] if len(lines) == 1 else b"").lower().partition(b";")
        kind = kind.strip()
        if kind in _STREAMS and self._streams:
            exchange.decisions.append(
                granted(reads.rule, "stream-not-filtered", reads.version).record
            )
            return None
        is_json = (
            _JSON.match(kind) is not None
            and _is_utf8(parameters)
            and head.status != 206  # a piece of JSON is none
            and head.get(b"content-range") is None
        )

        def withhold(exchange: Exchange) -> Response | None:
            if reads.shadow:
                record = granted(reads.rule, "would-deny-response-withheld", reads.version).record
                exchange.decisions.append(record)
                return None
            decision = denied(reads.rule, "response-withheld", 500, version=reads.version)
            exchange.decisions.append(decision.record)
            return WITHHELD

        def judge(exchange: Exchange, head: ResponseHead, body: bytes) -> bytes | Response:
            if not body:
                return body
            left = self._cut(head, body, reads) if is_json else None
            if left is None:
                left = _replaced(head, reads)
            return (withhold(exchange) or body) if left is None else left

        return ReadBody(self._limit, judge, withhold)

    def _cut(self, head: ResponseHead, body: bytes, reads: Reads) -> bytes | None:
        """What of a JSON body may leave; None: none of it."""
        text = _decoded(head, body, self._limit)
        if text is None:
            return None
        try:
            value = parse_body(text)
        except AmbiguousBody:
            return None
        is_error = head.status >= 400
        kept = (self._errors if is_error else reads.tree).keep(value, True)
        if kept == value:
            return body
        if kept is DROPPED or reads.shadow or (reads.strict and not is_error):
            return None
        head.remove(b"content-encoding")
        return write_body(kept)


def _replaced(head: ResponseHead, reads: Reads) -> bytes | None:
    """What leaves in place of a body that cannot be cut: an error keeps its status, a redirect its
    target. None: nothing can."""
    if reads.shadow or head.status < 300:
        return None
    head.remove(b"content-encoding")
    head.remove(b"content-type")
    if head.status < 400:
        return b""
    head.add(b"content-type", b"application/problem+json")
    status = head.status
    return problem(status, f"{reason_phrase(status)}.", code="error").body


def _is_utf8(parameters: bytes) -> bool:
    """Whether no parameter of a media type names another charset: JSON is UTF-8 (RFC 8259 section
    8.1), but some clients go by the parameter."""
    named = [p.strip() for p in parameters.split(b";") if b"charset" in p]
    return not named or named in ([b"charset=utf-8"], [b'charset="utf-8"'])


def _decoded(head: ResponseHead, body: bytes, limit: int) -> bytes | None:
    """A body without its content coding; None where that is unknown, or it swells beyond the
    limit."""
    coding = (head.get(b"content-encoding") or b"identity").strip().lower()
    if coding == b"identity":
        return body
    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        return None
    inflate = zlib.decompressobj(47)  # gzip or zlib, told by the first bytes
    try:
        text = inflate.decompress(body, limit + 1)
    except zlib.error:
        return None
    complete = inflate.eof and not inflate.unused_data  # a second member would be read, too
    return text if complete and len(text) <= limit else None
