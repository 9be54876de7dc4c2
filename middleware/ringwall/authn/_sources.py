"""Where the keys come from: given, a file, or fetched from the issuer."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from .._errors import ConfigurationError
from .._pending import Call, Pending, perform
from ._algorithms import ASYMMETRIC, HMAC, KNOWN
from ._files import FileUnusable, WatchedFile
from ._json import NotJSON, strict_json
from ._keys import KeySet, keys_from_jwks, keys_from_pem
from ._strength import UnusableKey

if TYPE_CHECKING:
    from ._fetch import Fetcher

_log = logging.getLogger("ringwall.authn")


Keys: TypeAlias = "Mapping[str, Any] | str | bytes | os.PathLike[str]"


class KeySource:
    """A port to the issuer's keys; as it is, to keys given in the configuration.

    Attributes:
        keys: the keys of now; None while there are none.
        colours: the interfaces it can serve.
    """

    keys: KeySet | None
    colours = frozenset({"asgi", "wsgi"})

    def __init__(self, keys: KeySet | None) -> None:
        self.keys = keys

    def ready(self) -> bool:
        """Whether `keys` may be used at once; if not, `refresh` comes first."""
        return True

    def may_have_more(self) -> bool:
        """Whether a `refresh` could find a key that is unknown so far."""
        return False

    def refresh(self) -> Pending[None]:
        """Get the keys anew. Raises nothing: after a failure `keys` is as it was, or None."""
        yield from ()


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

    def ready(self) -> bool:
        try:
            self.keys = self._file.get()
        except FileUnusable:
            self.keys = None
        return True


class RemoteKeys(KeySource):
    """The issuer's JWK Set, fetched when it is needed and kept when the issuer is away.

    One fetch at a time, and at most one per `cooldown`, whatever `kid`s strangers invent. While
    old keys are being replaced, only the request that found them old waits. A failed fetch never
    takes keys away; after `max_stale` without a success they end.

    Parameters:
        url: the JWK Set, or, with `issuer`, the issuer's metadata that names it.
        fetcher: the port.
        algorithms: the allow-list.
        issuer: what the metadata must name as `issuer`.
        ttl, max_stale, cooldown: seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        fetcher: Fetcher,
        algorithms: frozenset[str],
        *,
        issuer: str | None = None,
        ttl: float = 600.0,
        max_stale: float = 86400.0,
        cooldown: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(None)
        self.colours = frozenset(
            colour
            for colour, method in (("wsgi", "fetch"), ("asgi", "afetch"))
            if getattr(fetcher, method, None) is not None
        )
        if not self.colours:
            raise ConfigurationError("fetcher needs a method fetch(url) or afetch(url)")
        self._url = url
        self._fetch = getattr(fetcher, "fetch", None)
        self._afetch = getattr(fetcher, "afetch", None)
        self._algorithms = algorithms
        self._issuer = issuer
        self._ttl = ttl
        self._max_stale = max_stale
        self._cooldown = cooldown
        self._clock = clock
        self._flight = _Flight()
        self._flying = False
        self._failures = 0
        self._due = self._end = self._next_attempt = float("-inf")

    def ready(self) -> bool:
        now = self._clock()
        if now >= self._end:
            self.keys = None
        if self.keys is None:
            return now < self._next_attempt and not self._flying
        return now < self._due or now < self._next_attempt or self._flying

    def may_have_more(self) -> bool:
        return self._flying or self._clock() >= self._next_attempt

    def refresh(self) -> Pending[None]:
        release = yield from perform(Call(self._flight.acquire, self._flight.aacquire))
        try:
            # Another request may have fetched while this one waited.
            if self._clock() < self._next_attempt:
                return
            self._flying = True
            self._next_attempt = self._clock() + self._cooldown
            try:
                keys = yield from self._get()
            except BaseException as error:
                # Whatever a port throws, the keys stay as they were. A cancelled request counts
                # as a failure, too: else who hangs up early could ask for a fetch each time.
                self._failed(error)
                if not isinstance(error, Exception):
                    raise
            else:
                self._install(keys)
        finally:
            self._flying = False
            release()

    def _get(self) -> Pending[KeySet]:
        url = self._url
        if self._issuer is not None:
            metadata: Any = strict_json((yield from self._load(url)))
            # OpenID Connect Discovery section 4.3, RFC 8414 section 3.3: the issuer must be
            # exactly the one that was asked, or one tenant could speak for another.
            if type(metadata) is not dict or metadata.get("issuer") != self._issuer:
                raise UnusableKey("the metadata name another issuer")
            url = check_url(metadata.get("jwks_uri"), "jwks_uri")
        document = strict_json((yield from self._load(url)))
        return keys_from_jwks(document, self._algorithms, trusted=False)

    def _load(self, url: str) -> Pending[bytes]:
        return perform(Call(self._fetch, self._afetch, url))

    def _install(self, keys: KeySet) -> None:
        now = self._clock()
        self._failures = 0
        self._due = now + self._ttl
        self._end = now + self._ttl + self._max_stale
        if not keys.same_as(self.keys):
            self.keys = keys

    def _failed(self, error: BaseException) -> None:
        # The kind of error only: a message could quote what the other side sent.
        _log.warning("the keys of a token issuer could not be fetched: %s", type(error).__name__)
        if self.keys is None:
            # Nothing can be let in without keys, so come back sooner than after a cooldown.
            wait = min(self._cooldown, 2.0**self._failures)
            self._failures = min(self._failures + 1, 10)
            self._next_attempt = self._clock() + wait


class _Flight:
    """A lock in two colours: threads wait for threads, tasks for tasks of the same event loop."""

    def __init__(self) -> None:
        from anyio import Lock
        from anyio.lowlevel import RunVar

        self._lock = threading.Lock()
        self._new = Lock
        self._locks = RunVar[Lock]("ringwall-keys")

    def acquire(self) -> Callable[[], None]:
        self._lock.acquire()
        return self._lock.release

    async def aacquire(self) -> Callable[[], None]:
        try:
            lock = self._locks.get()
        except LookupError:
            lock = self._new()
            self._locks.set(lock)
        await lock.acquire()
        return lock.release


def check_url(url: object, name: str) -> str:
    """An absolute https URL without credentials in it.

    Raises:
        ConfigurationError: anything else.
    """
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
            plain = parts.username is None and not parts.fragment and parts.port != 0
            if parts.scheme == "https" and parts.hostname and plain and url.isprintable():
                return url
        except ValueError:
            pass
    raise ConfigurationError(f"{name} must be an https:// URL without credentials or fragment")


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
    issuer: str,
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
    if keys is None or (isinstance(keys, str) and "://" in keys):
        return _remote(keys, issuer, algorithms, fetcher, ttl, max_stale, cooldown, clock)
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
    issuer: str,
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
    if url is None:
        try:
            base = check_url(issuer, "issuer").rstrip("/")
        except ConfigurationError:
            raise ConfigurationError(
                "without keys they are looked for at the issuer, so issuer must be an https:// URL;"
                " or give keys='https://.../jwks.json', a PEM text, a path or a JWK Set"
            ) from None
        url, expected = base + "/.well-known/openid-configuration", issuer
    else:
        check_url(url, "keys")
    if fetcher is None:
        from ._fetch import HTTPFetcher

        fetcher = HTTPFetcher()
    return RemoteKeys(
        url,
        fetcher,
        algorithms or ASYMMETRIC,
        issuer=expected,
        ttl=ttl,
        max_stale=max_stale,
        cooldown=cooldown,
        clock=clock,
    )
