"""Several schemes of one name: the `iss` that a token names chooses which of them judges it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from .._errors import ConfigurationError
from .._exchange import Exchange
from ..principal import Principal
from ..problem import Header
from ._bound import Bound
from ._cache import BoundedCache
from ._claims import BAD_ISSUER
from ._failure import TOO_LONG
from ._scheme import Scheme
from ._standing import Standing
from ._tokens import Found, TokenScheme


class Issuers(TokenScheme):
    """Schemes that share a name, as one.

    The claim is read unverified, so it does no more than look up the configuration: whoever lies
    in it is judged by the wrong keys, and refused. An unknown issuer causes no fetch.

    Parameters:
        schemes: at most one of them has no issuers; it gets what no other one claims.

    Raises:
        ConfigurationError: two claim the same issuer, or two claim none.
    """

    def __init__(self, schemes: tuple[Scheme, ...]) -> None:
        from ._jws import unverified_issuer

        self.name, self.header = schemes[0].name, schemes[0].header
        self.wants = frozenset().union(*(scheme.wants for scheme in schemes))
        self.wants_tls = any(scheme.wants_tls for scheme in schemes)
        self.sets = frozenset().union(*(scheme.sets for scheme in schemes))
        self._telling = tuple(scheme for scheme in schemes if scheme.sets)
        self.parameters = tuple(dict.fromkeys(p for s in schemes for p in s.parameters))
        self.failures = tuple(
            dict.fromkeys((BAD_ISSUER, TOO_LONG, *(f for s in schemes for f in s.failures)))
        )
        self.colours = frozenset({"asgi", "wsgi"}).intersection(*(s.colours for s in schemes))
        self.remembers: int = sum(scheme.remembers for scheme in schemes)
        self.max_length = max(scheme.max_length for scheme in schemes)
        self._issuer_of = unverified_issuer
        self._by_issuer: dict[str, Scheme] = {}
        self._otherwise: Scheme | None = None
        for scheme in schemes:
            for issuer in scheme.issuers:
                if issuer in self._by_issuer:
                    raise ConfigurationError(f"two schemes accept tokens of {issuer!r}")
                self._by_issuer[issuer] = scheme
            if not scheme.issuers:
                if self._otherwise is not None:
                    raise ConfigurationError(
                        f"two schemes answer to {self.name!r} and neither names its issuer; keep"
                        " one of them"
                    )
                self._otherwise = scheme
        # A token that was good goes straight to the scheme that remembers it.
        self._chosen: BoundedCache[Scheme] = BoundedCache(4096)

    def __repr__(self) -> str:
        return f"<Issuers {len(self._by_issuer)}>"

    def find(self, token: bytes, digest: bytes, exchange: Exchange) -> Found:
        """What the scheme says that this token belongs to; it makes its own demands."""
        scheme = self._chosen.recent(digest) or self._chosen.get(digest)
        if scheme is not None:
            return _ask(scheme, token, digest, exchange)
        issuer = self._issuer_of(token, self.max_length) or ""
        scheme = self._by_issuer.get(issuer, self._otherwise)
        if scheme is None:
            return BAD_ISSUER
        found = _ask(scheme, token, digest, exchange)
        if isinstance(found, (Principal, Bound)):
            self._chosen.put(digest, scheme)
        return found

    def standing(self, credential: bytes) -> Standing | None:
        scheme = self._chosen.get(sha256(credential).digest())
        return None if scheme is None else scheme.standing(credential)

    def answer_headers(self, exchange: Exchange) -> tuple[Header, ...]:
        return tuple(line for scheme in self._telling for line in scheme.answer_headers(exchange))


def _ask(scheme: Scheme, token: bytes, digest: bytes, exchange: Exchange) -> Found:
    if isinstance(scheme, TokenScheme):
        return scheme.establish(token, digest, exchange)
    return scheme.authenticate(token, exchange)


def one_of_each_name(schemes: Iterable[Scheme]) -> tuple[Scheme, ...]:
    """The schemes, those with the same name and header taken together if they have issuers."""
    groups: dict[tuple[str, bytes | None], list[Scheme]] = {}
    for scheme in schemes:
        groups.setdefault((scheme.name.lower(), scheme.header), []).append(scheme)
    return tuple(
        combined
        for group in groups.values()
        for combined in (
            (Issuers(tuple(group)),)
            if len(group) > 1 and any(scheme.issuers for scheme in group)
            else group
        )
    )
