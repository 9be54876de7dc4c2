"""What an operation may answer, and what becomes of an answer that is not as declared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec

from .._exchange import Decision, Exchange
from .._layer import ReadBody, ResponseHead
from ..problem import Response, problem
from ._json import StrictJSON
from ._media import media_type
from ._refusal import Refused
from ._schema import Schema
from ._strip import Stripper

logger = logging.getLogger("ringwall")
Mode = Literal["ignore", "report", "enforce", "strip"]

_LARGEST = 10_000_000  # values: the limit in bytes is what bounds them
_REPLACED = {
    status: problem(status, "The response is not as it is declared.", code="invalid-response")
    for status in range(400, 600)
}
_encode = msgspec.json.Encoder().encode


class Declared(NamedTuple):
    """A response that is declared. schemas: of JSON, by media type. others: types that pass as
    they are, streams among them; ranges, too."""

    schemas: Mapping[bytes, tuple[Schema, Stripper]]
    others: frozenset[bytes]


class Responses:
    """The responses of one operation.

    Parameters:
        layer, rule: for decisions.
        declared: by status ("200", "2XX", "default").
        mode: "report", "enforce" or "strip". limit: the most bytes that are read.
    """

    def __init__(
        self,
        layer: str,
        rule: str,
        declared: Mapping[str, Declared],
        mode: Mode,
        limit: int,
        max_depth: int,
    ) -> None:
        self._rule = rule
        self._declared = declared
        self._closed = mode != "report"
        self._strips = mode == "strip"
        self._limit = limit
        self._parse = StrictJSON(max_depth, _LARGEST)
        outcome: Literal["deny", "allow"] = "deny" if self._closed else "allow"
        self._invalid = Decision(layer, outcome, rule, "invalid-response")

    def overlook(self) -> None:
        """In shadow: nothing is replaced or stripped, and the decision says what would be."""
        if self._closed:
            self._closed = self._strips = False
            told = f"would-deny-{self._invalid.reason}"
            self._invalid = self._invalid._replace(outcome="allow", reason=told)

    def ask(self, exchange: Exchange, head: ResponseHead) -> ReadBody | Response | None:
        """What to do with the response that this head begins; see `Layer.on_response_body`."""
        status = head.status
        declared = (
            self._declared.get(str(status))
            or self._declared.get(f"{status // 100}XX")
            or self._declared.get("default")
        )
        if status in (204, 304):
            return None if declared or status == 304 else self._refuse(exchange, status, "status")
        if declared is None:
            return self._refuse(exchange, status, "status")
        content_type = head.get(b"content-type")
        name = None if content_type is None else media_type(content_type)
        if name is None:
            return self._reader(self._only_empty)
        found = declared.schemas.get(name)
        if found is None:
            kind = name[: name.index(b"/")]
            if {name, kind + b"/*", b"*/*"} & declared.others:
                return None
            return self._refuse(exchange, status, "media type")
        if (head.get(b"content-encoding") or b"identity").lower() != b"identity":
            return self._refuse(exchange, status, "content coding")
        schema, strip = found

        def judge(exchange: Exchange, head: ResponseHead, body: bytes) -> bytes | Response:
            return self._judge(exchange, head, body, schema, strip)

        return self._reader(judge)

    def _reader(
        self, judge: Callable[[Exchange, ResponseHead, bytes], bytes | Response]
    ) -> ReadBody:
        return ReadBody(self._limit, judge, lambda exchange: self._refuse(exchange, 500, "size"))

    def _only_empty(self, exchange: Exchange, head: ResponseHead, body: bytes) -> bytes | Response:
        if not body:
            return body
        return self._refuse(exchange, head.status, "media type") or body

    def _judge(
        self,
        exchange: Exchange,
        head: ResponseHead,
        body: bytes,
        schema: Schema,
        strip: Stripper,
    ) -> bytes | Response:
        try:
            value = self._parse(body)
            if self._strips:
                stripped = strip(value)
                if stripped != value:
                    value, body = stripped, _encode(stripped)
            if schema.is_valid(value):
                return body
        except Refused:
            return self._refuse(exchange, head.status, "JSON") or body
        found = schema.errors(value, body)
        places = ", ".join(f"{error['pointer']} ({error['code']})" for error in found)
        return self._refuse(exchange, head.status, f"schema at {places}") or body

    def _refuse(self, exchange: Exchange, status: int, what: str) -> Response | None:
        """Report the response, and unless that is all, replace it: an error by one of the same
        status, everything else by 500. The log names parts of the document, nothing of the body."""
        exchange.decisions.append(self._invalid)
        logger.warning("The response %d of %s is not as declared: %s.", status, self._rule, what)
        if not self._closed:
            return None
        return _REPLACED.get(status, _REPLACED[500])
