"""What each proxy of a chain says: `X-Forwarded-*`, and `Forwarded` (RFC 7239)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from .address import canonical_address
from .host import Host, parse_host

T = TypeVar("T")

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Bare IPv6 literals are not tokens, but proxies send them.
_PAIR = re.compile(
    rb"[ \t]*(" + _TOKEN + rb')=(?:"((?:[^"\\]|\\.)*)"|([!#$%&\'*+\-.^_`|~0-9A-Za-z:\[\]]*))[ \t]*'
)
_NODE = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::[0-9]{1,5}|:_[A-Za-z0-9._-]+)?\Z")
_UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104  nobody has these addresses


class Malformed(Exception):
    """The proxy headers contradict each other or break their grammar."""


class Hop(NamedTuple):
    """One element of the chain: the address (None: unknown or obfuscated), scheme, and host."""

    address: str | None
    scheme: str | None
    host: Host | None


def x_forwarded(headers: Mapping[bytes, bytes]) -> list[Hop]:
    """The chain, leftmost hop first.

    Raises:
        Malformed: it breaks the grammar, or its headers contradict each other.
    """
    chain, proto = headers.get(b"x-forwarded-for"), headers.get(b"x-forwarded-proto")
    said_host = headers.get(b"x-forwarded-host")
    if (
        (chain is not None and b"," not in chain)
        and (proto is not None and b"," not in proto)
        and (said_host is None or b"," not in said_host)
    ):  # one proxy, as nearly always
        host = None if said_host is None else _host(said_host.strip(b" \t"))
        return [Hop(_node(chain.strip(b" \t")), _scheme(proto.strip(b" \t")), host)]
    addresses = [_node(item) for item in _items(chain)]
    size = max(len(addresses), 1)
    schemes = _align([_scheme(v) for v in _items(proto)], size)
    hosts = _align([_host(v) for v in _items(said_host)], size)
    return [
        Hop(address, scheme, host)
        for address, scheme, host in zip(addresses or [None], schemes, hosts, strict=True)
    ]


def forwarded(headers: Mapping[bytes, bytes]) -> list[Hop]:
    """The same, as `x_forwarded` has it."""
    value = headers.get(b"forwarded", b"")
    return [_forwarded_hop(pairs) for pairs in _forwarded_elements(value)]


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
    address = canonical_address(text)
    if address is None:
        if text.lower() == "unknown" or text.startswith("_"):
            return None
        match = _NODE.match(text)
        address = canonical_address(match[1] or match[2]) if match else None
    if address is None or address in _UNSPECIFIED:
        raise Malformed
    return address


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
