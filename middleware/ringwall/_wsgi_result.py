"""The iterable that a WSGI stack returns: the app's, with an end that is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ._failure import FAILED, refusal_body
from ._pending import settle
from ._plan import Complete
from ._wsgi_request import WSGIExchange

Answer = Callable[[WSGIExchange, Exception], "bytes | None"]


def watched(
    result: Iterable[bytes],
    exchange: WSGIExchange,
    complete: Complete | None,
    answer: Answer | None,
) -> Iterable[bytes]:
    """The iterable to return, so that the end is noticed and nothing else changes.

    answer: gives the body to send for an app that raises before its first chunk; None: it raises.
    """
    made = Result(result, exchange, complete, answer)
    file_wrapper = exchange.environ.get("wsgi.file_wrapper")
    if isinstance(file_wrapper, type) and isinstance(result, file_wrapper):
        # Servers send files by system call if they get back what they gave (PEP 3333).
        made.ride_on_close()
        return result
    return made


class Result:
    """The app's iterable, chunk for chunk, with an end that is noticed exactly once.

    A class, not a generator: closing a generator that never started skips its `finally`.
    """

    def __init__(
        self,
        result: Iterable[bytes],
        exchange: WSGIExchange,
        complete: Complete | None,
        answer: Answer | None = None,
        failure: Exception | None = None,
    ) -> None:
        self._closed = self._ended = False
        self._result = result
        self._close = getattr(result, "close", None)
        self._iterator: Iterator[bytes] | None = None
        self._complete = complete
        self._exchange = exchange
        self._answer = answer
        self._failure = failure

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            self._fail()
            raise StopIteration
        try:
            if self._iterator is None:
                self._iterator = iter(self._result)
            chunk = next(self._iterator)
            self._answer = None  # too late
        except StopIteration:
            self._ended = True
            self._fail()
            if not self._exchange.replaced:
                raise
            chunk = b""
        except BaseException as error:
            self._exchange.outcome.error = error
            if self._answer is None or not isinstance(error, Exception):
                raise
            body = self._answer(self._exchange, error)
            if body is None:
                raise
            self._ended, self._failure = True, error
            return body
        if not self._exchange.replaced:
            return chunk
        self._ended = True  # a layer failed on the response head: send its 500, drop the rest
        return refusal_body(self._exchange, FAILED)

    def _fail(self) -> None:
        """Once the answer has left, the server hears what the app raised: not from `close()`,
        where some servers hear nothing."""
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
        finally:
            del failure  # or its traceback, which holds this frame, would hold it

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            try:
                if self._close is not None:
                    self._close()
            finally:
                self._fail()
        except BaseException as error:
            self._exchange.outcome.error = error
            raise
        finally:
            finish(self._complete, self._exchange)

    def ride_on_close(self) -> None:
        """Notice the end through the `close` of the app's own object."""
        try:
            self._result.close = self.close  # type: ignore[attr-defined]
        except (AttributeError, TypeError):  # an object of C without a __dict__
            self._closed = True  # it stays open for the server: the end is now
            finish(self._complete, self._exchange)

    def __del__(self) -> None:
        self.close()  # a server that drops the iterable without closing it


def finish(complete: Complete | None, exchange: WSGIExchange) -> None:
    """Tell the layers of the end."""
    if complete is not None:
        ending = complete(exchange, exchange.outcome)
        if ending is not None:
            settle(ending)
