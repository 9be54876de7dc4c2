"""A credential that was good a moment ago is let in again without being taken apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TypeAlias

from .._exchange import Decision, Exchange
from .._layer import Verdict
from ..principal import Principal
from ._cache import BoundedCache
from ._challenge import ChallengeList
from ._scheme import Scheme
from ._standing import KeyHolder

Remembered: TypeAlias = (
    "tuple[Callable[[], float], KeyHolder, object, float, float, Principal, Decision]"
)


class Memory:
    """Remembers whole values of `Authorization`, by their SHA-256, in front of what judges them.

    Only what a scheme vouches for is remembered, with what that depends on: the scheme's keys of
    the time, and the times between which it is valid. Both are looked at on every hit.

    Parameters:
        schemes: those that read `Authorization`, by name.
        challenges: of the layer. on_request: judges what is not remembered.

    Attributes:
        any: whether a scheme vouches for anything.
        on_request: the hook.
    """

    def __init__(
        self,
        schemes: Mapping[bytes, Scheme],
        challenges: ChallengeList,
        on_request: Callable[[Exchange], Verdict],
    ) -> None:
        self._schemes = {name: each for name, each in schemes.items() if each.remembers}
        self.any = bool(self._schemes)
        self._challenges = challenges
        self._judge = on_request
        # Longer values are refused without being hashed.
        lengths = [len(name) + 1 + each.max_length for name, each in self._schemes.items()]
        self._longest = max(lengths, default=0)
        self._known: BoundedCache[Remembered] = BoundedCache(
            max((each.remembers for each in self._schemes.values()), default=0)
        )
        self._recent = self._known.recent
        self._names = tuple(name + b" " for name in self._schemes)
        alone = len(self._schemes) == len(schemes)
        self.on_request = self._recall if alone else self._recall_some

    def _recall_some(self, exchange: Exchange) -> Verdict:
        """Where others read the header, too: what they judge need not be hashed for nothing."""
        value = exchange.authorization
        if value is None or not value.startswith(self._names):
            return self._judge(exchange)
        return self._recall(exchange)

    def _recall(self, exchange: Exchange) -> Verdict:
        value = exchange.authorization
        if value is None or len(value) > self._longest:
            return self._judge(exchange)
        digest = sha256(value).digest()
        entry = self._recent(digest) or self._known.get(digest)
        if entry is not None:
            clock, source, keys, since, until, principal, allowed = entry
            if source.keys is keys and since <= clock() < until:
                exchange.challenges = self._challenges
                # As `exchange.authenticate` does, without the call.
                exchange.principal = principal
                exchange.identified = exchange.to_tell = True
                if exchange.parent is not None:
                    exchange.parent.authenticate(principal)
                exchange.decisions.append(allowed)
                return None
        verdict = self._judge(exchange)
        if verdict is None:
            self._remember(digest, value, exchange)
        return verdict

    def _remember(self, digest: bytes, value: bytes, exchange: Exchange) -> None:
        name, _, credential = value.partition(b" ")
        scheme, principal = self._schemes.get(name), exchange.principal
        standing = None if scheme is None else scheme.standing(credential)
        if standing is not None and principal is not None:
            clock, source, keys, since, until = standing
            allowed = exchange.decisions[-1]
            self._known.put(digest, (clock, source, keys, since, until, principal, allowed))
