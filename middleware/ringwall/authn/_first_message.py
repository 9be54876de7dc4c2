"""A websocket that shows its credential in its first message: browsers can set no header."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Verdict
from .._pending import Pending
from ..problem import Response
from ._judge import MISSING, TOO_MANY_WAIT, Judge
from ._scheme import at_least

Hook: TypeAlias = Callable[[Exchange], Verdict]

_LONGEST = 16_384  # bytes


class FirstMessage:
    """Waits for the first message of a websocket, and judges it as if it had come with the
    handshake.

    Whoever waits holds a connection that nobody has vouched for, so that there are few of them:
    one more is refused before it is accepted.

    Parameters:
        judge: refuses. on_request: judges credentials in headers.
        seconds: for how long it waits. most: how many may wait at the same time.

    Raises:
        ConfigurationError: a number that cannot work.
    """

    def __init__(self, judge: Judge, on_request: Hook, seconds: float, most: int) -> None:
        at_least("first_message", seconds, 0.001)
        at_least("waiting", most, 1)
        if isinstance(most, float):
            raise ConfigurationError("waiting is a whole number of connections")
        self._judge = judge
        self._on_request = on_request
        self._seconds = seconds
        self._most = most
        self._waiting: set[Exchange] = set()  # not a number: threads cannot lose one of its members

    def on_request(self, exchange: Exchange) -> Verdict:
        if len(self._waiting) >= self._most:
            return self._judge.refuse(exchange, TOO_MANY_WAIT)
        return self._wait(exchange)

    def _wait(self, exchange: Exchange) -> Pending[Response | None]:
        self._waiting.add(exchange)
        try:
            message = yield from exchange.read_first_message(_LONGEST, self._seconds)
        finally:
            self._waiting.discard(exchange)
        if message is None:
            return self._judge.refuse(exchange, MISSING)
        exchange.headers[b"authorization"] = message
        try:
            verdict = self._on_request(exchange)
        finally:
            del exchange.headers[b"authorization"]
        if verdict is None or isinstance(verdict, Response):
            return verdict
        return (yield from verdict)
