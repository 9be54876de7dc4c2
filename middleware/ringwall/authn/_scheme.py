"""The contract of one way to prove who speaks: what `Authentication` needs of it."""

from __future__ import annotations

from typing import TypeAlias

from .._exchange import Exchange
from .._pending import Pending
from ..principal import Principal
from ._failure import Failure

Judgement: TypeAlias = Principal | Failure | Pending[Principal | Failure]


class Scheme:
    """Base of `JWT`, `APIKey` and schemes of your own.

    Attributes:
        name: the authentication scheme as in `Authorization: <name> <credential>` and in the
            challenge (RFC 9110 section 11.1).
        header: a header of its own that holds the bare credential, in lower-case bytes; None: it
            comes in `Authorization`.
        wants: further request headers it reads, such as `dpop`.
        parameters: further parameters of its challenge.
        failures: every Failure that `authenticate` may return.
        colours: the interfaces it can serve, of "asgi" and "wsgi".
    """

    name: str = "Bearer"
    header: bytes | None = None
    wants: frozenset[bytes] = frozenset()
    parameters: tuple[tuple[str, str], ...] = ()
    failures: tuple[Failure, ...] = ()
    colours: frozenset[str] = frozenset({"asgi", "wsgi"})

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        """Judge a credential: one without space or comma, as it came over the wire.

        Returns the Principal, one of `failures`, or a Pending of these. An exception is a 500.
        """
        raise NotImplementedError
