"""The way out under WSGI: the one wrapper around `start_response`, and answers instead of the
app's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol, TypeAlias

from ._failure import FAILED, refusal_body
from ._plan import Plan
from ._unwind import editor
from ._watch import Watch
from ._wsgi_head import Head, native, native_names
from ._wsgi_request import Environ, ExcInfo, StartResponse, Write, WSGIExchange
from .problem import Response, reason_phrase

WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


# An exchange, and what it calls: not on the exchange, which the server's knows by the environ.
Way: TypeAlias = tuple[WSGIExchange, StartResponse]


class Start(Protocol):
    """What stands around `start_response`, before it is bound."""

    def __call__(
        self,
        way: Way,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: ExcInfo = ...,
        /,
    ) -> Write: ...


def starters(plan: Plan) -> tuple[Start, ...]:
    """By depth, what stands around `start_response`: it edits heads, and notes the status. The
    adapter binds it to a `Way`, as a method: that costs half of what a closure does."""
    return tuple(_starter(plan, depth) for depth in range(len(plan.unwinds)))


def _starter(plan: Plan, depth: int) -> Start:
    unwind, noting = plan.unwinds[depth], plan.completes[-1] is not None
    defaults, adding = [*native(unwind.defaults)], unwind.adding
    every, watching = unwind.looked_at is None, bool(unwind.looked_at)
    watch = Watch(native_names(unwind.looked_at or frozenset()))
    unwatched = watch.unwatched
    edit, new = editor(plan, depth), object.__new__

    def start(
        way: Way,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: ExcInfo = None,
        /,
    ) -> Write:
        exchange, start_response = way
        exchange.started = True
        looked_at = every
        if watching:
            for line in headers:
                if line[0] not in unwatched and watch(line[0]):
                    looked_at = True
                    break
        if not looked_at:
            headers = headers + defaults  # the app's own list is left alone
            if adding:
                additions = exchange.additions
                if len(additions) == 1:
                    headers += additions[0].native
                else:
                    for addition in reversed(additions):
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
    outcome, first = exchange.outcome, not (returned or exchange.started)
    if outcome.unanswered is error and exchange.started:
        return None  # a stack inside has tried: the layers shall not see one answer twice
    info = (type(error), error, error.__traceback__)
    status = f"{FAILED.status} {reason_phrase(FAILED.status)}"
    try:
        write = start(status, [*native(FAILED.headers)], info)
    except Exception:  # noqa: BLE001  what PEP 3333 wants of a server that has sent the head
        outcome.unanswered = error
        return None
    # A server that gives no `write` knows no second start either: it may have ignored this one.
    answered = first or callable(write)
    outcome.unanswered = None if answered else error
    return refusal_body(exchange, FAILED) if answered else None
