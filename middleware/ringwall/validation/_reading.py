"""The body of a request: read within its limits, and judged, or found to be none.

What does so is made for each operation at construction, with all that it needs at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from .._exchange import BodyIncomplete, BodyTooLarge, BodyTooSlow, Decision, Exchange
from .._pending import Pending
from ..problem import Response
from ._codings import Decode
from ._refusal import (
    BAD_LENGTH,
    NO_BODY_HERE,
    NO_LENGTH,
    TOO_LARGE,
    TOO_SLOW,
    UNSUPPORTED_ENCODING,
    UNSUPPORTED_TYPE,
    Reason,
    Refused,
)
from .context import VALIDATED

if TYPE_CHECKING:
    from .._layer import Verdict
    from .._pace import Pace
    from ._operation import Bodies, MediaType, Operation
Hook = Callable[[Exchange], "Verdict"]
Refuse = Callable[[Exchange, Reason], "Response | None"]

_UNREADABLE = (BodyTooLarge, BodyIncomplete)
_REASONS = {BodyTooLarge: TOO_LARGE, BodyTooSlow: TOO_SLOW, BodyIncomplete: BAD_LENGTH}


def judging(
    operation: Operation,
    bodies: Bodies,
    pace: Pace,
    decoders: Mapping[bytes, Decode],
    require_length: bool,
) -> Hook:
    """What judges the bodies of an operation, and keeps the values of those that are valid.

    Parameters:
        bodies: those of the operation. pace: how slowly they may come.
        decoders: what undoes content codings, by the header that names one.
        require_length: a body needs a Content-Length.
    """
    refuse, refuse_for, allowed = operation.refuse, operation.refuse_for, operation.allowed
    required = bodies.required
    # What nearly all bodies are, and nothing is undone or written anew of them.
    usual = {
        name: (of.handler, of.limit)
        for name, of in bodies.usual.items()
        if of.rewrite is None and not require_length
    }
    expect_none = expecting_none(refuse, allowed, pace, UNSUPPORTED_TYPE)

    def judge(exchange: Exchange) -> Verdict:
        headers = exchange.headers
        try:
            content_type = headers[b"content-type"]
            handler, limit = usual[content_type]
        except KeyError:
            return judge_unusual(exchange)
        if b"content-encoding" in headers:
            return judge_unusual(exchange)
        try:
            body = exchange.body_at_once(limit, pace)
            if body is None:
                return judge_later(exchange, limit)
            if body or required:
                exchange.state[VALIDATED] = handler(body, content_type)
        except Refused as refused:
            return refuse_for(exchange, refused)
        except _UNREADABLE as error:
            return refuse(exchange, _REASONS[type(error)])
        exchange.decisions.append(allowed)
        return None

    def judge_unusual(exchange: Exchange) -> Verdict:
        headers = exchange.headers
        content_type = headers.get(b"content-type", b"")
        if not required and b"content-type" not in headers:
            return expect_none(exchange)
        try:
            accepted, decode = negotiate(headers, content_type)
            body = exchange.body_at_once(accepted.limit, pace)
            if body is None:
                return judge_later(exchange, accepted.limit)
            if decode is not None:
                exchange.replacement = body = decode(body, accepted.limit)
            if body or required:
                if accepted.rewrite is not None:
                    written = accepted.rewrite(body)
                    if written is not body:
                        exchange.replacement = body = written
                exchange.state[VALIDATED] = accepted.handler(body, content_type)
        except Refused as refused:
            return refuse_for(exchange, refused)
        except _UNREADABLE as error:
            return refuse(exchange, _REASONS[type(error)])
        exchange.decisions.append(allowed)
        return None

    def negotiate(
        headers: Mapping[bytes, bytes], content_type: bytes
    ) -> tuple[MediaType, Decode | None]:
        """Raises Refused: no such body is accepted."""
        accepted = bodies.find(content_type)
        if accepted is None:
            raise Refused(UNSUPPORTED_TYPE)
        if require_length and b"content-length" not in headers:
            raise Refused(NO_LENGTH)
        coding = headers.get(b"content-encoding", b"identity").lower()
        if coding == b"identity":
            return accepted, None
        if coding not in decoders:
            raise Refused(UNSUPPORTED_ENCODING)
        return accepted, decoders[coding]

    def judge_later(exchange: Exchange, limit: int) -> Pending[Response | None]:
        try:
            yield from exchange.read_body(limit, pace)
        except _UNREADABLE as error:
            return refuse(exchange, _REASONS[type(error)])
        return cast("Response | None", judge(exchange))  # the body is there now

    return judge


def expecting_none(
    refuse: Refuse, allowed: Decision, pace: Pace, reason: Reason = NO_BODY_HERE
) -> Hook:
    """What refuses a body, for `reason`. Headers cannot prove that there is none: HTTP/2 needs
    neither Content-Length nor Transfer-Encoding for a body. Reading up to its first byte can.
    """

    def judge(exchange: Exchange) -> Verdict:
        try:
            if exchange.body_at_once(0, pace) is None:
                return judge_later(exchange)
        except _UNREADABLE as error:
            return refuse_unread(exchange, error)
        exchange.decisions.append(allowed)
        return None

    def judge_later(exchange: Exchange) -> Pending[Response | None]:
        try:
            yield from exchange.read_body(0, pace)
        except _UNREADABLE as error:
            return refuse_unread(exchange, error)
        exchange.decisions.append(allowed)
        return None

    def refuse_unread(exchange: Exchange, error: Exception) -> Response | None:
        return refuse(exchange, reason if type(error) is BodyTooLarge else _REASONS[type(error)])

    return judge
