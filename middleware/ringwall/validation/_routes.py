"""What a user sets for single routes: larger limits, checks of their own, shadow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from ._operation import Bodies, MediaType, Operation
from ._refusal import INVALID, Refused
from ._size import parse_size
from .handlers import Handler

Check = Callable[[Any], "str | Iterable[Mapping[str, str]] | None"]


class Checked:
    """A handler, and then the user's own check of the value."""

    __slots__ = ("_check", "_handler")

    def __init__(self, handler: Handler, check: Check) -> None:
        self._handler = handler
        self._check = check

    def __call__(self, body: bytes, content_type: bytes) -> Any:
        value = self._handler(body, content_type)
        found = self._check(value)  # what it raises is a 500, and the app is not called
        if found is None:
            return value
        if isinstance(found, str):
            found = ({"pointer": "#", "code": "check", "detail": found},)
        raise Refused(INVALID, tuple(dict(each) for each in found))


def set_limits(operations: Mapping[str, Operation], limits: Mapping[str, str | int]) -> None:
    """Set limits by route, by media type, or by both: `"POST /files image/png"`.

    Raises:
        ConfigurationError: there is no such route or media type, or it is no size.
    """
    # The most particular one last: it wins.
    for key in sorted(limits, key=lambda key: (key.count(" "), key)):
        size = parse_size(limits[key])
        route, _, kind = key.rpartition(" ") if key.count(" ") == 2 else (key, "", "")
        if "/" in key and " " not in key:
            route, kind = "", key
        chosen = operations.values() if not route else [_named(operations, route, "limits")]
        changed = [operation.bodies for operation in chosen if operation.bodies is not None]
        found = [_limit(bodies, kind, size) for bodies in changed]
        if not any(found):
            raise ConfigurationError(f"limits names {key!r}, which accepts no such body")


def _limit(bodies: Bodies, kind: str, size: int) -> bool:
    def limited(one: MediaType) -> MediaType:
        return one._replace(limit=size) if kind in ("", one.name) else one

    return bodies.change(limited)


def set_checks(operations: Mapping[str, Operation], checks: Mapping[str, Check]) -> None:
    """Add checks by route.

    Raises:
        ConfigurationError: there is no such route, or it is no function.
    """
    for key, check in checks.items():
        operation = _named(operations, key, "checks")
        if not callable(check) or operation.bodies is None:
            raise ConfigurationError(
                f"checks[{key!r}] takes a function of the valid body of a route that has one"
            )
        operation.bodies.change(partial(_checked, check))


def _checked(check: Check, one: MediaType) -> MediaType:
    return one._replace(handler=Checked(one.handler, check))


def set_shadow(operations: Mapping[str, Operation], shadow: bool | Iterable[str]) -> None:
    """Let routes report what they would refuse.

    Raises:
        ConfigurationError: there is no such route.
    """
    if isinstance(shadow, str):
        raise ConfigurationError(f"shadow is True or a list: write shadow=[{shadow!r}]")
    chosen = operations if shadow is True else shadow or ()
    for key in chosen:
        operation = _named(operations, key, "shadow")
        operation.shadow = True
        if operation.responses is not None:
            operation.responses.overlook()


def _named(operations: Mapping[str, Operation], key: str, where: str) -> Operation:
    operation = operations.get(key)
    if operation is None:
        raise ConfigurationError(
            f"{where} names {key!r}, which is no route here" + did_you_mean(key, operations)
        )
    return operation
