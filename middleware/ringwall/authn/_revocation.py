"""A denylist is asked about every token, also about one that is remembered as good."""

from __future__ import annotations

import logging

from .._pending import Call, Pending, perform
from ..principal import Principal
from ._bound import Bound
from ._denylist import NEVER, AsyncRevocationStore, Name, RevocationStore
from ._failure import Failure
from ._ports import port_of

REVOKED = Failure("token-revoked", "The token has been revoked; get a new one.")
DENYLIST_UNAVAILABLE = Failure(
    "denylist-unavailable",
    "Whether the token is revoked cannot be found out at the moment; try again later.",
    error=None,
    status=503,
)

_log = logging.getLogger("ringwall.authn")


class Revocation:
    """Asks a store about each token before it speaks for anyone.

    Parameters:
        store: see `JWT`.

    Raises:
        ConfigurationError: the store has neither method.
    """

    failures = (REVOKED, DENYLIST_UNAVAILABLE)

    def __init__(self, store: RevocationStore | AsyncRevocationStore) -> None:
        self._port = port_of(
            store,
            "revoked_at",
            "denylist must be a Denylist, a RedisDenylist, or an object with revoked_at(names) for"
            " WSGI or async arevoked_at(names) for ASGI",
        )
        self.colours = self._port.colours

    def check(
        self, found: Principal | Bound
    ) -> Principal | Bound | Failure | Pending[Principal | Bound | Failure]:
        principal = found if isinstance(found, Principal) else found.principal
        if not self._port.immediate:
            return self._later(found, principal)
        try:
            revoked_at = self._port.sync(names_of(principal))
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known good
            return _unavailable(error)
        return REVOKED if _is_revoked(principal, revoked_at) else found

    def _later(
        self, found: Principal | Bound, principal: Principal
    ) -> Pending[Principal | Bound | Failure]:
        try:
            call = Call[float](self._port.sync, self._port.aio, names_of(principal))
            revoked_at = yield from perform(call)
            return REVOKED if _is_revoked(principal, revoked_at) else found
        except Exception as error:  # noqa: BLE001 - whatever a store throws, nothing is known good
            return _unavailable(error)


def names_of(principal: Principal) -> list[Name]:
    """The names under which a principal's credential can be revoked."""
    issuer = principal.issuer or ""
    claims = principal.claims
    names = [Name("sub", issuer, principal.subject)]
    for kind in ("jti", "sid"):
        value = claims.get(kind)
        if type(value) is str:
            names.append(Name(kind, issuer, value))
    if principal.credential_id is not None:
        names.append(Name("credential", issuer, principal.credential_id))
    return names


def _is_revoked(principal: Principal, revoked_at: float) -> bool:
    if revoked_at == NEVER:
        return False
    issued = principal.claims.get("iat")
    # A token that does not tell when it was issued may be from before.
    return not (isinstance(issued, (int, float)) and issued > revoked_at)


def _unavailable(error: Exception) -> Failure:
    _log.error("the denylist failed: %s", type(error).__name__)
    return DENYLIST_UNAVAILABLE
