"""The body of a request: read within its limits, and judged, or found to be none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from .._exchange import BodyIncomplete, BodyTooLarge, BodyTooSlow, Decision, Exchange
from .._pending import Pending
from ..problem import Response
from ._codings import Decode
from ._refusal import BAD_LENGTH, NO_BODY_HERE, TOO_LARGE, TOO_SLOW, Reason, Refused
from .context import VALIDATED

if TYPE_CHECKING:
    from .._layer import Verdict
    from .._pace import Pace
    from ._operation import MediaType, Operation

Refuse = Callable[[Exchange, Reason], "Response | None"]

_UNREADABLE = (BodyTooLarge, BodyIncomplete)
_REASONS = {BodyTooLarge: TOO_LARGE, BodyTooSlow: TOO_SLOW, BodyIncomplete: BAD_LENGTH}


class BodyJudge:
    """Reads bodies, undoes their coding, and keeps the values of those that are valid.

    Parameters:
        pace: how slowly they may come.
    """

    __slots__ = ("_pace",)

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def judge(
        self,
        exchange: Exchange,
        operation: Operation,
        accepted: MediaType,
        content_type: bytes,
        decode: Decode | None,
    ) -> Verdict:
        """Whether the body is as the operation declares it."""
        try:
            body = exchange.body_at_once(accepted.limit, self._pace)
            if body is None:
                return self._judge_later(exchange, operation, accepted, content_type, decode)
            if decode is not None:
                exchange.replacement = body = decode(body, accepted.limit)
            if body or operation.requires_body:
                if accepted.rewrite is not None:
                    written = accepted.rewrite(body)
                    if written is not body:
                        exchange.replacement = body = written
                exchange.state[VALIDATED] = accepted.handler(body, content_type)
        except Refused as refused:
            return operation.refuse_for(exchange, refused)
        except _UNREADABLE as error:
            return operation.refuse(exchange, _REASONS[type(error)])
        exchange.decisions.append(operation.allowed)
        return None

    def _judge_later(
        self,
        exchange: Exchange,
        operation: Operation,
        accepted: MediaType,
        content_type: bytes,
        decode: Decode | None,
    ) -> Pending[Response | None]:
        try:
            yield from exchange.read_body(accepted.limit, self._pace)
        except _UNREADABLE as error:
            return operation.refuse(exchange, _REASONS[type(error)])
        verdict = self.judge(exchange, operation, accepted, content_type, decode)
        return cast("Response | None", verdict)  # the body is there now

    def expect_none(
        self,
        exchange: Exchange,
        refuse: Refuse,
        allowed: Decision,
        reason: Reason = NO_BODY_HERE,
    ) -> Verdict:
        """Refuse a body, for `reason`. Headers cannot prove that there is none: HTTP/2 needs
        neither Content-Length nor Transfer-Encoding for a body. Reading up to its first byte can.
        """
        try:
            if exchange.body_at_once(0, self._pace) is None:
                return self._expect_none_later(exchange, refuse, allowed, reason)
        except _UNREADABLE as error:
            return refuse(exchange, _unless_larger(error, reason))
        exchange.decisions.append(allowed)
        return None

    def _expect_none_later(
        self, exchange: Exchange, refuse: Refuse, allowed: Decision, reason: Reason
    ) -> Pending[Response | None]:
        try:
            yield from exchange.read_body(0, self._pace)
        except _UNREADABLE as error:
            return refuse(exchange, _unless_larger(error, reason))
        exchange.decisions.append(allowed)
        return None


def _unless_larger(error: Exception, reason: Reason) -> Reason:
    return reason if type(error) is BodyTooLarge else _REASONS[type(error)]
