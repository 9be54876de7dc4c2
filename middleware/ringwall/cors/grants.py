"""What responses say: which origin may read them, and what of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .._exchange import Addition, Decision, Exchange
from .._layer import ResponseHead
from ..problem import Header
from .origins import Origins
from .verdicts import ALLOW_ORIGIN, ALLOWED, FOREIGN, GRANTS, NO_ORIGIN, VARY

# The decision on an actual request, and what its response says: Vary last, where there is one.
Verdict: TypeAlias = tuple[Decision, Addition]

_MOST_SUBDOMAINS = 256


class Grants:
    """Tells of an origin what becomes of its requests, and completes responses.

    Parameters:
        layer: whose additions they are.
        origins: those that may read; None: everyone, and the responses are the same for all.
        told: what every response to one of them says beside its origin.

    Attributes:
        names: of the headers that it writes. foreign: the verdict on an origin that is none of
        them. find: the verdict on an origin, as either interface has it; None where it is foreign.
    """

    def __init__(self, layer: object, origins: Origins | None, told: tuple[Header, ...]) -> None:
        # Vary leaves also where the request names no origin: a cache keeps that response, too.
        vary = () if origins is None else (VARY,)
        self._layer = layer
        self._told = (*told, *vary)
        self.names: frozenset[bytes] = GRANTS.union(name for name, _ in vary)
        self.foreign: Verdict = (FOREIGN, Addition(layer, vary))
        # Chosen once: the request path does not ask what was configured.
        self.find: Callable[[bytes | str | None], Verdict | None]
        if origins is None:
            public = self._grant(b"*")
            anonymous = (NO_ORIGIN, public[1])
            self.find = lambda origin: anonymous if origin is None else public
            return
        self._is_subdomain = origins.is_subdomain
        self._verdicts: dict[bytes | str | None, Verdict] = {None: (NO_ORIGIN, self.foreign[1])}
        for exact in origins.exact:  # as each interface has it
            self._verdicts[exact] = self._verdicts[exact.decode()] = self._grant(exact)
        # There is a subdomain for every label one can think of: not all are kept.
        self._most_verdicts = len(self._verdicts) + _MOST_SUBDOMAINS
        self.find = self._find_any if origins.patterns else self._verdicts.get

    def complete(self, exchange: Exchange, head: ResponseHead) -> None:
        """`on_response`: what the app says is taken away, and ours with it, to be said again."""
        vary: list[bytes] = []

        def take_away(name: bytes, value: bytes) -> None:
            if name == VARY[0]:
                vary.append(value)

        head.rewrite(self.names, take_away)
        _, addition = self.find(exchange.origin) or self.foreign
        lines = addition.lines
        if vary:
            lines = (*lines[:-1], (VARY[0], _with_origin(vary)))
        head.extend(lines)

    def _find_any(self, origin: bytes | str | None) -> Verdict | None:
        verdict = self._verdicts.get(origin)
        if verdict is None and origin is not None:
            exact = as_bytes(origin)
            if self._is_subdomain(exact):
                verdict = self._grant(exact)
                if len(self._verdicts) < self._most_verdicts:
                    self._verdicts[origin] = verdict
        return verdict

    def _grant(self, origin: bytes) -> Verdict:
        return (ALLOWED, Addition(self._layer, ((ALLOW_ORIGIN, origin), *self._told)))


def as_bytes(origin: bytes | str) -> bytes:
    return origin if isinstance(origin, bytes) else origin.encode("latin-1")


def _with_origin(vary: list[bytes]) -> bytes:
    """All that the lines say, in one: some caches read but one line."""
    members: dict[bytes, bytes] = {}
    for value in vary:
        for member in value.split(b","):
            name = member.strip(b" \t")
            members.setdefault(name.lower(), name)
    members.pop(b"", None)
    members.setdefault(b"origin", b"Origin")
    return b"*" if b"*" in members else b", ".join(members.values())
