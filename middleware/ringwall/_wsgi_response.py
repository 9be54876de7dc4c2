"""The way out under WSGI: the response head, `start_response`, and the iterable."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Protocol, TypeAlias

from ._compile import FAILED, Complete, Plan, complete, edit, refusal_body
from ._layer import ResponseHead
from ._pending import settle
from ._wsgi_request import Environ, WSGIExchange
from .problem import Header, Response, check_header, reason_phrase

ExcInfo: TypeAlias = (
    "tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None"
)
Write: TypeAlias = Callable[[bytes], object]


class StartResponse(Protocol):
    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = ..., /
    ) -> Write: ...


WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


class Head(ResponseHead):
    """A response head over a list of pairs of native strings."""

    __slots__ = ("headers",)

    def __init__(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = headers

    def get(self, name: bytes) -> bytes | None:
        key = name.decode("latin-1")
        found = next((value for line, value in self.headers if line.lower() == key), None)
        return None if found is None else found.encode("latin-1")

    def add(self, name: bytes, value: bytes) -> None:
        check_header(name, value)
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def extend(self, lines: Iterable[Header]) -> None:
        self.headers += [(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines]

    def remove(self, name: bytes) -> None:
        key = name.decode("latin-1")
        self.headers = [line for line in self.headers if line[0].lower() != key]

    def add_missing(self, lines: tuple[Header, ...], names: frozenset[bytes]) -> None:
        present = {name.lower() for name, _ in self.headers}
        self.headers += [line for line in _native(lines) if line[0] not in present]

    def rewrite(
        self, names: frozenset[bytes], edit: Callable[[bytes, bytes], bytes | None]
    ) -> bool:
        headers, keys = self.headers, _native_names(names)
        for key, _ in headers:
            if key.lower() in keys:
                break
        else:
            return False  # most responses
        kept = []
        for line in headers:
            key = line[0].lower()
            if key in keys:
                name, before = key.encode("latin-1"), line[1].encode("latin-1")
                value = edit(name, before)
                if value is None:
                    continue
                if value != before:
                    check_header(name, value)
                    line = (line[0], value.decode("latin-1"))
            kept.append(line)
        self.headers = kept
        return True

    def replace(self, response: Response) -> None:
        self.status, self.headers = response.status, [*_native(response.headers)]


@functools.lru_cache(maxsize=256)
def _native(lines: tuple[Header, ...]) -> tuple[tuple[str, str], ...]:
    """Header lines as native strings, made once for each constant set of them."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in lines)


@functools.lru_cache(maxsize=256)
def _native_names(names: frozenset[bytes]) -> frozenset[str]:
    return frozenset(name.decode("latin-1") for name in names)


def starters(plan: Plan) -> tuple[Callable[[WSGIExchange, StartResponse], StartResponse], ...]:
    """By depth, what makes the one wrapper around `start_response`: it edits heads, and notes the
    status."""
    return tuple(_starter(plan, depth) for depth in range(len(plan.unwinds)))


def _starter(plan: Plan, depth: int) -> Callable[[WSGIExchange, StartResponse], StartResponse]:
    unwind, noting = plan.unwinds[depth], bool(plan.completes[-1])
    defaults = [*_native(unwind.defaults)]
    looked_at = None if unwind.looked_at is None else _native_names(unwind.looked_at)

    def wrapping(exchange: WSGIExchange, start_response: StartResponse) -> StartResponse:
        def start(
            status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None, /
        ) -> Write:
            exchange.started = True
            if looked_at is not None:
                for line in headers:
                    if line[0].lower() in looked_at:
                        break
                else:
                    if noting:
                        exchange.outcome.status = int(status[:3])
                    if exc_info is None:
                        return start_response(status, headers + defaults)
                    return start_response(status, headers + defaults, exc_info)
            status, headers = _edited(plan, depth, exchange, status, headers)
            write = (
                start_response(status, headers)
                if exc_info is None
                else start_response(status, headers, exc_info)
            )
            return _discard if exchange.replaced else write

        return start

    return wrapping


def _edited(
    plan: Plan,
    depth: int,
    exchange: WSGIExchange,
    status: str,
    headers: list[tuple[str, str]],
) -> tuple[str, list[tuple[str, str]]]:
    code = int(status[:3])
    head = Head(code, [*headers])
    exchange.replaced = not edit(plan, depth, exchange, head)
    if head.status != code:
        status = f"{head.status} {reason_phrase(head.status)}"
    if plan.completes[-1]:
        exchange.outcome.status = head.status
    return status, head.headers


def watched(
    result: Iterable[bytes],
    exchange: WSGIExchange,
    completes: tuple[Complete, ...],
) -> Iterable[bytes]:
    """The iterable to return, so that the end is noticed and nothing else changes."""
    if not exchange.replaced and result.__class__ in (list, tuple):
        # Made already: the server may take its length and send it in one go.
        finish(completes, exchange)
        return result
    made = _Result(result, exchange, completes)
    file_wrapper = exchange.environ.get("wsgi.file_wrapper")
    if isinstance(file_wrapper, type) and isinstance(result, file_wrapper):
        # Servers send files by system call if they get back what they gave (PEP 3333).
        made.ride_on_close()
        return result
    return made


def _discard(data: bytes) -> None:
    """`write()` for the rest of a response that was replaced."""


class _Result:
    """The app's iterable, chunk for chunk, with an end that is noticed exactly once.

    A class, not a generator: closing a generator that never started skips its `finally`.
    """

    def __init__(
        self,
        result: Iterable[bytes],
        exchange: WSGIExchange,
        completes: tuple[Complete, ...],
    ) -> None:
        self._closed = self._ended = False
        self._result = result
        self._close = getattr(result, "close", None)
        self._iterator: Iterator[bytes] | None = None
        self._completes = completes
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        try:
            if self._iterator is None:
                self._iterator = iter(self._result)
            chunk = next(self._iterator)
        except StopIteration:
            self._ended = True
            if not self._exchange.replaced:
                raise
            chunk = b""
        except BaseException as error:
            self._exchange.outcome.error = error
            raise
        if not self._exchange.replaced:
            return chunk
        self._ended = True  # a layer failed on the response head: send its 500, drop the rest
        body = refusal_body(self._exchange, FAILED)
        if not body:
            raise StopIteration
        return body

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._close is not None:
                self._close()
        except BaseException as error:
            self._exchange.outcome.error = error
            raise
        finally:
            finish(self._completes, self._exchange)

    def ride_on_close(self) -> None:
        """Notice the end through the `close` of the app's own object."""
        try:
            self._result.close = self.close  # type: ignore[attr-defined]
        except (AttributeError, TypeError):  # an object of C without a __dict__
            self._closed = True  # it stays open for the server: the end is now
            finish(self._completes, self._exchange)

    def __del__(self) -> None:
        self.close()  # a server that drops the iterable without closing it


def refuse(exchange: WSGIExchange, response: Response, start: StartResponse) -> list[bytes]:
    head = [*_native(response.headers)]
    start(f"{response.status} {reason_phrase(response.status)}", head)
    body = refusal_body(exchange, FAILED if exchange.replaced else response)
    return [body] if body else []


def finish(hooks: tuple[Complete, ...], exchange: WSGIExchange) -> None:
    if hooks:
        ending = complete(hooks, exchange, exchange.outcome)
        if ending is not None:
            settle(ending)
