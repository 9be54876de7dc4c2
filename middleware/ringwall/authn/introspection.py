"""`Authorization: Bearer <token>`, judged by the authorization server (RFC 7662, RFC 9701)."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from .._errors import ConfigurationError, MissingDependency
from .._exchange import Exchange
from .._pending import Call, Pending, perform
from ..principal import Principal
from ._algorithms import check_algorithms
from ._breaker import CircuitBreaker
from ._cache import BoundedCache
from ._claims import BAD_TYPE, CLAIM_FAILURES, Claim, ClaimsPolicy, freeze
from ._denylist import AsyncRevocationStore, RevocationStore, guard
from ._failure import Failure, Refused
from ._scheme import Judgement, Scheme, at_least, header_name

if TYPE_CHECKING:
    import ssl

    import httpx

    from ._fetch import Fetcher
    from ._introspector import Introspector
    from ._sources import Keys

MALFORMED = Failure("malformed-token", "The token holds characters that no token has.")
TOO_LONG = Failure("token-too-long", "The token is longer than this service accepts.")
INACTIVE = Failure("token-inactive", "The token is not active: expired, revoked, or unknown.")
UNAVAILABLE = Failure(
    "introspection-unavailable",
    "The authorization server cannot judge the token at the moment; try again later.",
    error=None,
    status=503,
)

_log = logging.getLogger("ringwall.authn")
_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*\Z")  # RFC 6750 section 2.1

# A refresh token or an ID token may be just as "active" as an access token. Where the server tells
# the kind, it must be the right one.
_KINDS = {
    "token_type": frozenset({"bearer"}),
    "token_use": frozenset({"access_token", "access"}),
    "typ": frozenset({"bearer", "jwt", "at+jwt"}),
}


class AnyAudience:
    """See `ANY_AUDIENCE`."""

    def __repr__(self) -> str:
        return "ANY_AUDIENCE"


ANY_AUDIENCE: Final = AnyAudience()
"""For `Introspection(audience=...)`: the server tells no audience, and answers "active" only for
tokens that are meant for the client that asks."""


class _Active(NamedTuple):
    since: float
    until: float
    principal: Principal


class Introspection(Scheme):
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
        header, denylist: as of `JWT`.
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

    Whatever is no clear "active" from the server is refused; 503 where it cannot be asked.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: the extra `jwt` is not installed.

    >>> Introspection("https://id.example.com/introspect", "https://api.example.com",
    ...               client_id="orders-api", client_secret="correct horse battery staple")
    <Introspection>
    """

    name = "Bearer"

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
        # The policy wants an issuer and an audience; where the server tells none, `_judge` puts
        # these in their place.
        self._issuer = issuer
        self._audience = "any" if isinstance(audience, AnyAudience) else None
        self._policy = ClaimsPolicy(
            issuer or "any",
            "any" if isinstance(audience, AnyAudience) else audience,
            leeway=leeway,
            required=required,
            subject=subject,
            scopes=scopes,
            roles=roles,
        )
        try:
            from . import _introspector, _json, _remote, _signed, _sources

            self._port = endpoint
            if isinstance(endpoint, str):
                self._port = _introspector.HTTPIntrospector(
                    _remote.check_url(endpoint, "endpoint"),
                    auth=_client_auth(client_id, client_secret, client_auth),
                    form=(
                        {"client_id": client_id, "client_secret": client_secret}
                        if client_auth == "post"
                        else {}
                    ),
                    accept=_introspector.JWT if signed else _introspector.JSON,
                    timeout=timeout,
                    limit=limit,
                    verify=verify,
                    transport=transport,
                    atransport=atransport,
                )
            self._signed: _signed.SignedAnswers | None = None
            source = None
            if signed:
                source = _sources.make_source(
                    keys,
                    self._policy.issuers,
                    None if algorithms is None else check_algorithms(algorithms),
                    fetcher=fetcher,
                    ttl=refresh_every,
                    max_stale=max_stale,
                    cooldown=cooldown,
                    clock=monotonic,
                )
                self._signed = _signed.SignedAnswers(source, issuer or "", client_id, limit, leeway)
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "jwt", "Introspection") from None
        self._introspect = getattr(self._port, "introspect", None)
        self._aintrospect = getattr(self._port, "aintrospect", None)
        ports = (("wsgi", self._introspect), ("asgi", self._aintrospect))
        self.colours = frozenset(colour for colour, port in ports if port is not None)
        if source is not None:
            self.colours &= source.colours
        if not self.colours:
            raise ConfigurationError(
                "endpoint must be an https:// URL, or an object with introspect(token) for WSGI or"
                " async aintrospect(token) for ASGI"
            )
        self._media_type = _introspector.JWT if signed else _introspector.JSON
        self._strict_json = _json.strict_json
        self._not_json = _json.NotJSON
        self._not_answered = _introspector.NotAnswered
        self.issuers = frozenset({issuer} if issuer else ())
        self.max_length = max_length
        self.failures = (MALFORMED, TOO_LONG, INACTIVE, UNAVAILABLE, *CLAIM_FAILURES)
        if header is not None:
            self.header = header_name(header, "Authorization: Bearer <token>")
            self.parameters = (("header", header.lower()),)
        self._active: BoundedCache[_Active] = BoundedCache(cache_size)
        self._refused: BoundedCache[tuple[float, Failure]] = BoundedCache(negative_cache_size)
        self._cache_ttl = cache_ttl
        self._negative_ttl = negative_ttl
        self._breaker = CircuitBreaker(failures_to_open, retry_after, clock=monotonic)
        self._clock = clock
        if denylist is not None:
            guard(self, denylist)

    def __repr__(self) -> str:
        return "<Introspection>"

    def close(self) -> None:
        """Close the blocking connections to the server."""
        self._port.close()  # type: ignore[union-attr]

    async def aclose(self) -> None:
        """Close the connections of this event loop to the server."""
        await self._port.aclose()  # type: ignore[union-attr]

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        if len(credential) > self.max_length:
            return TOO_LONG
        digest = sha256(credential).digest()
        now = self._clock()
        active = self._active.get(digest)
        if active is not None and active.since <= now < active.until:
            return active.principal
        refused = self._refused.get(digest)
        if refused is not None and now < refused[0]:
            return refused[1]
        if not _TOKEN.match(credential):
            return MALFORMED
        if not self._breaker.allows():
            return UNAVAILABLE
        return self._ask(credential.decode("ascii"), digest, exchange)

    def _ask(self, token: str, digest: bytes, exchange: Exchange) -> Pending[Principal | Failure]:
        try:
            answer = yield from perform(Call(self._introspect, self._aintrospect, token))
            self._breaker.succeeded()
            claims = yield from self._read(answer.media_type, answer.body, exchange)
        except Exception as error:  # noqa: BLE001 - whatever a port throws, nothing is known good
            # What one token can provoke must not open the circuit for all the others.
            if not isinstance(error, self._not_answered):
                self._breaker.failed()
            _log.warning("a token could not be introspected: %s", type(error).__name__)
            return UNAVAILABLE
        try:
            return self._judge(claims, digest)
        except Refused as refused:
            self._refused.put(digest, (self._clock() + self._negative_ttl, refused.failure))
            return refused.failure

    def _read(self, media_type: str, body: bytes, exchange: Exchange) -> Pending[dict[str, Any]]:
        if media_type != self._media_type:
            raise self._not_answered
        if self._signed is None:
            try:
                claims: object = self._strict_json(body)
            except self._not_json:
                raise self._not_answered from None
        else:
            claims = yield from self._signed.read(body, exchange.interface, self._clock())
        if type(claims) is not dict or type(claims.get("active")) is not bool:
            raise self._not_answered
        return claims

    def _judge(self, claims: dict[str, Any], digest: bytes) -> Principal:
        if not claims["active"]:
            raise Refused(INACTIVE)
        for name, kinds in _KINDS.items():
            kind = claims.get(name)
            if kind is not None and (type(kind) is not str or kind.lower() not in kinds):
                raise Refused(BAD_TYPE)
        now = self._clock()
        policy = self._policy
        since, until = policy.check(self._completed(claims, now), now)
        principal = Principal(
            policy.subject(claims),
            scheme="bearer",
            issuer=self._issuer or _text(claims.get("iss")),
            scopes=policy.scopes(claims),
            roles=policy.roles(claims),
            claims={name: freeze(value) for name, value in claims.items()},
            credential_id=digest[:16].hex(),
        )
        until = min(until, now + self._cache_ttl)
        self._active.put(digest, _Active(since, until, principal))
        return principal

    def _completed(self, claims: dict[str, Any], now: float) -> dict[str, Any]:
        """The answer with what RFC 7662 section 2.2 leaves optional and the policy asks for."""
        whole = {"iss": self._issuer, "exp": now + self._cache_ttl + 1, **claims}
        if self._issuer is None:
            whole["iss"] = "any"
        if self._audience is not None:
            whole["aud"] = self._audience
        return whole


def _text(value: object) -> str | None:
    return value if type(value) is str else None


def _client_auth(client_id: str, secret: str, how: object) -> httpx.Auth | None:
    from httpx import Auth

    from ._introspector import ClientSecretBasic

    if isinstance(how, Auth):
        return how
    if how not in ("basic", "post"):
        raise ConfigurationError("client_auth is 'basic', 'post' or an httpx.Auth")
    if not client_id or not secret:
        raise ConfigurationError(
            "client_id and client_secret are missing: an introspection endpoint answers none but"
            " its clients (RFC 7662 section 2.1); or give client_auth=<an httpx.Auth>"
        )
    return ClientSecretBasic(client_id, secret) if how == "basic" else None
