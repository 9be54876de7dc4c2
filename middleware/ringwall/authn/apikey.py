"""`Authorization: ApiKey <key>`: keys for programs, of which only a hash is stored."""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._pending import Call, Pending, perform
from ..principal import Principal
from ._failure import Failure
from ._files import FileUnusable
from ._scheme import Judgement, Scheme, at_least, header_name
from .apikeys.at_hand import NOBODY, AtHand
from .apikeys.key import ID_PLACE, LONGEST, SHORTEST, key_id
from .apikeys.open import open_store
from .apikeys.recent import Recent
from .apikeys.record import APIKeyRecord
from .apikeys.store import AsyncKeyStore, KeyStore, MemoryStore, ports
from .apikeys.used import LastUsed

# One answer for what is malformed, unknown and wrong: which of them it was helps only a guesser.
BAD_KEY = Failure("invalid-api-key", "The API key is not valid.")
EXPIRED = Failure("api-key-expired", "The API key has expired; ask for a new one.")
NOT_YET = Failure("api-key-not-yet-valid", "The API key is not valid yet.")
REVOKED_KEY = Failure("api-key-revoked", "The API key has been revoked; ask for a new one.")
STORE_UNAVAILABLE = Failure(
    "key-store-unavailable",
    "API keys cannot be checked at the moment; try again later.",
    error=None,
    status=503,
)

_log = logging.getLogger("ringwall.authn")
_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")


class APIKey(Scheme):
    """Accept API keys made by `generate_api_key`.

    Parameters:
        store: where the records are: the path of a TOML or JSON file (read again when it changes),
            a URL ("sqlite:///keys.db", "postgresql+psycopg://...", "redis://..."), a list of
            records, or an object with `find(key_id)` for WSGI and/or `async afind(key_id)` for
            ASGI, as `KeyStore` and `AsyncKeyStore` say. An object whose `find` answers from memory
            may say so with an attribute `immediate = True`; it then serves both.
        header: a header of its own for the bare key, such as "x-api-key". Default: the key comes
            as `Authorization: ApiKey <key>`.
        query, cookie: the name of a query parameter or a cookie for the key, in place of a header,
            for clients that can do no better. Both are warned of: URLs stay in logs, histories and
            `Referer`, and browsers send cookies along with requests that other sites cause. The
            app does not see the parameter or cookie where `Authentication` has `strip=True`.
        cache_ttl: for how many seconds a record is remembered that a store had to be asked for;
            a revocation counts within that time. 0: it is asked for each request.
        cache_size: the most records that are remembered.
        last_used: True: note when keys are used, at most once in `last_used_every` seconds for
            each, in the background; False: do not; None: where a database holds them.
        last_used_every: seconds.
        clock: seconds since the epoch.

    A store that raises or does not answer in time is answered with 503: what cannot be checked
    does not pass.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.

    >>> from ringwall import generate_api_key
    >>> key, record = generate_api_key("alice")
    >>> APIKey([record])
    <APIKey>
    """

    name = "ApiKey"
    failures: tuple[Failure, ...] = (BAD_KEY, EXPIRED, NOT_YET, REVOKED_KEY, STORE_UNAVAILABLE)

    def __init__(
        self,
        store: str | os.PathLike[str] | Iterable[APIKeyRecord] | KeyStore | AsyncKeyStore,
        *,
        header: str | None = None,
        query: str | None = None,
        cookie: str | None = None,
        cache_ttl: float = 5.0,
        cache_size: int = 10_000,
        last_used: bool | None = None,
        last_used_every: float = 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if sum(place is not None for place in (header, query, cookie)) > 1:
            raise ConfigurationError("a key lies in one place: header=, query= or cookie=")
        if header is not None:
            self.header: bytes | None = header_name(header, "Authorization: ApiKey <key>")
            self.parameters: tuple[tuple[str, str], ...] = (("header", header.lower()),)
        if query is not None:
            self.query: str | None = _warned(
                "query", query, "URLs stay in logs, histories and Referer"
            )
            self.parameters = (("query", query),)
        if cookie is not None:
            danger = "browsers send it along with requests that other sites cause"
            self.cookie: str | None = _warned("cookie", cookie, danger)
            self.parameters = (("cookie", cookie),)
        at_least("cache_ttl", cache_ttl, 0)
        at_least("cache_size", cache_size, 0)
        at_least("last_used_every", last_used_every, 1)
        self._clock = clock
        if isinstance(store, (str, os.PathLike)):
            source: Any = open_store(store)
        elif isinstance(store, Iterable) and not hasattr(store, "find"):
            records: Iterable[APIKeyRecord] = store
            source = MemoryStore(records)
        else:
            source = store
        self._find, self._afind = ports(source)
        self._immediate = bool(getattr(source, "immediate", False))
        if self._immediate and self._find is None:
            raise ConfigurationError("a store that is immediate needs a plain find(key_id)")
        self._recent = Recent(cache_size, cache_ttl)
        if isinstance(source, MemoryStore):
            self._find_octets = source.find_octets
            self.at_hand: AtHand | None = AtHand(source.find_octets, clock)
            self.authenticate = self._authenticate_in_memory  # type: ignore[method-assign]
        elif not self._immediate:
            self.authenticate = self._authenticate_remotely  # type: ignore[method-assign]
            self.colours: frozenset[str] = frozenset(
                colour
                for colour, port in (("wsgi", self._find), ("asgi", self._afind))
                if port is not None
            )
        self._note = self._noting(source, last_used, last_used_every)

    def __repr__(self) -> str:
        return "<APIKey>"

    # Where a record is at hand, the form of a key is not looked at: what has a key's hash is that
    # key. A store is asked for what has the form, and the checksum, alone.

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        id = credential[ID_PLACE]
        if not (SHORTEST <= len(credential) <= LONGEST and id.isalnum()):
            return BAD_KEY
        try:
            record = self._find(id.decode("ascii"))  # type: ignore[misc]  # immediate: it is there
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known good
            return _unavailable(error)
        return self._judge(record, credential, exchange)

    def _authenticate_in_memory(self, credential: bytes, exchange: Exchange) -> Judgement:
        if len(credential) > LONGEST:
            return BAD_KEY
        return self._judge(self._find_octets(credential[ID_PLACE]), credential, exchange)

    def _authenticate_remotely(self, credential: bytes, exchange: Exchange) -> Judgement:
        if len(credential) > LONGEST:
            return BAD_KEY
        record = self._recent.get(credential[ID_PLACE], self._clock())
        if record is not None:
            return self._judge(record, credential, exchange)
        id = key_id(credential)
        return BAD_KEY if id is None else self._ask(id, credential, exchange)

    def _ask(self, id: str, credential: bytes, exchange: Exchange) -> Pending[Principal | Failure]:
        asked = self._clock()
        try:
            record = yield from perform(Call(self._find, self._afind, id))
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known good
            return _unavailable(error)
        judgement = self._judge(record, credential, exchange)
        if record is not None:
            self._recent.put(id.encode(), record, asked)
        return judgement

    def _judge(
        self, record: APIKeyRecord | None, credential: bytes, exchange: Exchange
    ) -> Principal | Failure:
        # An unknown id takes the same way as a wrong secret: one hash, one comparison.
        expected = NOBODY.digest if record is None else record.digest
        if not compare_digest(sha256(credential).digest(), expected) or record is None:
            return BAD_KEY
        if not record.begins <= self._clock() < record.ends:
            return self._out_of_force(record)
        if self._note is not None:
            self._note(record.id, exchange.interface)
        return record._principal or record.principal

    def _out_of_force(self, record: APIKeyRecord) -> Failure:
        if record.revoked is not None:
            return REVOKED_KEY
        return EXPIRED if self._clock() >= record.until else NOT_YET

    def _noting(
        self, store: object, wanted: bool | None, every: float
    ) -> Callable[[str, str], None] | None:
        touch, atouch = getattr(store, "touch", None), getattr(store, "atouch", None)
        if wanted and touch is None and atouch is None:
            raise ConfigurationError("last_used=True needs a store with touch(used)")
        if wanted is None:
            wanted = not self._immediate and (touch is not None or atouch is not None)
        return LastUsed(touch, atouch, every, self._clock).note if wanted else None


def _warned(place: str, name: str, danger: str) -> str:
    if not _NAME.match(name):
        raise ConfigurationError(f"{place}= is one name of letters, digits, '-' and '_'")
    warnings.warn(
        f"an API key in a {place} is a weak spot: {danger}; prefer header='x-api-key'",
        UserWarning,
        stacklevel=3,
    )
    return name


def _unavailable(error: Exception) -> Failure:
    # The kind of error only: a message could quote the query. A file has told its own already.
    if not isinstance(error, FileUnusable):
        _log.error(
            "the store of API keys failed (%s): keys are answered with 503 until it works;"
            " see that it runs, and that this machine reaches it",
            type(error).__name__,
        )
    return STORE_UNAVAILABLE
