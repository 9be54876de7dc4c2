"""What becomes of a request: which operation it means, and whether its body may be read at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._exchange import Exchange
from ._reading import BodyJudge
from ._refusal import NO_LENGTH, UNSUPPORTED_ENCODING, UNSUPPORTED_TYPE, Refused
from ._undeclared import NO_BODY, NOT_JUDGED, Undeclared
from .context import PARAMETERS

if TYPE_CHECKING:
    from .._layer import Verdict
    from .._pace import Pace
    from ._codings import Decode
    from ._table import Table


class Judge:
    """Judges requests.

    Parameters:
        table: the operations that are declared.
        undeclared: what answers where none is.
        on_undeclared: there, "pass" lets everything pass, "no-body" all but bodies, and "not-found"
            nothing. on_alias: where a path spells a parameter in a way that apps read differently,
            "no-body" refuses bodies, and "unknown" everything: parameters are declared, too.
        pace: how slowly a body may come.
        decoders: what undoes content codings, by the header that names one.
        require_length: a body needs a Content-Length.
    """

    __slots__ = (
        "_decoders", "_find", "_on_alias", "_on_undeclared", "_reading", "_require_length",
        "_table", "_undeclared",
    )  # fmt: skip

    def __init__(
        self,
        table: Table,
        undeclared: Undeclared,
        *,
        on_undeclared: str,
        on_alias: str,
        pace: Pace,
        decoders: Mapping[bytes, Decode],
        require_length: bool,
    ) -> None:
        self._table = table
        self._find = table.find
        self._undeclared = undeclared
        self._reading = BodyJudge(pace)
        self._decoders = decoders
        self._require_length = require_length
        answers = {"pass": _pass, "no-body": self._no_body, "not-found": self._not_found}
        self._on_undeclared = answers[on_undeclared]
        self._on_alias = self._no_body if on_alias == "no-body" else self._unknown

    def judge(self, exchange: Exchange) -> Verdict:
        found = self._find(exchange.method, exchange.path)
        if found is None:
            if self._table.is_exempt(exchange.path):
                return _pass(exchange)
            return self._on_undeclared(exchange)
        operation, params = found
        if params is None:  # `/orders/07` reaches order 7 in many an app
            return self._on_alias(exchange)
        parameters = operation.parameters
        if parameters is not None:
            if parameters.any or exchange.query:
                try:
                    valid = parameters.read(exchange, params)
                except Refused as refused:
                    if exchange.route is None:
                        exchange.found_route(operation.path, {})
                    return operation.refuse_for(exchange, refused)
                exchange.state[PARAMETERS] = valid
                params = valid.path
            else:
                exchange.state[PARAMETERS] = parameters.empty
        if exchange.route is None:
            exchange.found_route(operation.path, params)
        headers = exchange.headers
        bodies = operation.bodies
        if bodies is None:
            return self._reading.expect_none(exchange, operation.refuse, operation.allowed)
        content_type = headers.get(b"content-type")
        if content_type is None:
            if bodies.required:
                return operation.refuse(exchange, UNSUPPORTED_TYPE)
            refuse, allowed = operation.refuse, operation.allowed
            return self._reading.expect_none(exchange, refuse, allowed, UNSUPPORTED_TYPE)
        accepted = bodies.find(content_type)
        if accepted is None:
            return operation.refuse(exchange, UNSUPPORTED_TYPE)
        if self._require_length and b"content-length" not in headers:
            return operation.refuse(exchange, NO_LENGTH)
        decode = None
        coding = headers.get(b"content-encoding")
        if coding is not None and coding.lower() != b"identity":
            decode = self._decoders.get(coding.lower())
            if decode is None:
                return operation.refuse(exchange, UNSUPPORTED_ENCODING)
        return self._reading.judge(exchange, operation, accepted, content_type, decode)

    def _no_body(self, exchange: Exchange) -> Verdict:
        return self._reading.expect_none(exchange, self._undeclared.refuse, NO_BODY)

    def _unknown(self, exchange: Exchange) -> Verdict:
        return self._undeclared.not_found(exchange, ())

    def _not_found(self, exchange: Exchange) -> Verdict:
        return self._undeclared.not_found(exchange, self._table.methods(exchange.path))


def _pass(exchange: Exchange) -> Verdict:
    exchange.decisions.append(NOT_JUDGED)
    return None
