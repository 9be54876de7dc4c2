"""What exchanges have in common that took the same course: said once, and kept.

Most exchanges of an app differ in who, when and which parameters alone. How they were decided, by
which route, and how they ended is told by few records and spans over and over.
"""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .._exchange import Decision, Exchange, Outcome
from .record import VERSION, error_type, is_gone, quote

# Methods of the conventions; whatever else clients send must not become a name or a series.
METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
# Only courses of these are kept: no client, and no app that echoes a number, makes others.
_KEPT_STATUS = frozenset(
    {200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308}
    | {400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 421, 422, 429, 500, 502, 503, 504}
)
_LONGEST_ROUTE = 512
_LONGEST_METHOD = 32
# Of so few attributes an SDK makes less than of a dictionary, whose type it asks for.
_MOST_ONE_BY_ONE = 2
_INTERNAL_ERROR_CLOSE = 1011  # RFC 6455 section 7.4.1

# RFC 6455 section 7.4.1: codes that say something went wrong. 1005 says only that none was given.
_CLOSE_OUTCOMES = {
    1002: "failure",
    1003: "failure",
    1006: "aborted",
    1007: "failure",
    1008: "failure",
    1009: "failure",
    1010: "failure",
    1011: "error",
}


@dataclass(frozen=True, slots=True)  # its members are found quicker than those of a tuple
class Course:
    """What all exchanges of one course are told alike.

    pieces: their record; every other one is empty, and stands for what differs: `ExchangeForm` puts
        it there, in the order of the keys.
    shows_path: the template does not tell the target. name: that of their spans; None: the one
    they began with. error: `error.type` of the conventions; a 4xx is the client's failure and none
    of the server's. few, many: what spans are told at their end, one by one or in one go. more:
    there is more to tell than a few attributes.
    """

    pieces: list[str]
    shows_path: bool
    name: str | None
    error: str | None
    few: tuple[tuple[str, Any], ...]
    many: dict[str, Any]
    more: bool


UNTOLD = Course([], True, None, None, (), {}, False)
"""Of an exchange that defies description."""


def course_of(exchange: Exchange, outcome: Outcome) -> Course:
    """The course that an exchange took."""
    status, method = outcome.status, exchange.method
    if (
        outcome.error is None
        and outcome.close_code is None
        and status in _KEPT_STATUS
        and method in METHODS
    ):
        return _kept(
            tuple(exchange.decisions), exchange.kind, method, exchange.route, exchange.scheme,
            status,
        )  # fmt: skip
    return _course(
        tuple(exchange.decisions), exchange.kind, method, exchange.route, exchange.scheme, status,
        outcome.close_code, outcome.error,
    )  # fmt: skip


def outcome_of(
    denied: bool, status: int | None, code: int | None, error: BaseException | None
) -> str:
    """How an exchange ended, in one word.

    "denied": a layer refused it. "aborted": the client went away or the server stopped.
    "error": an exception, a 5xx status, or no answer. "failure": the app answered 4xx, or closed
    the websocket because of its peer. "success": anything else.
    """
    if denied:
        return "denied"
    if error is not None:
        if is_gone(error) and code is not None:
            return _CLOSE_OUTCOMES.get(code, "success")  # the app was told, and left by raising
        return "aborted" if is_gone(error) or isinstance(error, CancelledError) else "error"
    if status is None or status >= 500:
        return "error"
    if status >= 400:
        return "failure"
    return "success" if code is None else _CLOSE_OUTCOMES.get(code, "success")


def _failure(status: int | None, code: int | None, error: BaseException | None) -> str | None:
    if error is not None and (code is None or not is_gone(error)):
        return error_type(error)
    if status is None:
        return "no_response"
    if status >= 500:
        return f"{status:d}"
    return f"{code:d}" if code == _INTERNAL_ERROR_CLOSE else None


def _course(
    decisions: tuple[Decision, ...],
    kind: str,
    method: str,
    route: str | None,
    scheme: str,
    status: int | None,
    code: int | None = None,
    error: BaseException | None = None,
) -> Course:
    decided, denied, attributes = _decided(decisions)
    attributes, name, failure = {**attributes}, None, _failure(status, code, error)
    if route is not None:
        attributes["http.route"] = route
        shown = method if kind == "http" else "GET"  # RFC 6455 section 4.1
        name = f"{shown if shown in METHODS else 'HTTP'} {route}"
    if status is not None:
        attributes["http.response.status_code"] = status
    if code is not None:
        attributes["ringwall.websocket.close_code"] = code
    if failure is not None:
        attributes["error.type"] = failure
    # Its keys stand in sorted order (RFC 8785). No text holds a NUL, which marks a place: it is
    # escaped.
    line = (
        f'{{"actor":\0\0,"client":\0,"close_code":{int(code) if isinstance(code, int) else "null"}'
        f',"decisions":{decided},"duration_us":\0'
        f',"error":{"null" if error is None else quote(error_type(error))},"event":"exchange"\0'
        f',"host":\0,"id":"\0","kind":"{kind}","method":{quote(method, _LONGEST_METHOD)}'
        f',"observed":"\0Z","outcome":"{outcome_of(denied, status, code, error)}"'
        f',"params":\0,"path":\0,"peer":\0,"policy_version":\0\0,"request_id":"\0"\0'
        f',"route":{quote(route, _LONGEST_ROUTE)},"scheme":"{scheme}","span_id":\0'
        f',"status":{"null" if status is None else int(status)}'
        f',"time":"\0Z"\0,"trace_id":\0,"v":{VERSION}}}'
    )
    first, *others = line.split("\0")
    pieces = [first, *(piece for other in others for piece in ("", other))]
    few = tuple(attributes.items()) if len(attributes) <= _MOST_ONE_BY_ONE else ()
    return Course(
        pieces,
        shows_path=route is None or "*" in route,
        name=name,
        error=failure,
        few=few,
        many={} if few else attributes,
        more=name is not None or failure is not None or not few,
    )


_kept = lru_cache(maxsize=1024)(_course)


# Decisions hold names from the configuration only: few and not chosen by clients.
@lru_cache(maxsize=1024)
def _decided(decisions: tuple[Decision, ...]) -> tuple[str, bool, dict[str, Any]]:
    """The decisions as JSON, whether one of them refused the request, and as attributes."""
    items, told = [], []
    attributes: dict[str, Any] = {}
    denied = False
    for layer, outcome, rule, reason, version in decisions:
        known = "" if version is None else f',"version":{quote(version)}'
        items.append(
            f'{{"layer":{quote(layer)},"outcome":{quote(outcome)}'
            f',"reason":{quote(reason)},"rule":{quote(rule)}{known}}}'
        )
        told.append(f"{layer} {outcome} {rule} {reason}")
        if outcome == "deny":
            denied = True
            attributes["ringwall.refused_by"] = layer
            attributes["ringwall.rule"] = rule
            attributes["ringwall.reason"] = reason
    if decisions:
        # One string: an exporter takes a fifth longer to encode a span with a sequence of five.
        attributes["ringwall.decisions"] = "\n".join(told)
    return f"[{','.join(items)}]", denied, attributes
