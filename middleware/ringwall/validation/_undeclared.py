"""The answers where no operation is declared."""

from __future__ import annotations

from collections.abc import Sequence

from .._exchange import Decision, Exchange
from ..problem import Response, problem
from ._operation import Translate, overlook, translated
from ._refusal import (
    BAD_LENGTH,
    METHOD_NOT_ALLOWED,
    NO_BODY_HERE,
    NOT_FOUND,
    TOO_SLOW,
    Reason,
)

_LAYER, _RULE = "validation", "undeclared"
NO_BODY = Decision(_LAYER, "allow", _RULE, "no-body")
NOT_JUDGED = Decision(_LAYER, "allow", _RULE, "not-judged")


class Undeclared:
    """Refuses what no operation accepts; in shadow, only the decision says so."""

    def __init__(self, layer: str, *, shadow: bool, translate: Translate | None = None) -> None:
        self._shadow = shadow
        self._translate = translate
        self._answers = {
            reason: (
                problem(reason.status, reason.detail, code=reason.code),
                Decision(layer, "deny", _RULE, reason.code),
            )
            for reason in (NO_BODY_HERE, BAD_LENGTH, TOO_SLOW, NOT_FOUND, METHOD_NOT_ALLOWED)
        }
        # The rest of a slow body would be waited for before the next request.
        self._closing = self._answers[TOO_SLOW][0].with_headers([(b"connection", b"close")])

    def refuse(self, exchange: Exchange, reason: Reason) -> Response | None:
        response, decision = self._answers[reason]
        if reason is TOO_SLOW and exchange.may_close:
            response = self._closing
        return self._refuse(exchange, reason, response, decision)

    def not_found(self, exchange: Exchange, methods: Sequence[str]) -> Response | None:
        """404, or 405 where the path has other methods."""
        if not methods:
            return self.refuse(exchange, NOT_FOUND)
        allow = ((b"allow", ", ".join(methods).encode("ascii")),)
        response, decision = self._answers[METHOD_NOT_ALLOWED]
        return self._refuse(exchange, METHOD_NOT_ALLOWED, response.with_headers(allow), decision)

    def _refuse(
        self, exchange: Exchange, reason: Reason, response: Response, decision: Decision
    ) -> Response | None:
        if self._shadow:
            return overlook(exchange, decision)
        exchange.decisions.append(decision)
        if self._translate is not None:
            return translated(self._translate, exchange, reason, (), response)
        return response
