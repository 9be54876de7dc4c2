"""Whom a request is counted for. No request is exempt: one that has no name shares a bucket."""

from __future__ import annotations

import hashlib
import inspect
import ipaddress
import logging
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange

logger: logging.Logger = logging.getLogger("ringwall")

KeyFunction: TypeAlias = Callable[[Exchange], str]
Key: TypeAlias = "str | Callable[[Exchange], str | None] | Sequence[str]"

# The bucket of requests without a client address (a unix socket without trusted proxy headers).
# Keys of other kinds begin with a letter that begins no address: u principal, p credential,
# t claim, h header, r route, m several, k a callable's.
NOBODY = "nobody"

_LONGEST_KEY = 64
_KINDS = ("client", "principal", "credential", "route", "claim:NAME", "header:NAME")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]{1,64}\Z")


class CompiledKey(NamedTuple):
    """What `key=` stands for.

    of: the key of a request. policy: what to call a limit by it. parts: the names it was made of;
    "key" for a function of the user. wants: request headers it reads. identified: it asks who was
    authenticated. chosen: the client may choose it at will, so that it limits nobody by itself.
    """

    of: KeyFunction
    policy: str
    parts: tuple[str, ...]
    wants: frozenset[bytes] = frozenset()
    identified: bool = False
    chosen: bool = False


def client_key(ipv6_prefix: int) -> KeyFunction:
    """Count by client address, an IPv6 address by its network: a customer holds a whole /64."""

    @lru_cache(maxsize=1024)
    def network(text: str) -> str:
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError:
            return NOBODY
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        free = 128 - ipv6_prefix
        return f"{ipaddress.IPv6Address(int(address) >> free << free)}/{ipv6_prefix}"

    warned = False

    def key(exchange: Exchange) -> str:
        nonlocal warned
        client = exchange.client
        if client is None:
            if not warned:
                warned = True
                logger.warning(
                    "a request has no client address: all such requests share one rate limit;"
                    " behind a proxy write Stack(..., proxies=TrustedProxies([...]))"
                )
            return NOBODY
        return network(client) if ":" in client else client

    return key


def principal_key(by_client: KeyFunction) -> KeyFunction:
    """Count by principal: issuer and subject, whatever credential was shown. A request that speaks
    for nobody (optional authentication, exempt paths) counts by client."""

    def key(exchange: Exchange) -> str:
        principal = exchange.principal
        if principal is None:
            return by_client(exchange)
        issuer = principal.issuer
        if issuer is None:
            return bounded("u:" + principal.subject)
        # With its length before it, no issuer can run into a subject.
        return bounded(f"u{len(issuer)}:{issuer}{principal.subject}")

    return key


def credential_key(by_client: KeyFunction) -> KeyFunction:
    """Count by credential (the id of an API key or token), without one by principal or client."""
    by_principal = principal_key(by_client)

    def key(exchange: Exchange) -> str:
        principal = exchange.principal
        if principal is None or principal.credential_id is None:
            return by_principal(exchange)
        return bounded(joined("p", principal.issuer or "", principal.credential_id))

    return key


def claim_key(name: str, by_client: KeyFunction) -> KeyFunction:
    """Count by a claim, such as the tenant's; without a usable one by client. Issuers count
    apart: each has tenants of its own."""

    def key(exchange: Exchange) -> str:
        principal = exchange.principal
        value = None if principal is None else principal.claims.get(name)
        if principal is None or value.__class__ not in (str, int):
            return by_client(exchange)
        return bounded(joined("t", name, principal.issuer or "", str(value)))

    return key


def header_key(name: str, by_client: KeyFunction) -> KeyFunction:
    """Count by a request header, without one by client."""
    field = name.encode("ascii")

    def key(exchange: Exchange) -> str:
        value = exchange.headers.get(field)
        if value is None:
            return by_client(exchange)
        return bounded(joined("h", name, value.decode("latin-1")))

    return key


def route_key(exchange: Exchange) -> str:
    """Count by path template. Paths that match none share one bucket."""
    return bounded("r" + (exchange.route or ""))


def custom_key(function: Callable[[Exchange], str | None], by_client: KeyFunction) -> KeyFunction:
    """Count by what a callable returns; where that is None, by client.

    The key function raises TypeError for anything but a string or None: a refusal.
    """

    def key(exchange: Exchange) -> str:
        value = function(exchange)
        if value is None:
            return by_client(exchange)
        if not isinstance(value, str):
            raise TypeError("the key function must return a string or None")
        return bounded("k:" + value)

    return key


def composed_key(parts: Sequence[KeyFunction]) -> KeyFunction:
    """Count by several at once."""

    def key(exchange: Exchange) -> str:
        return bounded(joined("m", *[part(exchange) for part in parts]))

    return key


def joined(kind: str, *parts: str) -> str:
    """Parts with their lengths before them, so that none can run into the next.

    >>> joined("m", "a", "bc") == joined("m", "ab", "c")
    False
    """
    return kind + "".join([f"{len(part)}:{part}" for part in parts])


def bounded(key: str) -> str:
    """The key, or where it is long its hash: a client must not choose how much memory it takes.

    >>> bounded("u:alice"), len(bounded("u:" + "a" * 1000))
    ('u:alice', 65)
    """
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32)
    return key[0] + digest.hexdigest()


def compile_key(key: Key, ipv6_prefix: int) -> CompiledKey:
    """What `key=` stands for.

    Raises:
        ConfigurationError: it stands for nothing, or the prefix is out of range.
    """
    if type(ipv6_prefix) is not int or not 32 <= ipv6_prefix <= 64:
        raise ConfigurationError(
            "ipv6_prefix must be from 32 to 64: whoever holds a /64 holds all of its addresses"
        )
    by_client = client_key(ipv6_prefix)
    if isinstance(key, str):
        return _named(key, by_client)
    if isinstance(key, (tuple, list)):
        if len(key) < 2 or not all(isinstance(part, str) for part in key):
            raise ConfigurationError("key= takes several names, as in ('client', 'route')")
        parts = [_named(part, by_client) for part in key]
        return CompiledKey(
            composed_key([part.of for part in parts]),
            "-".join(part.policy for part in parts),
            tuple(key),
            frozenset[bytes]().union(*(part.wants for part in parts)),
            any(part.identified for part in parts),
            any(part.chosen for part in parts),
        )
    if not callable(key) or inspect.iscoroutinefunction(key):
        raise ConfigurationError(
            "key= takes 'client', 'principal', another name, several names, or a function (not a"
            " coroutine) of the exchange"
        )
    return CompiledKey(custom_key(key, by_client), "custom", ("key",))


def _named(key: str, by_client: KeyFunction) -> CompiledKey:
    kind, colon, name = key.partition(":")
    if key == "client":
        return CompiledKey(by_client, key, (key,))
    if key == "principal":
        return CompiledKey(principal_key(by_client), key, (key,), identified=True)
    if key == "credential":
        return CompiledKey(credential_key(by_client), key, (key,), identified=True)
    if key == "route":
        return CompiledKey(route_key, key, (key,))
    if kind == "claim" and name:
        return CompiledKey(claim_key(name, by_client), name, (key,), identified=True)
    if kind == "header" and _HEADER.match(name.lower()):
        name = name.lower()
        wants = frozenset({name.encode("ascii")})
        of = header_key(name, by_client)
        return CompiledKey(of, name, (f"header:{name}",), wants, chosen=True)
    hint = "; write for example 'claim:tenant' or 'header:x-device'"
    raise ConfigurationError(
        f"unknown key {key!r}" + (hint if colon else did_you_mean(key, _KINDS))
    )
