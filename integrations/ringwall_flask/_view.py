"""What views ask for: who it is, and what they must have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from flask import Response, after_this_request, current_app, request
from werkzeug.local import LocalProxy

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Guard, Refused, Requirement, name_of, walled_exchange
from ringwall.ratelimit import Rate

View = TypeVar("View", bound=Callable[..., Any])

#: The principal of the request; false where nobody is authenticated.
current_principal: ringwall.Principal = cast(
    "ringwall.Principal", LocalProxy(lambda: walled_exchange(request).principal)
)


def require(
    *conditions: Condition | Callable[[Facts], bool],
    path: str | None = None,
    hide: bool = False,
    roles: Mapping[str, Iterable[str]] | None = None,
) -> Callable[[View], View]:
    """Let only those pass for whom the conditions hold: a decorator for views, below that of the
    route. For a whole blueprint:

        @blueprint.before_request
        @require(role("admin"))
        def only_admins(): ...

    Parameters:
        conditions, path, hide, roles: as for `ringwall.handlers.Requirement`.

    Raises:
        ConfigurationError: a condition cannot work here.
    """
    requirement = Requirement(*conditions, path=path, hide=hide, roles=roles, interface="wsgi")
    return lambda view: _guarded_by(requirement, view)


def limit(*rates: Rate, **options: Any) -> Callable[[View], View]:
    """So many requests in so much time to one view: a decorator like `require`.

    Parameters:
        rates, options: as for `ringwall.limit`. With `policy=`, all views that share the name
            count together.

    Raises:
        ConfigurationError: an argument cannot work.
    """
    counted = ringwall.limit(*rates, **options)
    return lambda view: _guarded_by(counted.named(name_of(view)), view)


def _guarded_by(guard: Guard, view: View) -> View:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refusal = guard.check(request)
        if refusal is not None:
            raise Refused(refusal)
        lines = guard.headers(request)
        if lines:
            after_this_request(functools.partial(_add, lines))
        return current_app.ensure_sync(view)(*args, **kwargs)

    return cast("View", guarded)


def _add(lines: Iterable[tuple[bytes, bytes]], response: Response) -> Response:
    for name, value in lines:
        response.headers.add(name.decode("ascii"), value.decode("latin-1"))
    return response
