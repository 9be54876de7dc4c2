"""`Authorization: Bearer <JWT>`: access tokens as JSON Web Tokens (RFC 7519, RFC 6750, RFC 9068).

Threats and what holds against them: RFC 8725. The token says what it likes; what counts is the
configuration and the issuer's keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from .._errors import MissingDependency
from .._exchange import Exchange
from .._pending import Pending
from ..principal import Principal
from ._algorithms import check_algorithms
from ._bound import Bound
from ._cache import BoundedCache, Verified
from ._claims import CLAIM_FAILURES, NOTHING, ClaimsPolicy
from ._denylist import AsyncRevocationStore, RevocationStore
from ._failure import Failure, Refused
from ._grants import Claim, Grants
from ._scheme import at_least
from ._source import KeySource
from ._standing import Standing
from ._tokens import Found, TokenScheme
from .mtls import MutualTLS

if TYPE_CHECKING:
    from ._fetch import Fetcher
    from ._sources import Keys

KEYS_UNAVAILABLE = Failure(
    "keys-unavailable",
    "The keys of the token issuer cannot be had at the moment; try again later.",
    error=None,
    status=503,
)


class JWT(TokenScheme):
    """Accept JSON Web Tokens of one issuer as Bearer tokens.

    For several issuers give `Authentication` one `JWT` for each: the `iss` that a token names
    chooses among them, and each judges with its own keys.

    Parameters:
        issuer: the exact `iss`, such as "https://id.example.com". Several, where they sign with
            the same `keys`, as the tenants of one provider do.
        audience: the name or names of this service; a token must hold one of them in `aud`.
        keys: the issuer's public keys: a JWK Set or single JWK as a mapping, a URL (https) of a JWK
            Set, a PEM text (public keys or certificates), or the path of a JWK Set or PEM file,
            read again when it changes. None: the URL is found in the issuer's metadata (OpenID
            Connect Discovery, else RFC 8414). An HMAC secret is given as a JWK:
            `{"kty": "oct", "alg": "HS256", "k": "..."}`.
        algorithms: the allow-list, such as `["RS256", "ES256"]`. Default: everything the keys can
            do; the algorithm always comes from the key's type, never from the token.
        leeway: how far clocks may differ, in seconds, at most 300.
        typ: the accepted `typ` or types, such as "at+jwt" (RFC 9068). Default: none, "JWT" or
            "at+jwt", so that a token for another purpose does not pass for an access token.
        max_lifetime: the longest accepted `exp - iat`, in seconds; makes `iat` mandatory.
        required: names of further claims that must be there.
        match: further claims with the one value that they must have, such as
            `{"token_use": "access"}`.
        audience_claim: the claim that holds the audience.
        subject: the claim that names who speaks.
        scopes, roles: the claims that grant scopes and roles. A tuple is a path into objects:
            `roles=("realm_access", "roles")`; a list is several claims together.
        header: a header of its own for the bare token, such as "x-goog-iap-jwt-assertion".
            Default: `Authorization: Bearer <token>`.
        mtls: `MutualTLS()` accepts tokens that are bound to the client's TLS certificate (RFC
            8705), from that client only. Without it they are refused. For tokens that are bound to
            another key, put `DPoP(...)` around.
        denylist: what is revoked before it expires: a `Denylist`, a `RedisDenylist`, or an object
            with `revoked_at(names)` for WSGI and/or `async arevoked_at(names)` for ASGI. It is
            asked at every request; one that raises is answered with 503.
        max_length: the longest accepted token, in bytes.
        cache_size: how many verified tokens are remembered; 0: none.
        cache_ttl: after how many seconds a remembered token is verified again. `exp` and `nbf` are
            checked at every use.
        refresh_every: how often a key URL is fetched again, in seconds. No request waits for it.
        max_stale: for how long fetched keys are good beyond that, if the issuer is away.
        cooldown: the least time between two fetches, in seconds, whatever tokens come.
        fetcher: the port that fetches: an object with `fetch(url) -> bytes` for WSGI and/or
            `async afetch(url) -> bytes` for ASGI. Default: httpx with limits.
        clock: seconds since the epoch.
        monotonic: seconds that only grow.

    When keys change, are out of reach, or are back again, the next request that looks at them
    carries a further Decision ("keys-rotated", "keys-outage", "keys-restored") for the audit; its
    rule is the issuer.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: the extra `jwt` is not installed.

    >>> JWT(issuer="https://id.example.com", audience="", keys={"keys": []})
    Traceback (most recent call last):
    ringwall.ConfigurationError: audience is missing: without it a token made for another service would open this one. Write audience='https://api.example.com', as the issuer knows it
    """  # noqa: E501 - a message in full

    def __init__(
        self,
        issuer: str | Iterable[str],
        audience: str | Iterable[str],
        *,
        keys: Keys | None = None,
        algorithms: Iterable[str] | None = None,
        leeway: float = 10.0,
        typ: str | Iterable[str] | None = None,
        max_lifetime: float | None = None,
        required: Iterable[str] = (),
        match: Mapping[str, str] = NOTHING,
        audience_claim: str = "aud",
        subject: str = "sub",
        scopes: Claim | list[Claim] = ["scope", "scp"],  # noqa: B006 - read only
        roles: Claim | list[Claim] = "roles",
        header: str | None = None,
        mtls: MutualTLS | None = None,
        denylist: RevocationStore | AsyncRevocationStore | None = None,
        max_length: int = 8192,
        cache_size: int = 4096,
        cache_ttl: float = 60.0,
        refresh_every: float = 600.0,
        max_stale: float = 86400.0,
        cooldown: float = 30.0,
        fetcher: Fetcher | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        policy = ClaimsPolicy(
            issuer,
            audience,
            leeway=leeway,
            typ=typ,
            max_lifetime=max_lifetime,
            audience_claim=audience_claim,
            required=required,
            match=match,
        )
        grants = Grants(subject, scopes, roles)
        self.issuers: frozenset[str] = policy.issuers
        self._rule = min(self.issuers)
        at_least("max_length", max_length, 1)
        at_least("cache_size", cache_size, 0)
        at_least("cache_ttl", cache_ttl, 0)
        at_least("refresh_every", refresh_every, 1)
        at_least("max_stale", max_stale, 0)
        # Without a pause each token with an invented `kid` would cause a fetch.
        at_least("cooldown", cooldown, 1)
        allowed = None if algorithms is None else check_algorithms(algorithms)
        self._source: KeySource
        try:
            from . import _jws, _sources, _verifier

            self._source = _sources.make_source(
                keys,
                self.issuers,
                allowed,
                fetcher=fetcher,
                ttl=refresh_every,
                max_stale=max_stale,
                cooldown=cooldown,
                clock=monotonic,
            )
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "jwt", "JWT") from None
        self._verifier = _verifier.TokenVerifier(policy, grants, max_length)
        self._key_failures = _jws.KEY_FAILURES
        self.failures: tuple[Failure, ...] = (*_jws.JWS_FAILURES, *CLAIM_FAILURES, KEYS_UNAVAILABLE)

        self.max_length = max_length
        self._cache: BoundedCache[Verified] = BoundedCache(cache_size)
        self._recent = self._cache.recent
        self._cache_ttl = cache_ttl
        self._clock = clock
        self.colours: frozenset[str] = self._source.colours
        self._demand(header, denylist, mtls)
        # A denylist is asked at every use.
        self.remembers: int = 0 if denylist is not None else int(cache_size)

    def __repr__(self) -> str:
        return "<JWT>"

    def find(self, token: bytes, digest: bytes, exchange: Exchange) -> Found:
        entry = self._recent(digest) or self._cache.get(digest)
        if entry is not None:
            keys, since, until, found = entry
            if keys is self._source.keys and since <= self._clock() < until:
                return found
        if not self._source.ready(exchange.interface):
            return self._refresh_and_judge(token, digest, exchange)
        judged = self._judge(token, digest, self._clock(), exchange)
        if judged in self._key_failures and self._source.may_have_more():
            return self._refresh_and_judge(token, digest, exchange)
        return judged

    def standing(self, credential: bytes) -> Standing | None:
        entry = self._cache.get(sha256(credential).digest())
        if entry is None or type(entry.found) is not Principal:
            return None
        return Standing(self._clock, self._source, entry.keys, entry.since, entry.until)

    def _refresh_and_judge(
        self, token: bytes, digest: bytes, exchange: Exchange
    ) -> Pending[Principal | Bound | Failure]:
        yield from self._source.refresh(token)
        return self._judge(token, digest, self._clock(), exchange)

    def _judge(
        self, token: bytes, digest: bytes, now: float, exchange: Exchange
    ) -> Principal | Bound | Failure:
        if self._source.events:
            self._source.tell(exchange, self._rule)
        keys = self._source.keys
        if keys is None:
            return KEYS_UNAVAILABLE
        try:
            since, until, found = self._verifier.verify(token, keys, now)
        except Refused as refused:
            return refused.failure
        # The limit makes even a token in constant use be verified again now and then, and with it
        # the age of the keys looked at.
        self._cache.put(digest, Verified(keys, since, min(until, now + self._cache_ttl), found))
        return found
