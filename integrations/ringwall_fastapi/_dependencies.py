"""What path operations ask for: who it is, and what they must have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, cast

from fastapi import Depends, Security
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Refused, Requirement, walled_exchange
from ringwall.openapi_security import MARKS


class Guard(SecurityBase):
    """A requirement as a dependency: it gives the principal, or refuses.

    FastAPI writes it into the OpenAPI document as a security scheme, which `secure` replaces by
    those of the stack.
    """

    def __init__(self, requirement: Requirement) -> None:
        self.scheme_name = MARKS.require
        self.model = HTTPBase(scheme="bearer")
        self._requirement = requirement

    async def __call__(self, connection: HTTPConnection) -> ringwall.Principal:
        refusal = await self._requirement.acheck(connection)
        if refusal is not None:
            raise Refused(refusal)
        # No requirement holds for nobody.
        return cast("ringwall.Principal", ringwall.principal_of(connection))


def require(
    *conditions: Condition | Callable[[Facts], bool],
    path: str | None = None,
    hide: bool = False,
    roles: Mapping[str, Iterable[str]] | None = None,
) -> Any:
    """A dependency that lets only those pass for whom the conditions hold.

    Parameters:
        conditions, path, hide, roles: as for `ringwall.handlers.Requirement`.

    Returns:
        What belongs into `dependencies=[...]`, of an operation, a router or the app; or into
        `Annotated[ringwall.Principal, ...]`, to get the principal as well.

    Raises:
        ConfigurationError: a condition cannot work here.

    >>> from fastapi import FastAPI
    >>> from ringwall import scope
    >>> app = FastAPI()
    >>> @app.get("/v1/orders", dependencies=[require(scope("orders:read"))])
    ... async def orders(who: Principal):
    ...     return {"for": who.subject}
    """
    requirement = Requirement(*conditions, path=path, hide=hide, roles=roles, interface="asgi")
    return Security(Guard(requirement), scopes=list(requirement.scopes))


async def _optional(connection: HTTPConnection) -> ringwall.Principal | None:
    return walled_exchange(connection).principal


#: The principal, as the type of a parameter; without one the request is refused with 401.
Principal = Annotated[ringwall.Principal, require()]

#: The principal, or None where nobody is authenticated.
OptionalPrincipal = Annotated[ringwall.Principal | None, Depends(_optional)]
