"""What becomes of a request: which operation it means, and whether its body may be read at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._exchange import Exchange
from ._reading import Hook, expecting_none, judging
from ._refusal import Refused
from ._undeclared import NO_BODY, NOT_JUDGED, Undeclared
from .context import PARAMETERS

if TYPE_CHECKING:
    from .._layer import Verdict
    from .._pace import Pace
    from ._codings import Decode
    from ._operation import Operation
    from ._table import Table


def make_judge(
    table: Table,
    undeclared: Undeclared,
    *,
    on_undeclared: str,
    on_alias: str,
    pace: Pace,
    decoders: Mapping[bytes, Decode],
    require_length: bool,
) -> Hook:
    """What judges requests.

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

    def unknown(exchange: Exchange) -> Verdict:
        return undeclared.not_found(exchange, ())

    def not_found(exchange: Exchange) -> Verdict:
        return undeclared.not_found(exchange, table.methods(exchange.path))

    no_body = expecting_none(undeclared.refuse, NO_BODY, pace)
    judge_undeclared = {"pass": _pass, "no-body": no_body, "not-found": not_found}[on_undeclared]
    judge_alias = {"no-body": no_body, "unknown": unknown}[on_alias]
    for operation in table.operations().values():
        operation.judge_body = _judge_of(operation, pace, decoders, require_length)
    plain, none, finders = table.plain(), dict[str, "Operation"](), table.finders()

    def judge(exchange: Exchange) -> Verdict:
        operation = plain.get(exchange.method, none).get(exchange.path)
        params: dict[str, Any] = {}
        if operation is None:
            find = finders.get(exchange.method)
            found = None if find is None else find(exchange.path)
            if found is None:
                if table.is_exempt(exchange.path):
                    return _pass(exchange)
                return judge_undeclared(exchange)
            operation, found_params = found
            if found_params is None:  # `/orders/07` reaches order 7 in many an app
                return judge_alias(exchange)
            params = found_params
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
            exchange.route, exchange.params = operation.path, params
            if exchange.parent is not None:
                exchange.found_route(operation.path, params)
        return operation.judge_body(exchange)

    return judge


def _judge_of(
    operation: Operation, pace: Pace, decoders: Mapping[bytes, Decode], require_length: bool
) -> Hook:
    bodies = operation.bodies
    if bodies is None:
        return expecting_none(operation.refuse, operation.allowed, pace)
    return judging(operation, bodies, pace, decoders, require_length)


def _pass(exchange: Exchange) -> Verdict:
    exchange.decisions.append(NOT_JUDGED)
    return None
