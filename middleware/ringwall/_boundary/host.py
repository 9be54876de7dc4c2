"""The Host header, parsed once and strictly (RFC 9110 section 7.2, RFC 3986 section 3.2.2)."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

# Letters, digits, hyphens, and underscores, which container networks use.
_NAME = re.compile(rb"(?=.{1,253}\.?\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?\Z")
_AUTHORITY = re.compile(rb"(\[[0-9a-f:.]+\]|[^\[\]:]*)(?::([0-9]{1,5}))?\Z")
_LONGEST = 300


class Host(NamedTuple):
    """A host as a client named it.

    name: lower-case, without brackets and without a trailing dot. port: None where none was given.
    is_ip: the name is an IPv4 or IPv6 address.

    >>> parse_host(b"Example.COM.:8443")
    Host(name='example.com', port=8443, is_ip=False)
    >>> parse_host(b"[2001:DB8::1]").authority
    '[2001:db8::1]'
    """

    name: str
    port: int | None
    is_ip: bool

    @property
    def authority(self) -> str:
        """The host as it stands in a URI, in brackets where it is an IPv6 address."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


def parse_host(value: bytes) -> Host | None:
    """Parse a Host header or authority; None where the grammar is broken.

    Userinfo, spaces, commas (two Hosts that a server joined), percent-encoding, slashes and 8-bit
    characters are all refused: each has fooled a URL parser somewhere.
    """
    return _parse(value) if len(value) <= _LONGEST else None


@lru_cache(maxsize=1024)
def _parse(value: bytes) -> Host | None:
    match = _AUTHORITY.match(value.lower())
    if match is None:
        return None
    name, digits = match.groups()
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 65536:
        return None
    if name.startswith(b"["):
        try:
            address = ipaddress.IPv6Address(name[1:-1].decode("ascii"))
        except ValueError:
            return None
        return Host(address.compressed, port, True)
    if not _NAME.match(name):
        return None
    text = name.decode("ascii").removesuffix(".")
    last = text.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        # A last label like this is an IPv4 address to a browser (WHATWG URL): the usual
        # spelling, or nothing.
        try:
            return Host(ipaddress.IPv4Address(text).compressed, port, True)
        except ValueError:
            return None
    return Host(text, port, False)
