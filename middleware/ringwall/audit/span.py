"""The attributes of a SERVER span (OpenTelemetry HTTP semantic conventions, stable part)."""

from __future__ import annotations

from functools import lru_cache

from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from .._exchange import Decision, Exchange, Outcome
from .record import clean, error_type
from .redaction import Redaction, redact_query

# Methods of the conventions; whatever else clients send must not become a name or a series.
METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
_ERROR = Status(StatusCode.ERROR)
_INTERNAL_ERROR_CLOSE = 1011  # RFC 6455 section 7.4.1
_LONGEST_PATH = 512
_LONGEST_VALUE = 256
_LONGEST_METHOD = 32


def start_attributes(
    exchange: Exchange, method: str, known: str, redaction: Redaction
) -> dict[str, AttributeValue]:
    """What is known at the start, where samplers see it."""
    attributes: dict[str, AttributeValue] = {
        "http.request.method": known,
        "url.path": clean(redaction.target(exchange), _LONGEST_PATH),
        "url.scheme": exchange.scheme,
    }
    if known == "_OTHER":
        attributes["http.request.method_original"] = clean(method, _LONGEST_METHOD)
    if exchange.query:
        attributes["url.query"] = redact_query(exchange.query)
    for name, field, address in (
        ("client.address", "client", exchange.client),
        ("network.peer.address", "peer", exchange.peer),
    ):
        told = None if address is None else redaction.field(field)(address)
        if told is not None:
            attributes[name] = clean(told, _LONGEST_VALUE)
    host = exchange.host
    if host is not None:
        attributes["server.address"] = host.name
        attributes["server.port"] = host.port or (443 if exchange.scheme == "https" else 80)
    if exchange.kind == "websocket":
        attributes["network.protocol.name"] = "websocket"
    agent = exchange.headers.get(b"user-agent")
    if agent is not None:
        attributes["user_agent.original"] = clean(agent.decode("latin-1"), _LONGEST_VALUE)
    for header in redaction.headers:
        value = exchange.headers.get(header.encode())
        if value is not None:
            attributes[f"http.request.header.{header}"] = (
                clean(value.decode("latin-1"), _LONGEST_VALUE),
            )
    return attributes


@lru_cache(maxsize=1024)
def _decisions(decisions: tuple[Decision, ...]) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "ringwall.decisions": tuple(
            f"{layer} {outcome} {rule} {reason}" for layer, outcome, rule, reason, _ in decisions
        )
    }
    for decision in decisions:
        if decision.outcome == "deny":
            attributes["ringwall.refused_by"] = decision.layer
            attributes["ringwall.rule"] = decision.rule
            attributes["ringwall.reason"] = decision.reason
    return attributes


def error_of(outcome: Outcome) -> str | None:
    """`error.type` of the conventions: a 4xx is the client's failure and none of the server's."""
    if outcome.error is not None:
        return error_type(outcome.error)
    if outcome.status is None:
        return "no_response"
    if outcome.status >= 500:
        return f"{outcome.status:d}"
    return str(_INTERNAL_ERROR_CLOSE) if outcome.close_code == _INTERNAL_ERROR_CLOSE else None


def finish(
    span: Span, exchange: Exchange, outcome: Outcome, method: str, error: str | None
) -> None:
    attributes: dict[str, AttributeValue] = {}
    if exchange.decisions:
        attributes.update(_decisions(tuple(exchange.decisions)))
    if exchange.route is not None:
        attributes["http.route"] = exchange.route
        span.update_name(f"{'HTTP' if method == '_OTHER' else method} {exchange.route}")
    if outcome.status is not None:
        attributes["http.response.status_code"] = outcome.status
    if outcome.close_code is not None:
        attributes["ringwall.websocket.close_code"] = outcome.close_code
    if error is not None:
        attributes["error.type"] = error
        span.set_status(_ERROR)
    span.set_attributes(attributes)
