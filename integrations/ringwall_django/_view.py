"""Guards of views."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction

import ringwall
from ringwall.authz import Condition, Facts
from ringwall.handlers import Guard, Refused, Requirement, name_of
from ringwall.ratelimit import Rate

View = TypeVar("View", bound=Callable[..., Any])


def require(
    *conditions: Condition | Callable[[Facts], bool],
    path: str | None = None,
    hide: bool = False,
    roles: Mapping[str, Iterable[str]] | None = None,
) -> Callable[[View], View]:
    """Let only those pass for whom the conditions hold: a decorator for views, sync and async. For
    a view class: `@method_decorator(require(...), name="dispatch")`.

    Parameters:
        conditions, path, hide, roles: as for `ringwall.handlers.Requirement`.

    Raises:
        ConfigurationError: a condition cannot work here.
    """
    requirement = Requirement(*conditions, path=path, hide=hide, roles=roles)
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
    async def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
        refusal = await guard.acheck(request)
        if refusal is not None:
            raise Refused(refusal)
        return _add(await view(request, *args, **kwargs), guard.headers(request))

    @functools.wraps(view)
    def guarded_sync(request: Any, *args: Any, **kwargs: Any) -> Any:
        refusal = guard.check(request)
        if refusal is not None:
            raise Refused(refusal)
        return _add(view(request, *args, **kwargs), guard.headers(request))

    return cast("View", guarded if iscoroutinefunction(view) else guarded_sync)


def _add(answer: Any, lines: Iterable[tuple[bytes, bytes]]) -> Any:
    """Django's headers are a mapping: lines of one name become a list (RFC 9110 section 5.3)."""
    for name, value in lines:
        key, text = name.decode("ascii"), value.decode("latin-1")
        answer[key] = f"{answer[key]}, {text}" if answer.has_header(key) else text
    return answer
