"""What becomes of a layer that fails, and of an app."""

from __future__ import annotations

import logging
import traceback

from ._exchange import Exchange
from ._outcome import Decision
from ._plan import Plan
from .problem import Response, problem

logger = logging.getLogger("ringwall")

FAILED = problem(500, "The request could not be processed.", code="internal-error")


def checked(verdict: object) -> Response | None:
    """What a hook's I/O ended with.

    Raises:
        TypeError: it is no verdict. A truthy slip of the pen must not count as "let it pass".
    """
    if verdict is None or isinstance(verdict, Response):
        return verdict
    raise TypeError("a verdict is a Response or None")


def report(where: str, error: BaseException) -> None:
    """Log where a layer failed, without the exception's message, which may hold a secret."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    logger.error("%s failed with %s\n%s", where, type(error).__name__, "".join(frames).rstrip())


def fail(layer: str, exchange: Exchange, error: Exception) -> Response:
    """A bug in an enforcing layer closes the door: tell the log and the audit, answer 500."""
    report(layer, error)
    exchange.decisions.append(Decision(layer, "error", "internal", "internal-error"))
    return FAILED


def fail_at(
    plan: Plan, depth: int, completes: int, exchange: Exchange, error: Exception
) -> Response:
    """`fail` for the step of this depth; a step that completes no more than is outside it is the
    boundary's."""
    layer = plan.layers[depth].name if completes > depth else "boundary"
    return fail(layer, exchange, error)


def refusal_body(exchange: Exchange, response: Response) -> bytes:
    """The body to send: none to a HEAD request (RFC 9110 section 9.3.2)."""
    return b"" if exchange.method == "HEAD" else response.body
