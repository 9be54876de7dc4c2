"""The contract of one way to prove who speaks: what `Authentication` needs of it."""

from __future__ import annotations

import re
from typing import TypeAlias

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._fingerprint import Configured
from .._pending import Pending
from ..principal import Principal
from ..problem import Header
from ._failure import Failure
from ._standing import Standing
from .apikeys.at_hand import AtHand

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")

Judgement: TypeAlias = Principal | Failure | Pending[Principal | Failure]


class Scheme(Configured):
    """Base of `JWT`, `APIKey` and schemes of your own.

    Attributes:
        name: the authentication scheme as in `Authorization: <name> <credential>` and in the
            challenge (RFC 9110 section 11.1).
        header: a header of its own that holds the bare credential, in lower-case bytes; None: it
            comes in `Authorization`.
        query, cookie: the name of a query parameter or cookie of its own that holds it instead.
        kinds: the kinds of exchange in whose query it reads.
        ambient: whether its credential comes with the connection instead of the request, and
            `carried` finds it.
        conceals: whether the app never sees the credential, also without `strip=True`.
        wants: further request headers it reads, such as `dpop`.
        wants_tls: whether it reads `exchange.tls`.
        sets: names of the response headers that `answer_headers` may return.
        parameters: further parameters of its challenge.
        tells_error: whether its challenge has the error parameters of RFC 6750.
        issuers: the issuers whose tokens it judges, where several schemes share a name; empty: it
            judges what no other one claims.
        max_length: the longest credential it accepts, in bytes.
        remembers: of how many credentials `standing` may say something; 0: of none.
        at_hand: what lets in the usual credentials at once, for schemes of this package.
        failures: every Failure that `authenticate` may return.
        colours: the interfaces it can serve, of "asgi" and "wsgi".
    """

    name: str = "Bearer"
    header: bytes | None = None
    query: str | None = None
    cookie: str | None = None
    kinds: frozenset[str] = frozenset({"http", "websocket"})
    ambient: bool = False
    conceals: bool = False
    wants: frozenset[bytes] = frozenset()
    wants_tls: bool = False
    sets: frozenset[bytes] = frozenset()
    parameters: tuple[tuple[str, str], ...] = ()
    tells_error: bool = True
    issuers: frozenset[str] = frozenset()
    max_length: int = 8192
    remembers: int = 0
    at_hand: AtHand | None = None
    failures: tuple[Failure, ...] = ()
    colours: frozenset[str] = frozenset({"asgi", "wsgi"})

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        """Judge a credential: one without space or comma, as it came over the wire.

        Returns the Principal, one of `failures`, or a Pending of these. An exception is a 500.
        """
        raise NotImplementedError

    def standing(self, credential: bytes) -> Standing | None:
        """How long what was just said of a good credential holds for whoever shows it; None: it is
        judged at every use, because that depends on more than the credential. Asked only of a
        scheme that `remembers`.
        """
        return None

    def carried(self, exchange: Exchange) -> bytes | None:
        """The credential of the connection, None where it has none. Asked only of a scheme that is
        `ambient`, about requests that show no credential of their own.

        Raises:
            Refused: with one of `failures`.
        """
        return None

    def answer_headers(self, exchange: Exchange) -> tuple[Header, ...]:
        """What the answer to this request shall tell in headers, whoever gives it, unless it does
        already. Asked only of a scheme with `sets`, and also about requests it has not judged."""
        return ()


def header_name(header: str, instead: str) -> bytes:
    """The name of a header for a bare credential, as the exchange spells it.

    Raises:
        ConfigurationError: it is none, or one that has its own grammar.
    """
    if not _HEADER.match(header) or header.lower() in ("authorization", "cookie"):
        raise ConfigurationError(
            "header is the name of a header for the credential alone, such as 'x-api-key'; leave it"
            f" out for '{instead}'"
        )
    return header.lower().encode("ascii")


def at_least(name: str, value: float, least: float) -> None:
    if not isinstance(value, (int, float)) or not value >= least:
        raise ConfigurationError(f"{name} is at least {least}")
