"""The attributes of a SERVER span (OpenTelemetry HTTP semantic conventions, stable part)."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping
from functools import lru_cache

from opentelemetry.util.types import AttributeValue

from .._boundary import Host
from .._exchange import Exchange
from .record import clean
from .redaction import Masked, Redaction, redact_query

_LONGEST_PATH = 512
_LONGEST_VALUE = 256
_LONGEST_METHOD = 32


Form = Callable[[Exchange, str, str], Mapping[str, AttributeValue]]


class StartForm:
    """What of an exchange is told at its start.

    Parameters:
        redaction: what is left out or told in another form.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._target, self._hides_paths = redaction.target, redaction.hides_paths
        self._repeated = _repeated(redaction)
        self._headers = [
            (name.encode(), f"http.request.header.{name}") for name in redaction.headers
        ]

    def __call__(self, exchange: Exchange, method: str, known: str) -> dict[str, AttributeValue]:
        headers = exchange.headers
        agent = headers.get(b"user-agent")
        if agent and len(agent) > _LONGEST_VALUE:
            agent = agent[: _LONGEST_VALUE + 1]  # what is longer is cut, and marked
        path, query, version, port = exchange.facts()
        attributes = self._repeated(
            known, exchange.kind, exchange.scheme, exchange.host, exchange.client, exchange.peer,
            version, agent,
        ).copy()  # fmt: skip
        if self._hides_paths:
            path = self._target(exchange)
        attributes["url.path"] = clean(path, _LONGEST_PATH)
        if known == "_OTHER":
            attributes["http.request.method_original"] = clean(method, _LONGEST_METHOD)
        if query:
            attributes["url.query"] = redact_query(query)
        if port is not None and "network.peer.address" in attributes:
            attributes["network.peer.port"] = port
        for header, attribute in self._headers:
            value = headers.get(header)
            if value is not None:
                attributes[attribute] = (clean(value.decode("latin-1"), _LONGEST_VALUE),)
        return attributes


def _repeated(redaction: Redaction) -> Callable[..., dict[str, AttributeValue]]:
    """What a client's requests have in common, made once for as long as it is among the last."""
    client_as = _addresses(redaction.field("client"))
    peer_as = _addresses(redaction.field("peer"))

    @lru_cache(maxsize=1024)
    def repeated(
        known: str,
        kind: str,
        scheme: str,
        host: Host | None,
        client: str | None,
        peer: str | None,
        version: str | None,
        agent: bytes | None,
    ) -> dict[str, AttributeValue]:
        told: dict[str, AttributeValue | None] = {
            "http.request.method": known,
            "url.scheme": scheme,
            "client.address": client_as(client),
            "network.peer.address": peer_as(peer),
            "network.protocol.version": version,
            "network.protocol.name": "websocket" if kind == "websocket" else None,
            "user_agent.original": None if agent is None else _agent(agent),
        }
        if host is not None:
            told["server.address"] = host.name
            told["server.port"] = host.port or (443 if scheme == "https" else 80)
        return {name: value for name, value in told.items() if value is not None}

    return repeated


@lru_cache(maxsize=256)
def _agent(header: bytes) -> str:
    return clean(header.decode("latin-1"), _LONGEST_VALUE)


class LateAttributes(Mapping[str, AttributeValue]):
    """What is known at the start, where samplers see it. It is made up when it is looked at: most
    samplers that drop a span have not looked."""

    __slots__ = ("_made", "parts")

    _made: Mapping[str, AttributeValue]
    # The form, and what it is to be called with; who makes this sets it.
    parts: tuple[Form, Exchange, str, str] | None

    def __getitem__(self, name: str) -> AttributeValue:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def items(self) -> ItemsView[str, AttributeValue]:
        return self._all().items()

    def copy(self) -> dict[str, AttributeValue]:
        """Older SDKs take attributes to be a dict."""
        return dict(self._all())

    def _all(self) -> Mapping[str, AttributeValue]:
        parts = self.parts
        if parts is not None:
            form, exchange, method, known = parts
            self._made = form(exchange, method, known)
            self.parts = None  # whoever keeps this keeps no exchange
        return self._made


def _addresses(masked: Masked) -> Callable[[str | None], str | None]:
    """An address in the form that may be told: a hash is not computed each time."""

    @lru_cache(maxsize=1024)
    def address(given: str | None) -> str | None:
        told = None if given is None else masked(given)
        return None if told is None else clean(told, _LONGEST_VALUE)

    return address
