"""Which DPoP proofs were used already (RFC 9449 section 11.1): each is good for one request."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .._fingerprint import Configured
from ._scheme import at_least


class ReplayStore(Protocol):
    """A store that tells under WSGI whether a proof is new. With `immediate = True` it answers
    from memory, and serves both interfaces."""

    def first_use(self, key: str, proof: str, keep: float) -> bool:
        """Remember a proof; False where it was remembered already. In one step: of two requests
        with the same proof at the same time one gets True. An exception means: not to be known
        now (503).

        Parameters:
            key: thumbprint of the client's key. proof: what names the proof, a digest.
            keep: for how many seconds it must be remembered at least.
        """
        ...


class AsyncReplayStore(Protocol):
    """The same under ASGI. One object may be both."""

    async def afirst_use(self, key: str, proof: str, keep: float) -> bool:
        """As `ReplayStore.first_use`."""
        ...


class ReplaysFull(RuntimeError):
    """No room is left. Nothing was forgotten: a proof dropped would be one let in again."""


class Replays(Configured):
    """Used proofs, in the memory of this process.

    With several processes, each has its own, and a proof is good once for each of them: take
    `RedisReplays` there, or nonces and a short `max_age`.

    Parameters:
        size: the most proofs. When they are all in use, requests get 503; none is forgotten early.
        share: the most of them that one client key may have in use, so that one client cannot
            lock out the others.
        clock: seconds that only grow.

    >>> replays = Replays()
    >>> [replays.first_use("a key", "a proof", keep=60) for _ in range(2)]
    [True, False]
    """

    immediate = True

    def __init__(
        self,
        *,
        size: int = 100_000,
        share: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        at_least("size", size, 1)
        at_least("share", share, 1)
        self._size = size
        self._share = share
        self._clock = clock
        self._lock = threading.Lock()
        self._used: set[str] = set()
        self._by_key: dict[str, int] = {}
        # In the order they came. One that must be kept for long holds up those behind it: they
        # are forgotten late, never early.
        self._ends: deque[tuple[float, str, str]] = deque()

    def __len__(self) -> int:
        return len(self._used)

    def __repr__(self) -> str:
        return f"<Replays {len(self)}>"

    def first_use(self, key: str, proof: str, keep: float) -> bool:
        with self._lock:
            now = self._clock()
            self._forget(now)
            if proof in self._used:
                return False
            used = self._by_key.get(key, 0)
            if len(self._used) >= self._size or used >= self._share:
                raise ReplaysFull("too many DPoP proofs are in use; raise size or share of Replays")
            self._used.add(proof)
            self._by_key[key] = used + 1
            self._ends.append((now + keep, key, proof))
            return True

    def _forget(self, now: float) -> None:
        ends = self._ends
        while ends and ends[0][0] < now:
            _, key, proof = ends.popleft()
            self._used.discard(proof)
            left = self._by_key[key] - 1
            if left:
                self._by_key[key] = left
            else:
                del self._by_key[key]
