"""The audit record: one line of canonical JSON (RFC 8785), built by hand.

The keys stand in sorted order, numbers are integers, and no string holds a character that JSON
must escape beyond `"` and `\\`: the line is its own canonical form and can be hashed as it is.
Whatever a client chose passes `clean`: no line feed, terminal escape or bidirectional control
survives it, also after the JSON is decoded.
"""

from __future__ import annotations

import json
import time
from asyncio import CancelledError
from functools import lru_cache
from typing import Any

from .._exchange import ClientDisconnected, Decision, Exchange, Outcome
from ..principal import Principal

VERSION = 1

_ANONYMOUS = '{"authenticated":false,"credential":null,"issuer":null,"scheme":null,"subject":null}'
_LONGEST_PATH = 512
_LONGEST_NAME = 256
_LONGEST_METHOD = 32
_MOST_PARAMS = 32

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

_METHODS = {name: f'"{name}"' for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")}

_encode = json.JSONEncoder(ensure_ascii=False).encode


def clean(text: str, limit: int) -> str:
    r"""Make text from outside safe to store and to print on a terminal.

    Characters that are not printable (controls, line separators, bidirectional marks, surrogates)
    and backslashes become Python escapes; what exceeds `limit` characters is cut and marked.

    >>> print(clean("a\r\n\x1b[31m\u2028\\", 80))
    a\r\n\x1b[31m\u2028\\
    >>> clean("abcdef", 3)
    'abc…'
    """
    if len(text) <= limit and text.isprintable() and "\\" not in text:
        return text
    escaped = "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii")
        for c in text[:limit]
    )
    return escaped if len(text) <= limit else escaped + "…"


def quote(text: str | None, limit: int = _LONGEST_NAME) -> str:
    """`clean` text as a JSON string; None as null."""
    return "null" if text is None else _encode(clean(text, limit))


def error_type(error: BaseException) -> str:
    """The qualified name of an exception's class. Its message may hold a secret: never used."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the microsecond.

    >>> timestamp(1.5)
    '1970-01-01T00:00:01.500000Z'
    """
    second, micros = divmod(int(seconds * 1_000_000), 1_000_000)
    return f"{_second(second)}.{micros:06d}Z"


# Decisions and templates hold names from the configuration only: few and not chosen by clients.
@lru_cache(maxsize=1024)
def _decisions(decisions: tuple[Decision, ...]) -> tuple[str, bool]:
    """The decisions as JSON, and whether one of them refused the request."""
    items = ",".join(
        f'{{"layer":{quote(layer)},"outcome":{quote(outcome)}'
        f',"reason":{quote(reason)},"rule":{quote(rule)}}}'
        for layer, outcome, rule, reason in decisions
    )
    return f"[{items}]", any(decision.outcome == "deny" for decision in decisions)


@lru_cache(maxsize=1024)
def _known(name: str | None) -> str:
    """`quote` for names that the configuration or an issuer chose."""
    return quote(name, _LONGEST_PATH)


@lru_cache(maxsize=4096)
def _address(address: str | None) -> str:
    """`quote` for addresses; clients who change theirs cost no more than without a cache."""
    return quote(address)


def _actor(principal: Principal | None) -> str:
    if principal is None:
        return _ANONYMOUS
    return (
        f'{{"authenticated":true,"credential":{quote(principal.credential_id)}'
        f',"issuer":{_known(principal.issuer)},"scheme":{_known(principal.scheme)}'
        f',"subject":{quote(principal.subject)}}}'
    )


@lru_cache(maxsize=1024)
def _param_names(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The names of a template with their form in JSON, in the order of RFC 8785 section 3.2.3:
    by UTF-16 code units."""
    quoted = {clean(name, _LONGEST_NAME): name for name in names[:_MOST_PARAMS]}
    order = sorted(quoted, key=lambda name: name.encode("utf-16-be"))
    return tuple((quoted[name], _encode(name)) for name in order)


def _params(params: dict[str, Any] | None) -> str:
    """The parameters of the matched template, as strings: they name the target."""
    if not params:
        return "{}"
    items = [f"{name}:{quote(_text(params[key]))}" for key, name in _param_names(tuple(params))]
    return f"{{{','.join(items)}}}"


def _text(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits has no str() (CVE-2020-10735)
        return f"<{type(value).__name__}>"


def outcome_of(denied: bool, outcome: Outcome) -> str:
    """How an exchange ended, in one word.

    "denied": a layer refused it. "aborted": the client went away or the server stopped.
    "error": an exception, a 5xx status, or no answer. "failure": the app answered 4xx, or closed
    the websocket because of its peer. "success": anything else.
    """
    if denied:
        return "denied"
    error, status = outcome.error, outcome.status
    if error is not None:
        return "aborted" if isinstance(error, (ClientDisconnected, CancelledError)) else "error"
    if status is None or status >= 500:
        return "error"
    if status >= 400:
        return "failure"
    return "success" if outcome.close_code is None else _close_outcome(outcome.close_code)


def _close_outcome(code: int) -> str:
    return _CLOSE_OUTCOMES.get(code, "success")


def exchange_record(
    exchange: Exchange,
    outcome: Outcome,
    *,
    record_id: str,
    request_id: str,
    started: float,
    duration: float,
    trace_id: str | None,
    span_id: str | None,
) -> bytes:
    """The record of one exchange, without a line feed.

    Parameters:
        record_id, request_id, trace_id, span_id: hexadecimal digits, put in unescaped.
        started: seconds since the epoch.
        duration: seconds.
    """
    decisions, denied = _decisions(tuple(exchange.decisions))
    route, code, status = exchange.route, outcome.close_code, outcome.status
    # A wildcard template captures no parameter that would name the target.
    shows_path = route is None or "*" in route
    path = quote(exchange.root + exchange.path, _LONGEST_PATH) if shows_path else "null"
    error = "null" if outcome.error is None else quote(error_type(outcome.error))
    return (
        f'{{"actor":{_actor(exchange.principal)}'
        f',"client":{_address(exchange.client)}'
        f',"close_code":{int(code) if isinstance(code, int) else "null"}'
        f',"decisions":{decisions}'
        f',"duration_us":{int(duration * 1_000_000)}'
        f',"error":{error}'
        f',"event":"exchange"'
        f',"id":"{record_id}"'
        f',"kind":"{exchange.kind}"'
        f',"method":{_METHODS.get(exchange.method) or quote(exchange.method, _LONGEST_METHOD)}'
        f',"outcome":"{outcome_of(denied, outcome)}"'
        f',"params":{_params(exchange.params)}'
        f',"path":{path}'
        f',"peer":{_address(exchange.peer)}'
        f',"request_id":"{request_id}"'
        f',"route":{_known(route)}'
        f',"scheme":"{exchange.scheme}"'
        f',"span_id":{"null" if span_id is None else f"{chr(34)}{span_id}{chr(34)}"}'
        f',"status":{"null" if status is None else int(status)}'
        f',"time":"{timestamp(started)}"'
        f',"trace_id":{"null" if trace_id is None else f"{chr(34)}{trace_id}{chr(34)}"}'
        f',"v":{VERSION}}}'
    ).encode()


def gap_record(count: int, *, record_id: str, now: float) -> bytes:
    """The record that says how many records before it could not be written.

    >>> gap_record(3, record_id="00-7", now=0)
    b'{"count":3,"event":"records-lost","id":"00-7","time":"1970-01-01T00:00:00.000000Z","v":1}'
    """
    return (
        f'{{"count":{count},"event":"records-lost","id":"{record_id}"'
        f',"time":"{timestamp(now)}","v":{VERSION}}}'
    ).encode()
