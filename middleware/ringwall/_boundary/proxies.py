"""What a trusted proxy says of the client: `Forwarded` (RFC 7239) or `X-Forwarded-*`."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from .._errors import ConfigurationError, did_you_mean
from .._fingerprint import Configured
from .address import Network, parse_address
from .forwarded import Hop, Malformed, forwarded, x_forwarded
from .host import Host
from .withheld import Withheld, withheld

__all__ = ["Malformed", "TrustedProxies"]

_READ: dict[str, Callable[[Mapping[bytes, bytes]], list[Hop]]] = {
    "x-forwarded": x_forwarded,
    "forwarded": forwarded,
}

Family = Literal["x-forwarded", "forwarded"]

_WANTS: dict[str, frozenset[bytes]] = {
    "x-forwarded": frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}),
    "forwarded": frozenset({b"forwarded"}),
}
_MOST_HOPS = 32


class Forwarding(NamedTuple):
    """What was derived from the headers of a trusted peer; None: not said."""

    client: str | None
    scheme: str | None
    host: Host | None


class TrustedProxies(Configured):
    """Whose proxy headers count. By default nobody's do.

    The chain is read from the right: the first address that is not itself trusted is the client.
    One header family counts, the one that your proxy writes; the other is never read. The app sees
    neither the other one, nor the X-Forwarded-Host of a proxy that does not vouch for it, nor any
    of them in a request of somebody else: an empty list takes all of them away.

    Parameters:
        networks: addresses or CIDR networks of your proxies; "unix" for unix sockets.
        headers: "x-forwarded" (X-Forwarded-For and -Proto) or "forwarded" (RFC 7239).
        host: True: the proxy also vouches for the host, with its port (X-Forwarded-Host, or
            `host=`), and the app gets it as its Host header. Leave it off unless your proxy writes
            it on every request: else clients do.

    Raises:
        ConfigurationError: a network cannot be parsed, or trusts everybody.

    >>> proxies = TrustedProxies(["10.0.0.0/8", "unix"])
    >>> proxies.trusts("::ffff:10.1.2.3"), proxies.trusts(None), proxies.trusts("192.0.2.1")
    (True, True, False)
    >>> proxies.read({b"x-forwarded-for": b"6.6.6.6, 192.0.2.7, 10.9.9.9"}).client
    '192.0.2.7'
    """

    def __init__(
        self, networks: Iterable[str], *, headers: Family = "x-forwarded", host: bool = False
    ) -> None:
        if isinstance(networks, str):
            raise ConfigurationError(f"TrustedProxies takes a list: TrustedProxies([{networks!r}])")
        if headers not in _WANTS:
            raise ConfigurationError(
                f"unknown headers={headers!r} of TrustedProxies" + did_you_mean(headers, _WANTS)
            )
        names = list(networks)
        self._unix = "unix" in names
        self._networks = tuple(_network(name) for name in names if name != "unix")
        self._read = _READ[headers]
        self.tells_host = host
        self._from_strangers, self._from_proxies = withheld(headers, host)
        self.wants: frozenset[bytes] = (
            _WANTS[headers] if host else _WANTS[headers] - {b"x-forwarded-host"}
        )

    def __repr__(self) -> str:
        return f"<TrustedProxies {len(self._networks) + self._unix}>"

    def trusts(self, peer: str | None) -> bool:
        """Whether this address, or None for a unix socket, is one of the proxies."""
        if peer is None or peer == "":
            return self._unix
        address = parse_address(peer)
        if address is not None:
            for network in self._networks:  # quicker than any()
                if address in network:
                    return True
        return False

    def withheld(self, trusted: bool) -> Withheld:
        """The headers that the app shall not see in a request of a proxy, or of a stranger."""
        return self._from_proxies if trusted else self._from_strangers

    def read(self, headers: Mapping[bytes, bytes]) -> Forwarding:
        """Derive client, scheme and host from the headers of a trusted peer.

        Raises:
            Malformed: the headers break their grammar or contradict each other.
        """
        if any(headers.get(name, b"").count(b",") >= _MOST_HOPS for name in self.wants):
            raise Malformed
        hops = self._read(headers)
        scheme: str | None = None
        host: Host | None = None
        client: str | None = None
        for hop in reversed(hops):
            scheme = hop.scheme or scheme
            host = (hop.host or host) if self.tells_host else None
            if hop.address is None:
                break  # unknown or obfuscated: the last proxy we know is all we know
            client = hop.address
            if not self.trusts(client):
                break
        return Forwarding(client, scheme, host)


def _network(name: str) -> Network:
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        raise ConfigurationError(
            f"{name!r} is neither an address, a CIDR network like '10.0.0.0/8', nor 'unix'"
        ) from None
    if "/" in name and ipaddress.ip_address(name.partition("/")[0]) != network.network_address:
        raise ConfigurationError(f"{name!r} names one address of a network; write '{network}'")
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= 96:
            network = ipaddress.ip_network((mapped, network.prefixlen - 96))
    if network.prefixlen == 0:
        raise ConfigurationError(f"{name!r} trusts every client; name your proxies' networks")
    return network
