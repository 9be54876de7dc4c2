"""What a trusted proxy says of the client: `Forwarded` (RFC 7239) or `X-Forwarded-*`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar

from .._errors import ConfigurationError, did_you_mean
from .._fingerprint import Configured
from .address import Network, parse_address
from .host import Host, parse_host
from .withheld import withheld

T = TypeVar("T")
Family = Literal["x-forwarded", "forwarded"]

_WANTS: dict[str, frozenset[bytes]] = {
    "x-forwarded": frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}),
    "forwarded": frozenset({b"forwarded"}),
}
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Bare IPv6 literals are not tokens, but proxies send them.
_PAIR = re.compile(
    rb"[ \t]*(" + _TOKEN + rb')=(?:"((?:[^"\\]|\\.)*)"|([!#$%&\'*+\-.^_`|~0-9A-Za-z:\[\]]*))[ \t]*'
)
_MOST_HOPS = 32
_NODE = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::[0-9]{1,5}|:_[A-Za-z0-9._-]+)?\Z")


class Malformed(Exception):
    """The proxy headers contradict each other or break their grammar."""


class Hop(NamedTuple):
    """One element of the chain: the address (None: unknown or obfuscated), scheme, and host."""

    address: str | None
    scheme: str | None
    host: Host | None


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
        self._read = self._x_forwarded if headers == "x-forwarded" else self._forwarded
        self.tells_host = host
        self._withheld = withheld(headers, host)
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
        return address is not None and any(address in network for network in self._networks)

    def withheld(self, peer: str | None) -> Callable[[bytes], object]:
        """What tells of a header's name whether the app shall not see it in a request of this peer:
        by a result other than None."""
        return self._withheld.from_proxies if self.trusts(peer) else self._withheld.from_strangers

    def read(self, headers: dict[bytes, bytes]) -> Forwarding:
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

    def _x_forwarded(self, headers: dict[bytes, bytes]) -> list[Hop]:
        addresses = [_node(item) for item in _items(headers.get(b"x-forwarded-for"))]
        size = max(len(addresses), 1)
        schemes = _align([_scheme(v) for v in _items(headers.get(b"x-forwarded-proto"))], size)
        hosts = _align([_host(v) for v in _items(headers.get(b"x-forwarded-host"))], size)
        return [
            Hop(address, scheme, host)
            for address, scheme, host in zip(addresses or [None], schemes, hosts, strict=True)
        ]

    def _forwarded(self, headers: dict[bytes, bytes]) -> list[Hop]:
        value = headers.get(b"forwarded", b"")
        return [_forwarded_hop(pairs) for pairs in _forwarded_elements(value)]


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


def _items(value: bytes | None) -> list[bytes]:
    return [] if value is None else [item.strip(b" \t") for item in value.split(b",")]


def _align(values: Sequence[T], size: int) -> list[T | None]:
    """Spread single values over all hops; a list of another length must agree with itself."""
    if len(values) == size:
        return list(values)
    if len(set(values)) > 1:
        raise Malformed
    return [values[0] if values else None] * size


def _node(item: bytes) -> str | None:
    text = item.decode("latin-1")
    if text.lower() == "unknown" or text.startswith("_"):
        return None
    address = parse_address(text)
    if address is None:
        match = _NODE.match(text)
        address = parse_address(match[1] or match[2]) if match else None
    if address is None or address.is_unspecified:
        raise Malformed
    return address.compressed


def _scheme(item: bytes) -> str:
    scheme = item.lower()
    if scheme not in (b"http", b"https", b"ws", b"wss"):
        raise Malformed
    return {b"ws": "http", b"wss": "https"}.get(scheme) or scheme.decode("ascii")


def _host(item: bytes) -> Host:
    host = parse_host(item)
    if host is None:
        raise Malformed
    return host


def _forwarded_elements(value: bytes) -> list[dict[bytes, bytes]]:
    elements: list[dict[bytes, bytes]] = []
    position = 0
    while position < len(value):
        pairs: dict[bytes, bytes] = {}
        while True:
            match = _PAIR.match(value, position)
            if match is None:
                raise Malformed
            name = match[1].lower()
            if name in pairs:
                raise Malformed
            quoted, plain = match[2], match[3]
            pairs[name] = plain if quoted is None else re.sub(rb"\\(.)", rb"\1", quoted)
            position = match.end()
            if position == len(value) or value[position] != ord(";"):
                break
            position += 1
        elements.append(pairs)
        if position < len(value):
            if value[position] != ord(",") or position + 1 == len(value):
                raise Malformed
            position += 1
    return elements


def _forwarded_hop(pairs: dict[bytes, bytes]) -> Hop:
    address, scheme, host = pairs.get(b"for"), pairs.get(b"proto"), pairs.get(b"host")
    return Hop(
        None if address is None else _node(address),
        None if scheme is None else _scheme(scheme),
        None if host is None else _host(host),
    )
