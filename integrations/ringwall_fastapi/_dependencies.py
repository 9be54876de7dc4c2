"""What path operations ask for: who it is, and what they must have."""

# No `from __future__ import annotations`: older FastAPI cannot resolve the annotations of a
# dependency that is an object.

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, cast

from fastapi import Depends, Security
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.responses import Response

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Refused, Requirement, name_of, walled_exchange
from ringwall.openapi_security import MARKS
from ringwall.ratelimit import Rate


class Required(SecurityBase):
    """A requirement as a dependency: it gives the principal, or refuses.

    FastAPI writes it into the OpenAPI document as a security scheme, which `secure` replaces by
    those of the stack.
    """

    def __init__(self, requirement: Requirement) -> None:
        # Older FastAPI keeps scopes for OAuth 2.0 alone: they go along in the name.
        self.scheme_name = " ".join((MARKS.require, *requirement.scopes))
        self.model = HTTPBase(scheme="bearer")
        self._requirement = requirement

    async def __call__(self, connection: HTTPConnection) -> ringwall.Principal:
        refusal = await self._requirement.acheck(connection)
        if refusal is not None:
            raise Refused(refusal)
        # No requirement holds for nobody.
        return cast("ringwall.Principal", ringwall.principal_of(connection))


class Limited(SecurityBase):
    """A rate limit as a dependency, for each operation that it stands at."""

    def __init__(self, counted: ringwall.limit) -> None:
        self.scheme_name = MARKS.limit
        self.model = HTTPBase(scheme="bearer")
        self._counted = counted
        self._of_operation: dict[str, ringwall.limit] = {}

    async def __call__(self, connection: HTTPConnection, response: Response) -> None:
        # As many names as there are operations.
        name = name_of(connection.scope.get("endpoint"))
        counted = self._of_operation.get(name)
        if counted is None:
            counted = self._of_operation.setdefault(name, self._counted.named(name))
        refusal = await counted.acheck(connection)
        if refusal is not None:
            raise Refused(refusal)
        response.raw_headers.extend(counted.headers(connection))


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
    return Security(Required(requirement))


def limit(*rates: Rate, **options: Any) -> Any:
    """A dependency that lets so many requests in so much time pass to each operation.

    Parameters:
        rates, options: as for `ringwall.limit`. With `policy=`, all operations that share the name
            count together.

    Returns:
        What belongs into `dependencies=[...]`, of an operation, a router or the app.

    Raises:
        ConfigurationError: an argument cannot work.

    >>> from fastapi import FastAPI
    >>> app = FastAPI()
    >>> @app.post("/v1/orders", dependencies=[limit("5/minute", key="principal")])
    ... async def create(): ...
    """
    return Security(Limited(ringwall.limit(*rates, **options)))


async def _optional(connection: HTTPConnection) -> ringwall.Principal | None:
    return walled_exchange(connection).principal


#: The principal, as the type of a parameter; without one the request is refused with 401.
Principal = Annotated[ringwall.Principal, require()]

#: The principal, or None where nobody is authenticated.
OptionalPrincipal = Annotated[ringwall.Principal | None, Depends(_optional)]
