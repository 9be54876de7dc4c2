"""The body of a request: read within its limits, and judged, or found to be none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._exchange import BodyIncomplete, BodyTooLarge, BodyTooSlow, Decision, Exchange
from .._pending import Pending
from ..problem import Response
from ._codings import Decode
from ._refusal import BAD_LENGTH, NO_BODY_HERE, TOO_LARGE, TOO_SLOW, Reason, Refused
from .context import VALIDATED

if TYPE_CHECKING:
    from .._pace import Pace
    from ._operation import MediaType, Operation

Refuse = Callable[[Exchange, Reason], "Response | None"]


def judge(
    exchange: Exchange,
    pace: Pace,
    operation: Operation,
    accepted: MediaType,
    content_type: bytes,
    required: bool,
    decode: Decode | None,
) -> Pending[Response | None]:
    """Read a body, undo its coding, and keep its value if it is valid."""
    try:
        body = yield from exchange.read_body(accepted.limit, pace)
        if decode is not None:
            exchange.replacement = body = decode(body, accepted.limit)
        if body or required:
            exchange.state[VALIDATED] = accepted.handler(body, content_type)
    except BodyTooLarge:
        return operation.refuse(exchange, TOO_LARGE)
    except BodyTooSlow:
        return operation.refuse(exchange, TOO_SLOW)
    except BodyIncomplete:
        return operation.refuse(exchange, BAD_LENGTH)
    except Refused as refused:
        return operation.refuse_for(exchange, refused)
    exchange.decisions.append(operation.allowed)
    return None


def expect_no_body(
    exchange: Exchange,
    pace: Pace,
    refuse: Refuse,
    allowed: Decision,
    reason: Reason = NO_BODY_HERE,
) -> Pending[Response | None]:
    """Refuse a body, for `reason`. Headers cannot prove that there is none: HTTP/2 needs neither
    Content-Length nor Transfer-Encoding for a body. Reading up to its first byte can."""
    try:
        yield from exchange.read_body(0, pace)
    except BodyTooLarge:
        return refuse(exchange, reason)
    except BodyTooSlow:
        return refuse(exchange, TOO_SLOW)
    except BodyIncomplete:
        return refuse(exchange, BAD_LENGTH)
    exchange.decisions.append(allowed)
    return None
