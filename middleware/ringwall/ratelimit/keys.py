"""Whom a request is counted for. No request is exempt: one that has no name shares a bucket."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange

logger = logging.getLogger("ringwall")

KeyFunction: TypeAlias = Callable[[Exchange], str]

# The bucket of requests without a client address (a unix socket without trusted proxy headers).
# The keys of an address, of a principal ("u") and of a callable ("k") begin otherwise.
NOBODY = "nobody"

_LONGEST_KEY = 64


def client_key(ipv6_prefix: int) -> KeyFunction:
    """Count by client address, an IPv6 address by its network: a customer holds a whole /64."""

    @lru_cache(maxsize=4096)
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


def bounded(key: str) -> str:
    """The key, or where it is long its hash: a client must not choose how much memory it takes.

    >>> bounded("u:alice"), len(bounded("u:" + "a" * 1000))
    ('u:alice', 65)
    """
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32)
    return key[0] + digest.hexdigest()


def key_function(key: str | Callable[[Exchange], str | None], ipv6_prefix: int) -> KeyFunction:
    """The function that `key=` stands for.

    Raises:
        ConfigurationError: it stands for none, or the prefix is out of range.
    """
    if type(ipv6_prefix) is not int or not 32 <= ipv6_prefix <= 64:
        raise ConfigurationError(
            "ipv6_prefix must be from 32 to 64: whoever holds a /64 holds all of its addresses"
        )
    by_client = client_key(ipv6_prefix)
    if key == "client":
        return by_client
    if key == "principal":
        return principal_key(by_client)
    if isinstance(key, str):
        raise ConfigurationError(
            f"unknown key {key!r}" + did_you_mean(key, ("client", "principal"))
        )
    if not callable(key):
        raise ConfigurationError("key= takes 'client', 'principal' or a function of the exchange")
    return custom_key(key, by_client)
