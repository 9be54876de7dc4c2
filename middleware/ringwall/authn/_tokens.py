"""What access tokens have in common, whoever judges them: revocation, and binding to a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any, TypeAlias

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._pending import Pending
from ..principal import Principal
from ._bound import BOUND, Bound
from ._denylist import AsyncRevocationStore, RevocationStore
from ._failure import TOO_LONG, Failure
from ._revocation import Revocation
from ._scheme import Judgement, Scheme, header_name
from .mtls import MutualTLS

Found: TypeAlias = Principal | Bound | Failure | Pending[Principal | Bound | Failure]


class TokenScheme(Scheme):
    """Base of the schemes for access tokens. By itself it takes Bearer tokens (RFC 6750), and
    refuses one that is bound to a key: `DPoP` around it asks for the proof. One that is bound to a
    certificate it takes if it has `mtls`, and the client that certificate."""

    name = "Bearer"
    _revocation: Revocation | None = None
    _mtls: MutualTLS | None = None

    def find(self, token: bytes, digest: bytes, exchange: Exchange) -> Found:
        """Whether the token is good in itself: remembered, or judged anew.

        Parameters:
            digest: the token's SHA-256, by which it is remembered: whoever asks has made it.
        """
        raise NotImplementedError

    def establish(self, token: bytes, digest: bytes, exchange: Exchange) -> Found:
        """Whether the token is good at this moment. What a `Bound` still lacks is for the caller
        to check."""
        found: Any = self.find(token, digest, exchange)
        if found.__class__ is Principal and self._revocation is None:  # most
            return found
        return self._complete(found, exchange)

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        if len(credential) > self.max_length:  # before it is hashed
            return TOO_LONG
        found: Any = self.find(credential, sha256(credential).digest(), exchange)
        if found.__class__ is not Principal or self._revocation is not None:  # seldom
            found = then(self._complete(found, exchange), _refuse_bound)
        return found  # type: ignore[no-any-return]

    def _complete(self, found: Found, exchange: Exchange) -> Found:
        found = then(found, partial(self._check_certificate, exchange))
        return found if self._revocation is None else then(found, self._revocation.check)

    def _check_certificate(self, exchange: Exchange, found: Principal | Bound) -> Found:
        if isinstance(found, Principal) or found.certificate is None:
            return found
        if self._mtls is None:
            return BOUND
        failure = self._mtls.check(found.certificate, exchange)
        return found.without_certificate() if failure is None else failure

    def _demand(
        self,
        header: str | None,
        denylist: RevocationStore | AsyncRevocationStore | None,
        mtls: MutualTLS | None,
    ) -> None:
        """Where the token is, and what must hold of it at every use. For the constructor."""
        if header is not None:
            self.header: bytes | None = header_name(header, "Authorization: Bearer <token>")
            self.parameters: tuple[tuple[str, str], ...] = (("header", header.lower()),)
        self._revocation = None  # of the instance: quicker to find than on the class
        if mtls is not None:
            if not isinstance(mtls, MutualTLS):
                raise ConfigurationError("mtls takes MutualTLS(), or MutualTLS(header=...)")
            self._mtls = mtls
            self.wants: frozenset[bytes] = self.wants | mtls.wants
            self.wants_tls: bool = mtls.wants_tls
            self.failures: tuple[Failure, ...] = (*self.failures, *MutualTLS.failures)
        if denylist is not None:
            self._revocation = Revocation(denylist)
            self.failures = (*self.failures, *Revocation.failures)
            self.colours: frozenset[str] = self.colours & self._revocation.colours


def _refuse_bound(found: Principal | Bound) -> Found:
    # RFC 9449 section 7.2, RFC 8705 section 3: who stole a bound token must not use it as one
    # that is not.
    return found if isinstance(found, Principal) else BOUND


def then(found: Found, step: Callable[[Principal | Bound], Found]) -> Found:
    """The next step of a judgement, at once or after the I/O of the last one."""
    if isinstance(found, Failure):
        return found
    if isinstance(found, (Principal, Bound)):
        return step(found)
    return _later(found, step)


def _later(
    pending: Pending[Principal | Bound | Failure], step: Callable[[Principal | Bound], Found]
) -> Pending[Principal | Bound | Failure]:
    found = then((yield from pending), step)
    return found if isinstance(found, (Principal, Bound, Failure)) else (yield from found)
