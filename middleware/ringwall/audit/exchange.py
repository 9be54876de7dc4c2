"""The record of one exchange: one line of canonical JSON (RFC 8785), built by hand.

The keys stand in sorted order, numbers are integers, and no string holds a character that JSON
must escape beyond `"` and `\\`: the line is its own canonical form and can be hashed as it is.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .._exchange import ClientDisconnected, Decision, Exchange, Outcome
from ..principal import Principal
from .record import VERSION, clean, error_type, quote, quote_clean, timestamp
from .redaction import PLAIN, Masked, Redaction
from .sizes import told_sizes
from .timings import told_timings

_ANONYMOUS = '{"authenticated":false,"credential":null,"issuer":null,"scheme":null,"subject":null}'
_LONGEST_PATH = 512
_LONGEST_NAME = 256
_LONGEST_METHOD = 32
_LONGEST_BODY = 4096
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

_VERSION = '"version":'
_METHODS = {name: f'"{name}"' for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")}


# Decisions and templates hold names from the configuration only: few and not chosen by clients.
@lru_cache(maxsize=1024)
def _decisions(decisions: tuple[Decision, ...]) -> tuple[str, bool]:
    """The decisions as JSON, and whether one of them refused the request."""
    items = ",".join(
        f'{{"layer":{quote(layer)},"outcome":{quote(outcome)}'
        f',"reason":{quote(reason)},"rule":{quote(rule)}'
        f"{'' if version is None else ',' + _VERSION + quote(version)}}}"
        for layer, outcome, rule, reason, version in decisions
    )
    return f"[{items}]", any(decision.outcome == "deny" for decision in decisions)


@lru_cache(maxsize=1024)
def _known(name: str | None) -> str:
    """`quote` for names that the configuration or an issuer chose."""
    return quote(name, _LONGEST_PATH)


@lru_cache(maxsize=4096)
def _host(name: str) -> str:
    """`quote` for names of hosts; clients who change theirs cost no more than without a cache."""
    return quote(name)


def _addresses(masked: Masked) -> Callable[[str | None], str]:
    """`quote` for addresses, in the form that may be told: a hash is not computed each time."""

    @lru_cache(maxsize=1024)
    def address(given: str | None) -> str:
        return quote(given and masked(given))

    return address


@lru_cache(maxsize=1024)
def _param_names(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The names of a template with their form in JSON, in the order of RFC 8785 section 3.2.3:
    by UTF-16 code units."""
    cleaned = {clean(name, _LONGEST_NAME): name for name in names[:_MOST_PARAMS]}
    order = sorted(cleaned, key=lambda name: name.encode("utf-16-be"))
    return tuple((cleaned[name], quote_clean(name)) for name in order)


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


class ExchangeForm:
    """How exchanges are written down.

    Parameters:
        redaction: what is left out or told in another form.
        policy_version: the version of the policy in force, told in each record; a function is
            asked each time.
        body_sizes, timings: tell how large the bodies were, how long the layers took.
    """

    def __init__(
        self,
        redaction: Redaction = PLAIN,
        policy_version: str | Callable[[], str] | None = None,
        *,
        body_sizes: bool = False,
        timings: bool = False,
    ) -> None:
        self._tells_sizes, self._tells_timings = body_sizes, timings
        self._redaction = redaction
        self._subject = redaction.field("subject")
        self._credential = redaction.field("credential")
        self._client = _addresses(redaction.field("client"))
        self._peer = _addresses(redaction.field("peer"))
        self._path = redaction.field("path")
        self._tells_body, self._tells_query = redaction.tells_bodies, redaction.tells_queries
        self._headers = [(name, name.encode()) for name in redaction.headers]
        self._ask_version = policy_version if callable(policy_version) else None
        self._version = "" if callable(policy_version) else quote(policy_version, _LONGEST_PATH)

    def __call__(
        self,
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
        """The record, without a line feed.

        Parameters:
            record_id, request_id, trace_id, span_id: hexadecimal digits, put in unescaped.
            started: seconds since the epoch.
            duration: seconds.
        """
        decided = exchange.decisions
        decisions, denied = _decisions(tuple(decided)) if decided else ("[]", False)
        principal, params, method = exchange.principal, exchange.params, exchange.method
        route, code, status = exchange.route, outcome.close_code, outcome.status
        host, error = exchange.host, outcome.error
        # A wildcard, or the template of the app's own router, has no parameter to name the target.
        shows_path = route is None or params is None or "*" in route
        trace = "null" if trace_id is None else f'"{trace_id}"'
        span = "null" if span_id is None else f'"{span_id}"'
        # One expression: each call saved counts, and the keys stand in their order.
        return (
            f'{{"actor":{_ANONYMOUS if principal is None else self._actor(principal)}'
            f"{self._body(exchange) if self._tells_body else ''}"
            f',"client":{self._client(exchange.client)}'
            f',"close_code":{int(code) if isinstance(code, int) else "null"}'
            f',"decisions":{decisions}'
            f',"duration_us":{int(duration * 1_000_000)}'
            f',"error":{"null" if error is None else quote(error_type(error))}'
            f',"event":"exchange"'
            f"{self._chosen_headers(exchange) if self._headers else ''}"
            f',"host":{"null" if host is None else _host(host.name)}'
            f',"id":"{record_id}"'
            f',"kind":"{exchange.kind}"'
            f',"method":{_METHODS.get(method) or quote(method, _LONGEST_METHOD)}'
            f',"observed":"{timestamp(started + duration)}"'
            f',"outcome":"{outcome_of(denied, outcome)}"'
            f',"params":{self._params(params) if params else "{}"}'
            f',"path":{self._target(exchange) if shows_path else "null"}'
            f',"peer":{self._peer(exchange.peer)}'
            f',"policy_version":{self._version or self._asked_version()}'
            f"{self._query(exchange) if self._tells_query else ''}"
            f',"request_id":"{request_id}"'
            f"{told_sizes(exchange, outcome) if self._tells_sizes else ''}"
            f',"route":{"null" if route is None else _known(route)}'
            f',"scheme":"{exchange.scheme}"'
            f',"span_id":{span}'
            f',"status":{"null" if status is None else int(status)}'
            f',"time":"{timestamp(started)}"'
            f"{told_timings(exchange, duration) if self._tells_timings else ''}"
            f',"trace_id":{trace}'
            f',"v":{VERSION}}}'
        ).encode()

    def _actor(self, principal: Principal) -> str:
        credential = principal.credential_id
        return (
            f'{{"authenticated":true'
            f',"credential":{quote(credential and self._credential(credential))}'
            f',"issuer":{_known(principal.issuer)},"scheme":{_known(principal.scheme)}'
            f',"subject":{quote(self._subject(principal.subject))}}}'
        )

    def _params(self, params: dict[str, Any]) -> str:
        """The parameters of the matched template, as strings: they name the target."""
        field = self._redaction.field
        items = [
            f"{name}:{quote(field('params.' + key)(_text(params[key])))}"
            for key, name in _param_names(tuple(params))
        ]
        return f"{{{','.join(items)}}}"

    def _target(self, exchange: Exchange) -> str:
        return quote(self._path(self._redaction.target(exchange)), _LONGEST_PATH)

    def _asked_version(self) -> str:
        return _known(self._ask_version()) if self._ask_version is not None else "null"

    def _query(self, exchange: Exchange) -> str:
        return f',"query":{quote(self._redaction.query(exchange.query), _LONGEST_PATH)}'

    def _body(self, exchange: Exchange) -> str:
        body = self._redaction.body(exchange)
        if body is None:
            return ""
        return f',"body":{quote(body.decode("utf-8", "replace"), _LONGEST_BODY)}'

    def _chosen_headers(self, exchange: Exchange) -> str:
        items = [
            f'"{name}":{quote(exchange.headers[key].decode("latin-1"))}'
            for name, key in self._headers
            if key in exchange.headers
        ]
        return f',"headers":{{{",".join(items)}}}'
