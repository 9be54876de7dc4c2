"""The boundary: the one place where host, scheme, client and path are judged, once per request.

A refusal by the boundary is a verdict like a layer's. It stands right before the first layer that
relies on what it checks, so that layers which can do without (audit, rate limits) still see the
request: it is counted and recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from .._exchange import Decision, Exchange
from ..problem import Response, problem
from .address import canonical_address
from .host import Host, parse_host
from .path import PathCheck
from .provenance import Key, Provenance
from .proxies import Forwarding, Malformed, TrustedProxies
from .rewriting import warn_of_rewriting

if TYPE_CHECKING:
    from .._layer import Layer

__all__ = [
    "Boundary",
    "Host",
    "Provenance",
    "TrustedProxies",
    "parse_host",
    "remember_host",
    "warn_of_rewriting",
]

COMMON_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
_MOST_KNOWN_HOSTS = 256
_MOST_KNOWN_CLIENTS = 1024
_MOST_KNOWN_PATHS = 1024
_LONGEST_KNOWN_PATH = 128
UNKNOWN = object()
_NOTHING_SAID = Forwarding(None, None, None)
# Methods are case-sensitive (RFC 9110 section 9.1), but some frameworks upper-case them: a rule
# for "GET" must not be passed by "get".
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]{0,31}\Z")

BAD_HOST = problem(400, "The Host header is malformed.", code="malformed-host")
BAD_METHOD = problem(400, "The request method is malformed.", code="malformed-method")
BAD_PROXY_HEADERS = problem(
    400, "The proxy headers are malformed or contradict each other.", code="malformed-forwarding"
)
BAD_PATH = problem(
    400,
    "The path is ambiguous: it must begin with '/' and hold no empty or dot segments, no"
    " backslashes, semicolons, control characters, encoded slashes or percent signs.",
    code="ambiguous-path",
)
_DECISIONS = {
    refusal: Decision("boundary", "deny", "strict", code)
    for refusal, code in (
        (BAD_HOST, "malformed-host"),
        (BAD_METHOD, "malformed-method"),
        (BAD_PROXY_HEADERS, "malformed-forwarding"),
        (BAD_PATH, "ambiguous-path"),
    )
}


T = TypeVar("T", bytes, str)


def remember_host(known: dict[T | None, Host], value: T, host: Host) -> None:
    """Keep a host that is well-formed. When there are too many, all are forgotten: whoever sends
    junk costs the hosts that are meant one slower request each in so many, and shuts none out."""
    if len(known) >= _MOST_KNOWN_HOSTS:
        known.clear()
    known[value] = host


class Boundary:
    """Derives host, scheme and client of an exchange, and judges its path on demand.

    Parameters:
        proxies: whose proxy headers count; None: nobody's.
        relax: names of path refusals to lift, see `PathCheck`.

    Attributes:
        layers: those of the stack that it belongs to; so an exchange knows what is around the app.
    """

    layers: tuple[Layer, ...] = ()
    canonical_address: Callable[[str | None], str | None] = staticmethod(canonical_address)

    def __init__(
        self, proxies: TrustedProxies | None = None, relax: Iterable[str] = frozenset()
    ) -> None:
        self.proxies = proxies
        self.relax: frozenset[str] = frozenset(relax)
        # Hosts that were seen and are well-formed, for the adapters: one look-up for most requests.
        self.known_hosts: dict[bytes | None, Host] = {}
        # The same of addresses: the last few clients, in canonical form.
        self.known_clients: dict[str | None, str] = {}
        # And of peers, with their Host and proxy headers.
        self.known_provenances: dict[Key, Provenance] = {}
        self.wants: frozenset[bytes] = frozenset({b"host"}) | (
            proxies.wants if proxies else frozenset()
        )
        # And of paths that have one reading only, with the raw path that they came from.
        self.known_paths: dict[str, bytes | None] = {}
        # Those of them that were sent as they are: in ASCII, without escapes.
        self.plain_paths: set[str] = set()
        self._path_is_plain = PathCheck(self.relax).__call__  # quicker than the instance

    def client_at(self, peer: str | None) -> str | None:
        """The canonical address of a client that is the socket's other end."""
        client = canonical_address(peer)
        if client is not None:
            if len(self.known_clients) >= _MOST_KNOWN_CLIENTS:
                self.known_clients.clear()
            self.known_clients[peer] = client
        return client

    def derive(self, exchange: Exchange) -> Provenance | None:
        """Fill in `host`, and behind a trusted peer `scheme` and `client`; or `malformed`.

        Returns what it found where this stack knows of proxies.
        """
        if exchange.method not in COMMON_METHODS and not _is_method(exchange):
            exchange.malformed = BAD_METHOD
        value = exchange.headers.get(b"host")
        if value is not None:
            host = exchange.host = parse_host(value)
            if host is None:
                exchange.malformed = BAD_HOST
            else:
                remember_host(self.known_hosts, value, host)
        parent = exchange.parent
        if parent is not None and self.proxies is None:
            # A stack wrapped around this one has derived them already, perhaps from a proxy. The
            # host is its own again if something between the two has changed the header.
            exchange.client, exchange.scheme = parent.client, parent.scheme
            exchange.malformed = parent.malformed or exchange.malformed
            if value == parent.headers.get(b"host"):
                exchange.host = parent.host
        return None if self.proxies is None else self._provenance(exchange, self.proxies)

    def _provenance(self, exchange: Exchange, proxies: TrustedProxies) -> Provenance:
        said, trusted = _NOTHING_SAID, proxies.trusts(exchange.peer)
        if trusted:
            try:
                said = proxies.read(exchange.headers)
            except Malformed:
                exchange.malformed = BAD_PROXY_HEADERS
        peer = canonical_address(exchange.peer)
        exchange.client = peer if said.client is None else said.client
        exchange.scheme = said.scheme or exchange.scheme
        authority = None
        if said.host is not None:
            exchange.host, authority = said.host, said.host.authority
            exchange.headers[b"host"] = authority.encode("ascii")
        return Provenance(
            exchange.host,
            said.scheme,
            exchange.client,
            exchange.client != peer,
            authority,
            proxies.withheld(trusted),
        )

    def judge_target(self, exchange: Exchange) -> Response | None:
        """Refuse a request whose host, method or proxy headers are malformed."""
        if exchange.malformed is not None:
            exchange.decisions.append(_DECISIONS[exchange.malformed])
        return exchange.malformed

    def judge_path(self, exchange: Exchange) -> Response | None:
        """Refuse a path that two readers could read differently."""
        path, raw_path = exchange.path, exchange.raw_path
        if self.known_paths.get(path, UNKNOWN) == raw_path:
            return None
        # The root of a mounted app is empty; an empty target outside a mount is not a path.
        if self._path_is_plain(path or (exchange.root and "/"), raw_path):
            if 0 < len(path) <= _LONGEST_KNOWN_PATH and len(raw_path or b"") <= _LONGEST_KNOWN_PATH:
                if len(self.known_paths) >= _MOST_KNOWN_PATHS:
                    self.known_paths.clear()
                    self.plain_paths.clear()
                self.known_paths[path] = raw_path
                if path.isascii() and raw_path == path.encode():
                    self.plain_paths.add(path)
            return None
        exchange.decisions.append(_DECISIONS[BAD_PATH])
        return BAD_PATH


def _is_method(exchange: Exchange) -> bool:
    # WEBSOCKET is our name for a handshake: no HTTP request may pass for one.
    if exchange.kind == "websocket" or exchange.method == "WEBSOCKET":
        return exchange.kind == "websocket"
    return _METHOD.match(exchange.method) is not None
