"""`Authorization: Bearer <token>`, judged by the authorization server (RFC 7662, RFC 9701)."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from .._errors import ConfigurationError, MissingDependency
from .._exchange import Exchange
from .._pending import Pending
from ..principal import Principal
from ._algorithms import check_algorithms
from ._any_audience import AnyAudience
from ._bound import Bound
from ._breaker import CircuitBreaker
from ._cache import BoundedCache
from ._claims import CLAIM_FAILURES, ClaimsPolicy
from ._denylist import AsyncRevocationStore, RevocationStore
from ._failure import TOO_LONG, Failure, Refused
from ._grants import Claim, Grants
from ._scheme import at_least
from ._tokens import Found, TokenScheme
from .mtls import MutualTLS

if TYPE_CHECKING:
    import ssl

    import httpx

    from ._answers import Active
    from ._fetch import Fetcher
    from ._introspector import Introspector
    from ._sources import Keys

MALFORMED = Failure("malformed-token", "The token holds characters that no token has.")
UNAVAILABLE = Failure(
    "introspection-unavailable",
    "The authorization server cannot judge the token at the moment; try again later.",
    error=None,
    status=503,
)

_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*\Z")  # RFC 6750 section 2.1


class Introspection(TokenScheme):
    """Accept opaque (or any) Bearer tokens that an authorization server says are active.

    What the server says is remembered for a short while, good and bad apart, so that garbage
    drives out nothing good. Until then a revoked token passes: `cache_ttl` is that window.

    Parameters:
        endpoint: the introspection endpoint (https), or an object with
            `introspect(token) -> Answer` for WSGI and/or `async aintrospect(token)` for ASGI.
        audience: the name or names of this service; the answer must hold one of them in `aud`.
            `ANY_AUDIENCE`: the server answers for this client's tokens only, without `aud`.
        client_id, client_secret: what this service proves itself with (RFC 6749 section 2.3.1).
        client_auth: how: "basic", "post", or an `httpx.Auth` (a bearer token, `private_key_jwt`).
        issuer: the `iss` of the server. Checked where the answer names one; needed for `signed`,
            and beside other schemes for Bearer tokens that name this issuer.
        signed: True asks for a signed answer (RFC 9701), and accepts no other.
        keys, algorithms, refresh_every, max_stale, cooldown, fetcher: for signed answers, as of
            `JWT`.
        leeway: how far clocks may differ, in seconds, at most 300.
        required, subject, scopes, roles: as of `JWT`.
        header, mtls, denylist: as of `JWT`.
        max_length: the longest accepted token, in bytes.
        cache_size, cache_ttl: how many active tokens are remembered, for how many seconds; never
            beyond `exp`.
        negative_cache_size, negative_ttl: the same for what is refused.
        timeout: the most seconds a question may take.
        limit: the most bytes of an answer.
        failures_to_open, retry_after: after so many failures in a row the server is left alone,
            but for one question in so many seconds.
        verify: whom to trust in TLS: the path of a PEM file, or an `ssl.SSLContext`.
        transport, atransport: httpx transports.
        clock: seconds since the epoch. monotonic: seconds that only grow.

    What happens to the keys for signed answers is told to the audit as `JWT` does.

    Whatever is no clear "active" from the server is refused; 503 where it cannot be asked.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: the extra `jwt` is not installed.

    >>> Introspection("https://id.example.com/introspect", "https://api.example.com",
    ...               client_id="orders-api", client_secret="correct horse battery staple")
    <Introspection>
    """

    def __init__(
        self,
        endpoint: str | Introspector,
        audience: str | Iterable[str] | AnyAudience,
        *,
        client_id: str = "",
        client_secret: str = "",
        client_auth: Literal["basic", "post"] | httpx.Auth = "basic",
        issuer: str | None = None,
        signed: bool = False,
        keys: Keys | None = None,
        algorithms: Iterable[str] | None = None,
        leeway: float = 10.0,
        required: Iterable[str] = (),
        subject: str = "sub",
        scopes: Claim | list[Claim] = ["scope", "scp"],  # noqa: B006 - read only
        roles: Claim | list[Claim] = "roles",
        header: str | None = None,
        mtls: MutualTLS | None = None,
        denylist: RevocationStore | AsyncRevocationStore | None = None,
        max_length: int = 8192,
        cache_size: int = 4096,
        cache_ttl: float = 60.0,
        negative_cache_size: int = 4096,
        negative_ttl: float = 10.0,
        timeout: float = 5.0,
        limit: int = 64 * 1024,
        failures_to_open: int = 5,
        retry_after: float = 10.0,
        refresh_every: float = 600.0,
        max_stale: float = 86400.0,
        cooldown: float = 30.0,
        fetcher: Fetcher | None = None,
        verify: ssl.SSLContext | str | os.PathLike[str] | None = None,
        transport: httpx.BaseTransport | None = None,
        atransport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        bounds: tuple[tuple[str, float, float], ...] = (
            ("max_length", max_length, 1),
            ("cache_size", cache_size, 0),
            ("cache_ttl", cache_ttl, 0),
            ("negative_cache_size", negative_cache_size, 0),
            ("negative_ttl", negative_ttl, 0),
            ("timeout", timeout, 0.001),
            ("limit", limit, 1),
            ("failures_to_open", failures_to_open, 1),
            ("retry_after", retry_after, 1),
            ("refresh_every", refresh_every, 1),
            ("max_stale", max_stale, 0),
            ("cooldown", cooldown, 1),
        )
        for name, value, least in bounds:
            at_least(name, value, least)
        if signed and not (issuer and client_id):
            raise ConfigurationError("a signed answer needs issuer= and client_id= to be checked")
        # The policy wants an issuer and an audience; where the server tells none, `Answers` puts
        # these in their place.
        policy = ClaimsPolicy(
            issuer or "any",
            "any" if isinstance(audience, AnyAudience) else audience,
            leeway=leeway,
            required=required,
        )
        try:
            from . import _answers, _endpoint, _signed, _sources

            self._port = endpoint
            if isinstance(endpoint, str):
                self._port = _endpoint.over_https(
                    endpoint,
                    _endpoint.Client(client_id, client_secret, client_auth),
                    signed=signed,
                    timeout=timeout,
                    limit=limit,
                    verify=verify,
                    transport=transport,
                    atransport=atransport,
                )
            checks: _signed.SignedAnswers | None = None
            if signed:
                source = _sources.make_source(
                    keys,
                    policy.issuers,
                    None if algorithms is None else check_algorithms(algorithms),
                    fetcher=fetcher,
                    ttl=refresh_every,
                    max_stale=max_stale,
                    cooldown=cooldown,
                    clock=monotonic,
                )
                checks = _signed.SignedAnswers(source, issuer or "", client_id, limit, leeway)
            self._answers = _answers.Answers(
                policy,
                Grants(subject, scopes, roles),
                issuer,
                any_audience=isinstance(audience, AnyAudience),
                signed=checks,
                ttl=cache_ttl,
            )
            breaker = CircuitBreaker(failures_to_open, retry_after, clock=monotonic)
            self._endpoint = _endpoint.Endpoint(self._port, self._answers, breaker, clock)
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "jwt", "Introspection") from None
        self.colours: frozenset[str] = self._endpoint.colours
        self.issuers: frozenset[str] = frozenset({issuer} if issuer else ())
        self.max_length = max_length
        own = MALFORMED, TOO_LONG, _answers.INACTIVE, UNAVAILABLE
        self.failures: tuple[Failure, ...] = (*own, *CLAIM_FAILURES)
        self._active: BoundedCache[Active] = BoundedCache(cache_size)
        self._refused: BoundedCache[tuple[float, Failure]] = BoundedCache(negative_cache_size)
        self._negative_ttl = negative_ttl
        self._clock = clock
        self._demand(header, denylist, mtls)

    def __repr__(self) -> str:
        return "<Introspection>"

    def close(self) -> None:
        """Close the blocking connections to the server."""
        self._port.close()  # type: ignore[union-attr]

    async def aclose(self) -> None:
        """Close the connections of this event loop to the server."""
        await self._port.aclose()  # type: ignore[union-attr]

    def find(self, token: bytes, digest: bytes, exchange: Exchange) -> Found:
        now = self._clock()
        active = self._active.get(digest)
        if active is not None and active.since <= now < active.until:
            return active.found
        refused = self._refused.get(digest)
        if refused is not None and now < refused[0]:
            return refused[1]
        if len(token) > self.max_length:
            return TOO_LONG
        if not _TOKEN.match(token):
            return MALFORMED
        return self._introspected(token, digest, exchange)

    def _introspected(
        self, token: bytes, digest: bytes, exchange: Exchange
    ) -> Pending[Principal | Bound | Failure]:
        claims = yield from self._endpoint.ask(token.decode("ascii"), exchange)
        if claims is None:
            return UNAVAILABLE
        try:
            active = self._answers.judge(claims, digest, self._clock())
        except Refused as refused:
            self._refused.put(digest, (self._clock() + self._negative_ttl, refused.failure))
            return refused.failure
        self._active.put(digest, active)
        return active.found
