"""Lists of client networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from .._errors import ConfigurationError


class Networks:
    """Tells whether a client is in one of some networks, in time that their number does not change.

    Parameters:
        names: addresses and networks such as "192.0.2.0/24" or "2001:db8::/32".
        takes: how an error begins that teaches: "deny= takes networks such as '192.0.2.0/24'".

    Raises:
        ConfigurationError: one is neither, names one address of a network, or holds everybody.

    >>> Networks(["192.0.2.0/24"], "deny= takes networks").hold("192.0.2.7")
    True
    """

    __slots__ = ("_prefixes", "hold")

    def __init__(self, names: Iterable[object], takes: str) -> None:
        # By version and length of the prefix: the prefixes, as numbers.
        self._prefixes: dict[tuple[int, int], set[int]] = {}
        for name in names:
            network = _network(name, takes)
            shift = network.max_prefixlen - network.prefixlen
            prefixes = self._prefixes.setdefault((network.version, shift), set())
            prefixes.add(int(network.network_address) >> shift)
        self.hold = lru_cache(maxsize=1024)(self._hold)

    def __bool__(self) -> bool:
        return bool(self._prefixes)

    def _hold(self, client: str | None) -> bool:
        """Whether the address, in canonical form, lies in one. One that is unknown does not."""
        if client is None:
            return False
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        number, version = int(address), address.version
        return any(
            version == of and number >> shift in prefixes
            for (of, shift), prefixes in self._prefixes.items()
        )


def _network(name: object, takes: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        # A number would be an address, too.
        network = ipaddress.ip_network(name if isinstance(name, str) else "")
    except ValueError:
        raise ConfigurationError(f"{takes}, not {name!r}") from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:  # clients are known by the IPv4 address in it
            network = ipaddress.ip_network((mapped, network.prefixlen - 96))
    if network.prefixlen == 0:
        raise ConfigurationError(f"{takes}, not {name!r}, which is everybody")
    return network
