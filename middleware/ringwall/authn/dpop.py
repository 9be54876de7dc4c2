"""`Authorization: DPoP <token>`: tokens that are good only with a proof (RFC 9449)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from typing import Final, cast

from .._errors import ConfigurationError, MissingDependency
from .._exchange import Exchange
from ..principal import Principal
from ..problem import Header
from ._algorithms import ASYMMETRIC, check_algorithms
from ._bound import Bound
from ._failure import TOO_LONG, Failure, Refused
from ._issuers import one_of_each_name
from ._proof_claims import PROOF_CLAIM_FAILURES, ProofPolicy, name_of
from ._scheme import Judgement, Scheme, at_least
from ._target import Origins
from ._tokens import Found, TokenScheme, then
from ._used_proofs import UsedProofs
from .nonces import Nonces
from .replays import AsyncReplayStore, Replays, ReplayStore

MISSING_PROOF: Final = Failure(
    "missing-proof",
    "This token needs a DPoP proof in the header DPoP.",
    error="invalid_dpop_proof",
)
SEVERAL_PROOFS: Final = Failure(
    "multiple-proofs", "Send one DPoP proof only.", error="invalid_dpop_proof"
)
UNBOUND: Final = Failure(
    "token-not-bound", "The token is not bound to a key; it is not accepted with DPoP."
)
NONCE_NEEDED: Final = Failure(
    "nonce-required",
    "Make a DPoP proof with the nonce in the header DPoP-Nonce.",
    error="use_dpop_nonce",
)
_FAILURES = (MISSING_PROOF, SEVERAL_PROOFS, UNBOUND, NONCE_NEEDED)
# A proof is judged a moment before it is remembered.
_MARGIN = 5.0


class DPoP(Scheme):
    """Accept the tokens of these schemes with a proof of possession, and only with it.

    A token bound to a key (`cnf` with `jkt`) is never accepted as a Bearer token, and one that is
    not bound never with DPoP. To accept both kinds, name the scheme twice:
    `Authentication(jwt, DPoP(jwt, origin=...))`.

    Parameters:
        schemes: `JWT` or `Introspection`, one or several with different issuers.
        origin: where clients reach this service: "https://api.example.com", or with the path that
            a proxy takes away, "https://example.com/api". Several: the Host of the request (behind
            trusted proxies what they tell) chooses among them. What a request says of its own host
            does not count otherwise.
        algorithms: the allow-list of the proofs. Default: all asymmetric ones.
        max_age: how old a proof may be, in seconds.
        leeway: how far in the future, in seconds: clocks differ.
        nonces: `Nonces(secret)` demands proofs with a nonce of ours: such a proof cannot have been
            made long in advance.
        replays: remembers used proofs: `Replays()`, `RedisReplays(url)`, a URL for Redis, or an
            object with `first_use(key, proof, keep)` for WSGI and/or `async afirst_use(...)` for
            ASGI; one that raises is answered with 503. Default: in this process.
        max_length: the longest accepted proof, in bytes.
        cache_size: how many clients' keys are remembered. Proofs never are.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: the extra `jwt` is not installed.

    >>> from ringwall.authn import JWT
    >>> DPoP(JWT("https://id.example.com", "https://api.example.com"), origin="api.example.com")
    Traceback (most recent call last):
    ringwall.ConfigurationError: origin is where clients reach this service, such as 'https://api.example.com', or 'https://example.com/api' behind a proxy that takes '/api' away
    """  # noqa: E501 - a message in full

    name = "DPoP"

    def __init__(
        self,
        *schemes: TokenScheme,
        origin: str | Iterable[str],
        algorithms: Iterable[str] | None = None,
        max_age: float = 60.0,
        leeway: float = 10.0,
        nonces: Nonces | None = None,
        replays: ReplayStore | AsyncReplayStore | str | None = None,
        max_length: int = 8192,
        cache_size: int = 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        inner = _inner(schemes)
        origins = Origins(origin)
        allowed = ASYMMETRIC if algorithms is None else check_algorithms(algorithms)
        if not allowed <= ASYMMETRIC:
            raise ConfigurationError(
                f"{min(allowed - ASYMMETRIC)} is symmetric: a proof is signed with a key that the"
                " client alone has (RFC 9449 section 4.2)"
            )
        if not 1 <= max_age <= 3600:
            raise ConfigurationError("max_age is in seconds, from 1 to 3600")
        if not 0 <= leeway <= 300:
            raise ConfigurationError("leeway is in seconds, from 0 to 300")
        if nonces is not None and not isinstance(nonces, Nonces):
            raise ConfigurationError("nonces takes Nonces(secret)")
        at_least("max_length", max_length, 1)
        at_least("cache_size", cache_size, 2)
        self._algorithms = allowed
        self._policy = ProofPolicy(origins, max_age, leeway)
        self._used = UsedProofs(_store(replays), max_age + leeway + _MARGIN)
        self._nonces = nonces
        self._longest_proof = max_length
        self._clock = clock
        try:
            from . import _proof

            self._read = _proof.read_proof
            self._wrong_key = _proof.WRONG_KEY
            self._verify = _proof.ProofVerifier(allowed, cache_size).verify
            proof_failures = _proof.PROOF_FAILURES
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "jwt", "DPoP") from None
        self._establish = inner.establish
        self.max_length: int = inner.max_length
        self.wants: frozenset[bytes] = inner.wants | {b"dpop"}
        self.wants_tls: bool = inner.wants_tls
        self.parameters: tuple[tuple[str, str], ...] = (("algs", " ".join(sorted(allowed))),)
        self.colours: frozenset[str] = inner.colours & self._used.colours
        self.failures: tuple[Failure, ...] = (
            *(*inner.failures, *_FAILURES),
            *(*proof_failures, *PROOF_CLAIM_FAILURES, *UsedProofs.failures),
        )
        if nonces is not None:
            # Section 8: an answer with a nonce should not be stored, or it is told again later.
            self.sets: frozenset[bytes] = frozenset({b"dpop-nonce", b"cache-control"})

    def __repr__(self) -> str:
        return "<DPoP>"

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        value = exchange.headers.get(b"dpop")
        if value is None:
            return MISSING_PROOF
        if b"," in value:
            return SEVERAL_PROOFS
        # The token first: without a good one nobody gets us to verify or remember a proof.
        if len(credential) > self.max_length:
            return TOO_LONG
        found = self._establish(credential, sha256(credential).digest(), exchange)
        return cast("Judgement", then(found, partial(self._prove, credential, value, exchange)))

    def answer_headers(self, exchange: Exchange) -> tuple[Header, ...]:
        nonce = exchange.state.get(self)
        if nonce is None:
            return ()
        return (b"dpop-nonce", nonce.encode("ascii")), (b"cache-control", b"no-store")

    def _prove(
        self, token: bytes, value: bytes, exchange: Exchange, found: Principal | Bound
    ) -> Found:
        if isinstance(found, Principal) or found.key is None:
            return UNBOUND
        now = self._clock()
        try:
            proof = self._read(value, self._algorithms, self._longest_proof)
            if not hmac.compare_digest(proof.thumbprint, found.key):
                return self._wrong_key
            claims = self._verify(proof)
            self._policy.check(claims, token, exchange, now)
            if self._nonces is not None:
                self._check_nonce(self._nonces, claims.get("nonce"), exchange, now)
        except Refused as refused:
            return refused.failure
        return self._used.use(found.principal, found.key, name_of(proof.thumbprint, claims))

    def _check_nonce(self, nonces: Nonces, nonce: object, exchange: Exchange, now: float) -> None:
        current = nonces.current(now)
        if nonce != current:
            exchange.state[self] = current  # told with the answer, see `answer_headers`
        if type(nonce) is not str or not nonces.accepts(nonce, now):
            raise Refused(NONCE_NEEDED)


def _inner(schemes: tuple[TokenScheme, ...]) -> TokenScheme:
    if not schemes or not all(isinstance(scheme, TokenScheme) for scheme in schemes):
        raise ConfigurationError("DPoP goes around JWT(...) or Introspection(...)")
    if any(scheme.header is not None for scheme in schemes):
        raise ConfigurationError("DPoP takes its token from Authorization; leave out header=")
    inner = one_of_each_name(schemes)
    if len(inner) != 1:
        raise ConfigurationError("of several schemes in DPoP each must name its issuer")
    return cast("TokenScheme", inner[0])


def _store(
    replays: ReplayStore | AsyncReplayStore | str | None,
) -> ReplayStore | AsyncReplayStore:
    if replays is None:
        return Replays()
    if isinstance(replays, str):
        from ._redis_replays import RedisReplays

        return RedisReplays(replays)
    return replays
