"""Where the keys come from: given, a file, or fetched from the issuer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from .._errors import ConfigurationError
from ._algorithms import ASYMMETRIC, HMAC, KNOWN
from ._files import FileUnusable, WatchedFile
from ._json import NotJSON, strict_json
from ._keys import KeySet, keys_from_jwks, keys_from_pem
from ._remote import RemoteKeys
from ._source import OUTAGE, RESTORED, ROTATED, KeySource
from ._strength import UnusableKey
from ._urls import check_url, metadata_urls

if TYPE_CHECKING:
    from ._fetch import Fetcher

Keys: TypeAlias = "Mapping[str, Any] | str | bytes | os.PathLike[str] | KeySource"


class FileKeys(KeySource):
    """Keys in a PEM or JWKS file, read again when it changes."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        algorithms: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        self._file = WatchedFile(path, lambda data: parse_keys(data, algorithms), clock=clock)
        try:
            super().__init__(self._file.get())
        except FileUnusable as error:
            raise ConfigurationError(f"keys: {error}") from None

    def ready(self, interface: str) -> bool:
        try:
            keys = self._file.get()
        except FileUnusable:
            self._change(None, OUTAGE)
        else:
            self._change(keys, RESTORED if self.keys is None else ROTATED)
        return True

    def _change(self, keys: KeySet | None, event: str) -> None:
        if keys is not self.keys:
            if keys is None or not keys.same_as(self.keys):
                self.events.append(event)
            self.keys = keys


def parse_keys(data: bytes, algorithms: frozenset[str]) -> KeySet:
    """The keys of the user's own PEM text or JWK Set.

    Raises:
        UnusableKey: neither of them, or a key in it is bad.
    """
    if b"-----BEGIN" in data:
        return keys_from_pem(data, algorithms)
    try:
        document = strict_json(data)
    except NotJSON:
        raise UnusableKey(
            "neither a PEM text nor a JWK Set in strict JSON; an HMAC secret is written as a JWK:"
            " {'kty': 'oct', 'alg': 'HS256', 'k': '<base64url>'}"
        ) from None
    return keys_from_jwks(document, algorithms, trusted=True)


def make_source(
    keys: Keys | None,
    issuers: frozenset[str],
    algorithms: frozenset[str] | None,
    *,
    fetcher: Fetcher | None,
    ttl: float,
    max_stale: float,
    cooldown: float,
    clock: Callable[[], float],
) -> KeySource:
    """Tell from its form what `keys` is: see `JWT`.

    Raises:
        ConfigurationError: none of the forms, or the keys in it are no good.
    """
    if isinstance(keys, KeySource):
        return keys
    if keys is None or (isinstance(keys, str) and "://" in keys):
        return _remote(keys, issuers, algorithms, fetcher, ttl, max_stale, cooldown, clock)
    allowed = algorithms or KNOWN
    try:
        if isinstance(keys, Mapping):
            found = keys_from_jwks(keys, allowed, trusted=True)
        elif isinstance(keys, bytes) or (isinstance(keys, str) and "-----BEGIN" in keys):
            found = parse_keys(keys.encode() if isinstance(keys, str) else keys, allowed)
        else:
            return FileKeys(keys, allowed, clock)
    except UnusableKey as error:
        raise ConfigurationError(f"keys: {error}") from None
    return KeySource(found)


def _remote(
    url: str | None,
    issuers: frozenset[str],
    algorithms: frozenset[str] | None,
    fetcher: Fetcher | None,
    ttl: float,
    max_stale: float,
    cooldown: float,
    clock: Callable[[], float],
) -> RemoteKeys:
    if algorithms is not None and not algorithms.isdisjoint(HMAC):
        raise ConfigurationError(
            f"{min(algorithms & HMAC.keys())} needs a shared secret, which no URL publishes; take"
            " it out of algorithms, or give the key as a JWK: keys={'kty': 'oct', ...}"
        )
    expected = None
    urls: tuple[str, ...]
    if url is not None:
        urls = (check_url(url, "keys"),)
    else:
        if len(issuers) > 1:
            raise ConfigurationError(
                "several issuers need their common keys=; for issuers with keys of their own write"
                " one JWT(...) for each: Authentication(JWT(...), JWT(...))"
            )
        (expected,) = issuers
        try:
            check_url(expected, "issuer")
        except ConfigurationError:
            raise ConfigurationError(
                "without keys they are looked for at the issuer, so issuer must be an https:// URL;"
                " or give keys='https://.../jwks.json', a PEM text, a path or a JWK Set"
            ) from None
        urls = metadata_urls(expected)
    if fetcher is None:
        from ._fetch import HTTPFetcher

        fetcher = HTTPFetcher()
    return RemoteKeys(
        urls,
        fetcher,
        algorithms or ASYMMETRIC,
        issuer=expected,
        ttl=ttl,
        max_stale=max_stale,
        cooldown=cooldown,
        clock=clock,
    )
