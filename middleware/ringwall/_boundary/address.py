"""Network addresses in one canonical form."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST = 64
# A number of an IPv4 address, in its one spelling.
_OCTETS = frozenset(map(str, range(256)))
# The name of a network interface, as in `fe80::1%eth0`; in URIs `%25eth0` (RFC 6874).
_ZONE = re.compile(r"[A-Za-z0-9._~:@+-]+\Z")


def parse_address(text: str) -> Address | None:
    """An address without its zone, IPv4-mapped IPv6 as IPv4; None where it is none.

    >>> parse_address("::ffff:192.0.2.1")
    IPv4Address('192.0.2.1')
    """
    return _parse(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=1024)  # a larger one is copied now and then, in one request
def _parse(text: str) -> Address | None:
    name, percent, zone = text.partition("%")
    if percent and (":" not in name or not _ZONE.match(zone.removeprefix("25"))):
        return None  # only IPv6 has zones (RFC 4007 section 11)
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def canonical_address(text: str | None) -> str | None:
    """One spelling for one address, so that no client has two; None where it is none.

    >>> canonical_address("2001:DB8:0::1")
    '2001:db8::1'
    """
    if text is None or len(text) > _LONGEST:
        return None
    if text.count(".") == 3 and _OCTETS.issuperset(text.split(".")):
        return text  # nearly all; ten times as fast as to parse it, so none need be remembered
    return _canonical(text)


@lru_cache(maxsize=1024)  # a larger one is copied now and then, in one request
def _canonical(text: str) -> str | None:
    address = _parse(text)
    return None if address is None else address.compressed
