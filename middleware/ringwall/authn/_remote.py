"""The issuer's keys over the network: fetched ahead of need, kept when the issuer is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError
from .._health import tell
from .._pending import Call, Pending, perform
from ._background import in_background
from ._flight import Flight
from ._json import strict_json
from ._keys import KeySet, keys_from_jwks
from ._source import OUTAGE, RESTORED, ROTATED, KeySource
from ._strength import UnusableKey
from ._urls import check_url

if TYPE_CHECKING:
    from ._fetch import Fetcher

_log = logging.getLogger("ringwall.authn")


class RemoteKeys(KeySource):
    """The issuer's JWK Set, fetched when it is needed and kept when the issuer is away.

    One fetch at a time, and at most one per `cooldown`, whatever `kid`s strangers invent. Keys
    older than `ttl` are renewed in the background while they go on serving; only keys that nobody
    renewed for twice as long, because nobody asked for them, are renewed before they are used. A
    failed fetch never takes keys away; after `ttl` and `max_stale` without a success they end.

    Parameters:
        urls: the JWK Set; or, with `issuer`, where the issuer's metadata that name it may be,
            tried in order.
        fetcher: the port.
        algorithms: the allow-list.
        issuer: what the metadata must name as `issuer`.
        ttl, max_stale, cooldown: seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        urls: tuple[str, ...],
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
        self._urls = urls
        self._fetch = getattr(fetcher, "fetch", None)
        self._afetch = getattr(fetcher, "afetch", None)
        self._algorithms = algorithms
        self._issuer = issuer
        self._name = f"the keys of {issuer or urls[0]}"
        self._ttl = ttl
        self._max_stale = max_stale
        self._cooldown = cooldown
        self._clock = clock
        self._flight = Flight()
        self._starting = threading.Lock()
        self._flying = False
        self._failures = 0
        self._due = self._late = self._end = self._next_attempt = float("-inf")

    def ready(self, interface: str) -> bool:
        now = self._clock()
        if now >= self._end:
            self.keys = None
        if self.keys is None:
            return now < self._next_attempt and not self._flying
        if now < self._due or now < self._next_attempt or self._flying:
            return True
        if now >= self._late and not self._failures:
            return False  # nobody asked for long: a key may have been withdrawn since
        return self._renew(now, interface)

    def may_have_more(self) -> bool:
        return self._flying or self._clock() >= self._next_attempt

    def refresh(self, token: bytes) -> Pending[None]:
        return self._refresh(token, ahead=False)

    def _renew(self, now: float, interface: str) -> bool:
        """Renew in the background; False where that is not possible."""
        with self._starting:
            if self._clock() < self._next_attempt:
                return True
            self._next_attempt = now + self._cooldown
        if in_background(self._refresh(b"", ahead=True), interface):
            return True
        self._next_attempt = now
        return False

    def _refresh(self, token: bytes, *, ahead: bool) -> Pending[None]:
        release = yield from perform(Call(self._flight.acquire, self._flight.aacquire))
        try:
            # Another request may have fetched while this one waited.
            if not ahead and self._clock() < self._next_attempt:
                return
            self._flying = True
            self._next_attempt = self._clock() + self._cooldown
            try:
                keys = yield from self._get(token)
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

    def _get(self, token: bytes) -> Pending[KeySet]:
        url = self._urls[0]
        if self._issuer is not None:
            url = yield from self._discover(self._issuer)
        document = strict_json((yield from self._load(url)))
        return keys_from_jwks(document, self._algorithms, trusted=False)

    def _discover(self, issuer: str) -> Pending[str]:
        *others, last = self._urls
        for url in others:
            try:
                return (yield from self._read_metadata(url, issuer))
            except Exception as error:  # noqa: BLE001 - whatever is wrong there, the next may do
                _log.info("no metadata of a token issuer: %s", type(error).__name__)
        return (yield from self._read_metadata(last, issuer))

    def _read_metadata(self, url: str, issuer: str) -> Pending[str]:
        metadata: Any = strict_json((yield from self._load(url)))
        # OpenID Connect Discovery section 4.3, RFC 8414 section 3.3: the issuer must be exactly
        # the one that was asked, or one tenant could speak for another.
        if type(metadata) is not dict or metadata.get("issuer") != issuer:
            raise UnusableKey("the metadata name another issuer")
        return check_url(metadata.get("jwks_uri"), "jwks_uri")

    def _load(self, url: str) -> Pending[bytes]:
        return perform(Call(self._fetch, self._afetch, url))

    def _install(self, keys: KeySet) -> None:
        now = self._clock()
        tell(self._name, True)
        if self._failures:
            self._failures = 0
            self.events.append(RESTORED)
        self._due = now + self._ttl
        self._late = self._due + self._ttl
        self._end = self._due + self._max_stale
        if not keys.same_as(self.keys):
            if self.keys:
                self.events.append(ROTATED)
                _log.info("a token issuer has changed its keys; there are %d now", len(keys))
            self.keys = keys

    def _failed(self, error: BaseException) -> None:
        # The kind of error only: a message could quote what the other side sent.
        _log.warning(
            "%s could not be fetched (%s); see that this machine reaches that address",
            self._name,
            type(error).__name__,
        )
        tell(self._name, False)
        if not self._failures:
            self.events.append(OUTAGE)
        if self.keys is None:
            # Nothing can be let in without keys, so come back sooner than after a cooldown.
            self._next_attempt = self._clock() + min(self._cooldown, 2.0**self._failures)
        self._failures = min(self._failures + 1, 10)
