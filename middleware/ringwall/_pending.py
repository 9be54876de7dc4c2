"""One policy, two colours.

A hook is a plain method. It answers at once, or returns a `Pending`: a generator that yields
`Call`s, one for each I/O operation it needs. `settle` drives it under WSGI, `asettle` under ASGI.
Exceptions of the I/O, cancellation included, are thrown *into* the policy, so that failing open or
closed is written once, in the layer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")


class Call(Generic[T]):
    """One I/O operation in both colours; the driver picks one. A colour may be missing."""

    __slots__ = ("aio", "args", "sync")

    def __init__(
        self,
        sync: Callable[..., T] | None,
        aio: Callable[..., Awaitable[T]] | None,
        *args: Any,
    ) -> None:
        self.sync: Callable[..., T] | None = sync
        self.aio: Callable[..., Awaitable[T]] | None = aio
        self.args: tuple[Any, ...] = args


Pending: TypeAlias = Generator[Call[Any], Any, T]


class MissingColour(RuntimeError):
    """A call lacks the colour its driver needs. Nothing is bridged through a thread pool."""


def perform(call: Call[T]) -> Pending[T]:
    """Yield one call and return its result, with its type: `hit = yield from perform(call)`."""
    result: T = yield call
    return result


def settle(pending: Pending[T]) -> T:
    """Drive a `Pending` to its end with blocking calls.

    >>> settle(perform(Call(abs, None, -3)))
    3
    """
    try:
        call = next(pending)
        while True:
            try:
                if call.sync is None:
                    raise MissingColour("this operation is asynchronous only; use stack.asgi(app)")
                result = call.sync(*call.args)
            except BaseException as error:  # noqa: BLE001  the policy decides what it means
                call = pending.throw(error)
            else:
                call = pending.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value


async def asettle(pending: Pending[T]) -> T:
    """Drive a `Pending` to its end with awaited calls, in the task of the request."""
    try:
        call = next(pending)
        while True:
            try:
                if call.aio is None:
                    raise MissingColour("this operation is blocking only; use stack.wsgi(app)")
                result = await call.aio(*call.args)
            except BaseException as error:  # noqa: BLE001  the policy decides what it means
                call = pending.throw(error)
            else:
                call = pending.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
