"""The way in under ASGI: what an exchange knows of a scope, and what the app gets to see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ._exchange import HTTP_VERSIONS, Exchange, Outcome
from ._lazy import lazy
from .principal import ANONYMOUS
from .problem import Header

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# What a scope says, and what it means. No other word does.
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


class ASGIExchange(Exchange):
    """An exchange over the scope as the server made it: the app gets a copy, so that whatever the
    app does to its own, what is derived late is derived from what was there at the start."""

    if not TYPE_CHECKING:
        __init__ = object.__init__  # the adapter sets what every request needs
    interface = "asgi"
    scope: Scope
    # What the wrapper around the server's `send` sends with. It knows the scope as the server made
    # it, in which no exchange of ours lies.
    send: Send
    # Until headers are asked for they lie here: the Host where nothing else is wanted, or the lines
    # as they were before the app, with what is wanted of them.
    told: bytes | tuple[Sequence[Header], frozenset[bytes]] | None = None

    @lazy
    def headers(self) -> dict[bytes, bytes]:
        told = self.told
        if isinstance(told, tuple):
            return collected(*told)
        return {} if told is None else {b"host": told}

    @lazy
    def root(self) -> str:
        return self.scope.get("root_path") or ""

    @lazy
    def path(self) -> str:
        # A router sees the path below its mount point. Servers and mounts put both into `path`.
        path: str = self.scope["path"]
        self.root = root = self.scope.get("root_path") or ""
        if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
            return path[len(root) :]
        return path

    @lazy
    def raw_path(self) -> bytes | None:
        return self.scope.get("raw_path")

    @lazy
    def query(self) -> bytes:
        return self.scope.get("query_string") or b""

    @lazy
    def may_close(self) -> bool:
        version: str = self.scope.get("http_version") or ""
        return version[:1] == "1" and self.kind == "http"

    @property
    def protocol_version(self) -> str | None:
        return HTTP_VERSIONS.get(self.scope.get("http_version") or "")

    @property
    def peer_port(self) -> int | None:
        try:
            port: int | None = self.scope["client"][1]
        except (LookupError, TypeError):
            return None
        return port or None

    def facts(self) -> tuple[str, bytes, str | None, int | None]:
        scope = self.scope
        # Where nothing is mounted or concealed they are what the scope says.
        if self.concealed is not None or scope.get("root_path"):
            return super().facts()
        try:
            port, query = scope["client"][1], scope["query_string"]
        except (LookupError, TypeError):
            return super().facts()
        version = HTTP_VERSIONS.get(scope.get("http_version") or "")
        return scope["path"], query or b"", version, port or None

    @lazy
    def subprotocols(self) -> Sequence[str]:
        # Not from the header: some servers take it out of the headers.
        return tuple(self.scope.get("subprotocols") or ())


def collected(lines: Sequence[Header], wants: frozenset[bytes]) -> dict[bytes, bytes]:
    """The headers that were asked for."""
    headers: dict[bytes, bytes] = {}
    for name, value in lines:
        if name in wants:
            headers[name] = value if name not in headers else headers[name] + b", " + value
    return headers


def hand_over(exchange: ASGIExchange, scope: Scope) -> None:
    """Tell the app what the layers found out."""
    if exchange.identified:
        scope["user"] = scope["auth"] = exchange.principal or ANONYMOUS
    if exchange.concealed is not None:
        exchange.concealed.of_scope(scope)


def forbid_response(scope: Scope) -> None:
    """A websocket that is open already cannot be answered by a response any more."""
    extensions = dict(scope.get("extensions") or ())
    extensions.pop("websocket.http.response", None)
    scope["extensions"] = extensions


def watch_disconnect(receive: Receive, outcome: Outcome) -> Receive:
    """Note with which code the client closes a websocket."""

    async def watched() -> Message:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            outcome.close_code = message.get("code", 1005)
        return message

    return watched
