"""Nonces for DPoP proofs (RFC 9449 section 8): how old a proof is, told by our clock alone."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from .._errors import ConfigurationError
from .._fingerprint import Configured
from ._scheme import at_least

_SHORTEST = 32


class Nonces(Configured):
    """Nonces that are made, not stored: the HMAC of a span of time. Workers with one secret accept
    each other's.

    A nonce is accepted in the span it was made for and in the next one; a client that used an
    older one of these two gets the new one along with its answer.

    Parameters:
        secrets: a secret of 32 bytes or more, from a random source; or several: the first makes
            nonces, all of them are accepted. To rotate, add the new one at the end everywhere, then
            put it first, then drop the old one.
        span: seconds.

    Raises:
        ConfigurationError: a secret is too short.

    >>> nonces = Nonces(b"0123456789abcdef0123456789abcdef", span=60)
    >>> first = nonces.current(1_800_000_000)
    >>> [nonces.accepts(first, 1_800_000_000 + later) for later in (0, 119, 120)]
    [True, True, False]
    """

    def __init__(self, secrets: bytes | Iterable[bytes], *, span: float = 60.0) -> None:
        given = [secrets] if isinstance(secrets, bytes) else list(secrets)
        if not given or not all(isinstance(s, bytes) and len(s) >= _SHORTEST for s in given):
            raise ConfigurationError(
                "Nonces takes a secret of 32 bytes or more, the same in all workers:"
                " secrets.token_bytes(32), from your secret store"
            )
        at_least("span", span, 1)
        self._secrets = tuple(given)
        self._span = span
        # What is made and what is accepted in one span: a tuple, replaced as a whole.
        self._now: tuple[int, str, tuple[str, ...]] = (-1, "", ())

    def __repr__(self) -> str:
        return "<Nonces>"

    def current(self, now: float) -> str:
        """The nonce to use now (epoch seconds)."""
        return self._at(now)[1]

    def accepts(self, nonce: str, now: float) -> bool:
        """Whether it is the nonce of this span or of the one before."""
        given = nonce.encode("utf-8", "replace")
        good = [hmac.compare_digest(given, known.encode()) for known in self._at(now)[2]]
        return any(good)

    def _at(self, now: float) -> tuple[int, str, tuple[str, ...]]:
        number = int(now // self._span)
        state = self._now
        if state[0] != number:
            accepted = tuple(
                _nonce(secret, at) for at in (number, number - 1) for secret in self._secrets
            )
            state = self._now = (number, accepted[0], accepted)
        return state


def _nonce(secret: bytes, number: int) -> str:
    # The words before the number keep it apart from other uses of the same secret.
    return hmac.digest(secret, b"ringwall dpop nonce %d" % number, "sha256").hex()
