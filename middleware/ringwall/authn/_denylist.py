"""Revocation before expiry: a denylist of tokens, subjects and sessions, asked at every request."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from .._fingerprint import Configured

NEVER = -math.inf
ALWAYS = math.inf


class Name(NamedTuple):
    """What can be revoked.

    kind: "jti" (RFC 7519), "sub", "sid" (OpenID Connect Back-Channel Logout), or "credential" (the
        `credential_id` of a principal, as the audit shows it).
    issuer: who gave the name; it means nothing beside another one.
    value: the name.
    """

    kind: str
    issuer: str
    value: str


class RevocationStore(Protocol):
    """A store that tells under WSGI what is revoked. With `immediate = True` it answers from
    memory, and serves both interfaces."""

    def revoked_at(self, names: Sequence[Name]) -> float:
        """The latest time at which one of these was revoked: tokens issued at or before it are
        refused. Minus infinity where none was. An exception means: not to be known now (503)."""
        ...


class AsyncRevocationStore(Protocol):
    """The same under ASGI. One object may be both."""

    async def arevoked_at(self, names: Sequence[Name]) -> float:
        """As `RevocationStore.revoked_at`."""
        ...


class DenylistFull(RuntimeError):
    """No room is left. Nothing was forgotten: an entry dropped would be a token let in again."""


def entry(
    issuer: str,
    jti: str | None,
    subject: str | None,
    session: str | None,
    credential_id: str | None,
    now: float,
) -> tuple[Name, float]:
    """The one name that is given, and the time up to which what bears it is refused.

    Raises:
        ValueError: none or several are given.
    """
    given = [
        (kind, value)
        for kind, value in (
            ("jti", jti),
            ("sub", subject),
            ("sid", session),
            ("credential", credential_id),
        )
        if value is not None
    ]
    if len(given) != 1 or not given[0][1]:
        raise ValueError("name one of jti, subject, session and credential_id")
    kind, value = given[0]
    # Who logs in again is welcome; a token or a session that was ended stays ended.
    return Name(kind, issuer, value), now if kind == "sub" else ALWAYS


class Denylist(Configured):
    """Revoked tokens, subjects and sessions, in the memory of this process.

    With several processes, each has its own: take `RedisDenylist` there.

    Parameters:
        size: the most entries. When they are all in use, `deny` raises; none is forgotten early.
        clock: seconds since the epoch.

    >>> denylist = Denylist()
    >>> denylist.deny("https://id.example.com", subject="alice", keep=3600)
    >>> len(denylist)
    1
    """

    immediate = True

    def __init__(self, *, size: int = 100_000, clock: Callable[[], float] = time.time) -> None:
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Name, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Denylist {len(self)}>"

    def deny(
        self,
        issuer: str,
        *,
        keep: float,
        jti: str | None = None,
        subject: str | None = None,
        session: str | None = None,
        credential_id: str | None = None,
    ) -> None:
        """Refuse from now on one token, all tokens of a session, or those that a subject got up to
        now.

        Parameters:
            issuer: the `iss` of the tokens.
            keep: for how long, in seconds: as long as such a token can live. Afterwards the entry
                is forgotten.
            jti, subject, session, credential_id: which; exactly one of them.

        Raises:
            DenylistFull: no room is left.
            ValueError: none or several are named.
        """
        now = self._clock()
        name, until = entry(issuer, jti, subject, session, credential_id, now)
        with self._lock:
            known = self._entries.get(name)
            if known is None and len(self._entries) >= self._size:
                self._forget(now)
            ends = now + keep
            if known is not None:
                ends, until = max(ends, known[1]), max(until, known[0])
            self._entries[name] = until, ends

    def revoked_at(self, names: Sequence[Name]) -> float:
        entries = self._entries
        latest = NEVER
        if entries:
            for name in names:
                found = entries.get(name)
                if found is not None and found[1] > self._clock():
                    latest = max(latest, found[0])
        return latest

    def _forget(self, now: float) -> None:
        # A new dictionary: readers need no lock.
        kept = {name: entry for name, entry in self._entries.items() if entry[1] > now}
        if len(kept) >= self._size:
            raise DenylistFull(f"the denylist holds {self._size} entries; raise its size")
        self._entries = kept
