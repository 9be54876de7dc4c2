"""The answers where no operation is declared."""

from __future__ import annotations

from collections.abc import Sequence

from .._exchange import Decision, Exchange
from ..problem import Response, problem
from ._operation import overlook
from ._refusal import BAD_LENGTH, NO_BODY_HERE, TOO_SLOW, Reason

_LAYER, _RULE = "validation", "undeclared"
NO_BODY = Decision(_LAYER, "allow", _RULE, "no-body")
NOT_JUDGED = Decision(_LAYER, "allow", _RULE, "not-judged")
_NOT_FOUND = problem(404, "There is nothing at this path.", code="not-found")
_METHOD_NOT_ALLOWED = problem(
    405, "Use one of the methods in the header Allow.", code="method-not-allowed"
)


class Undeclared:
    """Refuses what no operation accepts; in shadow, only the decision says so."""

    def __init__(self, layer: str, *, shadow: bool) -> None:
        self._shadow = shadow
        self._answers = {
            reason: (
                problem(reason.status, reason.detail, code=reason.code),
                Decision(layer, "deny", _RULE, reason.code),
            )
            for reason in (NO_BODY_HERE, BAD_LENGTH, TOO_SLOW)
        }
        self._no_path = Decision(layer, "deny", _RULE, "not-found")
        self._no_method = Decision(layer, "deny", _RULE, "method-not-allowed")

    def refuse(self, exchange: Exchange, reason: Reason) -> Response | None:
        return self._refuse(exchange, *self._answers[reason])

    def not_found(self, exchange: Exchange, methods: Sequence[str]) -> Response | None:
        """404, or 405 where the path has other methods."""
        if not methods:
            return self._refuse(exchange, _NOT_FOUND, self._no_path)
        allow = ((b"allow", ", ".join(methods).encode("ascii")),)
        return self._refuse(exchange, _METHOD_NOT_ALLOWED.with_headers(allow), self._no_method)

    def _refuse(
        self, exchange: Exchange, response: Response, decision: Decision
    ) -> Response | None:
        if self._shadow:
            return overlook(exchange, decision)
        exchange.decisions.append(decision)
        return response
