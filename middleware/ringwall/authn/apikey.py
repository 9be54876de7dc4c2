"""`Authorization: ApiKey <key>`: keys for programs, of which only a hash is stored."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from hmac import compare_digest

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._pending import Call, Pending, perform
from ..principal import Principal
from ._failure import Failure
from ._files import FileUnusable
from ._records import APIKeyRecord, key_id
from ._scheme import Judgement, Scheme
from ._stores import AFind, AsyncKeyStore, FileStore, Find, KeyStore, MemoryStore, ports

# One answer for what is malformed, unknown and wrong: which of them it was helps only a guesser.
BAD_KEY = Failure("invalid-api-key", "The API key is not valid.")
EXPIRED = Failure("api-key-expired", "The API key has expired; ask for a new one.")
NOT_YET = Failure("api-key-not-yet-valid", "The API key is not valid yet.")
STORE_UNAVAILABLE = Failure(
    "key-store-unavailable",
    "API keys cannot be checked at the moment; try again later.",
    error=None,
    status=503,
)

_log = logging.getLogger("ringwall.authn")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
# Compared with where there is no record. No key has this hash: it would be a preimage of zeros.
_NO_DIGEST = bytes(32)


class APIKey(Scheme):
    """Accept API keys made by `generate_api_key`.

    Parameters:
        store: where the records are: the path of a TOML or JSON file (read again when it changes),
            a list of records, or an object with `find(key_id)` for WSGI and/or
            `async afind(key_id)` for ASGI, as `KeyStore` and `AsyncKeyStore` say. An object whose
            `find` answers from memory may say so with an attribute `immediate = True`; it then
            serves both.
        header: a header of its own for the bare key, such as "x-api-key". Default: the key comes
            as `Authorization: ApiKey <key>`.
        clock: seconds since the epoch.

    A store that raises is answered with 503: what cannot be checked does not pass.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.

    >>> from ringwall import generate_api_key
    >>> key, record = generate_api_key("alice")
    >>> APIKey([record])
    <APIKey>
    """

    name = "ApiKey"
    failures = (BAD_KEY, EXPIRED, NOT_YET, STORE_UNAVAILABLE)

    def __init__(
        self,
        store: str | os.PathLike[str] | Iterable[APIKeyRecord] | KeyStore | AsyncKeyStore,
        *,
        header: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if header is not None:
            if not _HEADER.match(header) or header.lower() in ("authorization", "cookie"):
                raise ConfigurationError(
                    "header is the name of a header for the key alone, such as 'x-api-key'; leave"
                    " it out for 'Authorization: ApiKey <key>'"
                )
            self.header = header.lower().encode("ascii")
            self.parameters = (("header", header.lower()),)
        self._clock = clock
        self._now: Find | None = None
        self._find: Find | None = None
        self._afind: AFind | None = None
        if isinstance(store, str) and "://" in store:
            raise ConfigurationError(
                "store as a URL is not known; give the path of a .toml or .json file, a list of"
                " records, or an object with find(key_id)"
            )
        if isinstance(store, (str, os.PathLike)):
            self._now = FileStore(store).find
        elif isinstance(store, Iterable) and not hasattr(store, "find"):
            self._now = MemoryStore(store).find
        elif getattr(store, "immediate", False):
            self._now, _ = ports(store)
            if self._now is None:
                raise ConfigurationError("a store that is immediate needs a plain find(key_id)")
        else:
            self._find, self._afind = ports(store)
            self.colours = frozenset(
                colour
                for colour, port in (("wsgi", self._find), ("asgi", self._afind))
                if port is not None
            )

    def __repr__(self) -> str:
        return "<APIKey>"

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        id = key_id(credential)
        if id is None:
            return BAD_KEY
        if self._now is None:
            return self._ask(id, credential)
        try:
            record = self._now(id)
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known good
            return _unavailable(error)
        return self._judge(record, credential)

    def _ask(self, id: str, credential: bytes) -> Pending[Principal | Failure]:
        try:
            record = yield from perform(Call(self._find, self._afind, id))
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known good
            return _unavailable(error)
        return self._judge(record, credential)

    def _judge(self, record: APIKeyRecord | None, credential: bytes) -> Principal | Failure:
        # An unknown id takes the same way as a wrong secret: one hash, one comparison.
        expected = _NO_DIGEST if record is None else record.digest
        if not compare_digest(sha256(credential).digest(), expected) or record is None:
            return BAD_KEY
        now = self._clock()
        if now >= record.until:
            return EXPIRED
        if now < record.since:
            return NOT_YET
        return record.principal


def _unavailable(error: Exception) -> Failure:
    # The kind of error only: a message could quote the query. A file has told its own already.
    if not isinstance(error, FileUnusable):
        _log.error("the store of API keys failed: %s", type(error).__name__)
    return STORE_UNAVAILABLE
