"""Behind proxies under ASGI: where a request comes from, and what the app gets to see of that."""

from __future__ import annotations

from collections.abc import Callable

from ._asgi_request import ASGIExchange, Scope
from ._boundary import COMMON_METHODS, Boundary, Provenance, TrustedProxies, warn_of_rewriting
from ._boundary.provenance import padded, remember


def deriving(
    boundary: Boundary, proxies: TrustedProxies
) -> Callable[[ASGIExchange], Provenance | None]:
    """`boundary.derive` with a memory of what the last few peers said."""
    first, second, third = padded(proxies.wants)
    known = boundary.known_provenances

    def derive(exchange: ASGIExchange) -> Provenance | None:
        headers = exchange.headers
        get = headers.get
        key = (exchange.peer, get(b"host"), get(first), get(second), get(third))
        found = known.get(key)
        if found is None or exchange.method not in COMMON_METHODS:
            made = boundary.derive(exchange)
            if made is not None and exchange.malformed is None:
                remember(known, key, made)
            return made
        exchange.host, exchange.client = found.host, found.client
        if found.scheme is not None:
            exchange.scheme = found.scheme
        if found.authority is not None:
            headers[b"host"] = found.authority.encode("ascii")
        return found

    return derive


def tell(provenance: Provenance, exchange: ASGIExchange, scope: Scope) -> None:
    """Tell the app where the request comes from, and nothing that nobody vouches for."""
    peer = scope.get("client")
    if peer and peer[1] == 0 and _is_rewritten(exchange):
        warn_of_rewriting()
    lines = scope.get("headers") or ()
    kept = provenance.withheld.kept(lines)
    if kept is not lines:
        scope["headers"] = kept
    if provenance.authority is not None:
        host = (b"host", provenance.authority.encode("ascii"))
        if host not in kept:
            scope["headers"] = [host, *(line for line in kept if line[0] != b"host")]
    if exchange.kind == "websocket":
        scope["scheme"] = "wss" if exchange.scheme == "https" else "ws"
    else:
        scope["scheme"] = exchange.scheme
    client = provenance.client
    if provenance.forwarded:
        scope["client"] = (client, 0)  # the port is the proxy's
    elif client is not None and client != exchange.peer:
        scope["client"] = (client, scope["client"][1])  # its one spelling


def _is_rewritten(exchange: ASGIExchange) -> bool:
    """No TCP connection comes from port 0: servers put it beside an address that was forwarded.
    Where only the scheme was, nothing shows."""
    return (
        exchange.parent is None and exchange.boundary.canonical_address(exchange.peer) is not None
    )
