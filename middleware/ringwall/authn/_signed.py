"""Introspection responses as JSON Web Tokens (RFC 9701)."""

from __future__ import annotations

from typing import Any

from .._exchange import Exchange
from .._pending import Pending
from ._claims import date
from ._failure import Refused
from ._introspector import NotAnswered
from ._json import NotJSON, strict_json
from ._jws import KEY_FAILURES, verify_compact
from ._source import KeySource

_TYP = ("token-introspection+jwt", "application/token-introspection+jwt")
# How old an answer may be. It says nothing of the token it is about, so an old one must not do.
_FRESH = 60.0


class SignedAnswers:
    """Reads the member `token_introspection` of a signed answer.

    Parameters:
        source: the keys of the server.
        issuer: the server.
        client_id: this service as the server knows it, the audience of the answer.
        limit: the most bytes of an answer.
        leeway: how far clocks may differ, in seconds.
    """

    def __init__(
        self, source: KeySource, issuer: str, client_id: str, limit: int, leeway: float
    ) -> None:
        self._source = source
        self.colours: frozenset[str] = source.colours
        self._issuer = issuer
        self._client_id = client_id
        self._limit = limit
        self._leeway = leeway

    def read(self, body: bytes, exchange: Exchange, now: float) -> Pending[object]:
        """The claims about the token.

        Raises:
            NotAnswered: not signed by the server, or not meant for this service at this time.
        """
        try:
            if not self._source.ready(exchange.interface):
                yield from self._source.refresh(body)
            try:
                return self._judge(body, now)
            except Refused as refused:
                if refused.failure not in KEY_FAILURES or not self._source.may_have_more():
                    raise NotAnswered from None
            yield from self._source.refresh(body)
            try:
                return self._judge(body, now)
            except Refused:
                raise NotAnswered from None
        finally:
            self._source.tell(exchange, self._issuer)

    def _judge(self, body: bytes, now: float) -> object:
        keys = self._source.keys
        if keys is None:
            raise NotAnswered
        header, payload = verify_compact(body, keys, self._limit)
        try:
            claims: Any = strict_json(payload)
        except NotJSON:
            raise NotAnswered from None
        if type(claims) is not dict or header.typ is None or header.typ.lower() not in _TYP:
            raise NotAnswered
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer or (
            audience != self._client_id and audience != [self._client_id]
        ):
            raise NotAnswered
        age = now - date(claims.get("iat"))
        if not -self._leeway <= age <= _FRESH + self._leeway:
            raise NotAnswered
        return claims.get("token_introspection")
