"""The way out under WSGI: the one wrapper around `start_response`, and answers instead of the
app's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import TracebackType
from typing import Protocol, TypeAlias

from ._failure import FAILED, refusal_body
from ._plan import Plan
from ._unwind import editor
from ._watch import Watch
from ._wsgi_head import Head, native, native_names
from ._wsgi_request import Environ, WSGIExchange
from .problem import Response, reason_phrase

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None
)
Write: TypeAlias = Callable[[bytes], object]


class StartResponse(Protocol):
    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = ..., /
    ) -> Write: ...


WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


def starters(plan: Plan) -> tuple[Callable[[WSGIExchange, StartResponse], StartResponse], ...]:
    """By depth, what makes the one wrapper around `start_response`: it edits heads, and notes the
    status."""
    return tuple(_starter(plan, depth) for depth in range(len(plan.unwinds)))


def _starter(plan: Plan, depth: int) -> Callable[[WSGIExchange, StartResponse], StartResponse]:
    unwind, noting = plan.unwinds[depth], bool(plan.completes[-1])
    defaults, adding = [*native(unwind.defaults)], unwind.adding
    watch = None if unwind.looked_at is None else Watch(native_names(unwind.looked_at))
    unwatched = frozenset[str]() if watch is None else watch.unwatched
    watching = bool(unwind.looked_at)
    edit, new = editor(plan, depth), object.__new__

    def wrapping(exchange: WSGIExchange, start_response: StartResponse) -> StartResponse:
        def start(
            status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None, /
        ) -> Write:
            exchange.started = True
            if watch is not None:
                for line in headers if watching else ():
                    if line[0] not in unwatched and watch(line[0]):
                        break
                else:
                    headers = headers + defaults  # the app's own list is left alone
                    if adding:
                        for addition in reversed(exchange.additions):
                            headers += addition.native
                    if noting:
                        exchange.outcome.status = _code(status)
                    if exc_info is None:
                        return start_response(status, headers)
                    return start_response(status, headers, exc_info)
            code = _code(status)
            head = new(Head)  # without a call of its own
            head.status, head.headers = code, [*headers]
            exchange.replaced = replaced = not edit(exchange, head)
            if head.status != code:
                status = f"{head.status} {reason_phrase(head.status)}"
            if noting:
                exchange.outcome.status = head.status
            if exc_info is None:
                write = start_response(status, head.headers)
            else:
                write = start_response(status, head.headers, exc_info)
            return _discard if replaced else write

        return start

    return wrapping


@lru_cache(maxsize=256)
def _code(status: str) -> int:
    return int(status[:3])


def _discard(data: bytes) -> None:
    """`write()` for the rest of a response that was replaced."""


def refuse(exchange: WSGIExchange, response: Response, start: StartResponse) -> list[bytes]:
    """Answer instead of the app."""
    start(f"{response.status} {reason_phrase(response.status)}", [*native(response.headers)])
    body = refusal_body(exchange, FAILED if exchange.replaced else response)
    return [body] if body else []


def answer_error(
    start: StartResponse, returned: bool, exchange: WSGIExchange, error: Exception
) -> bytes | None:
    """Our 500, through the layers, for an app that raised before its response left. None: it may
    have left, and the server must hear of the error at once.

    returned: the server has the app's iterable already.
    """
    first = not (returned or exchange.started)
    info = (type(error), error, error.__traceback__)
    status = f"{FAILED.status} {reason_phrase(FAILED.status)}"
    try:
        write = start(status, [*native(FAILED.headers)], info)
    except Exception:  # noqa: BLE001  what PEP 3333 wants of a server that has sent the head
        return None
    # A server that gives no `write` knows no second start either: it may have ignored this one.
    return refusal_body(exchange, FAILED) if first or callable(write) else None
