"""What an exchange knows of bodies and messages, whatever the interface."""

from __future__ import annotations

from typing import Protocol

from ._pace import Pace
from ._pending import Call


class BodyTooLarge(Exception):
    """The body is larger than the limit given to `read_body`."""


class BodyIncomplete(Exception):
    """The body is not as long as Content-Length declares, or that header is malformed."""


class BodyTooSlow(BodyIncomplete):
    """The body comes more slowly than the pace given to `read_body` allows."""


class ClientDisconnected(Exception):
    """The client went away. There is nobody to answer: layers let it pass."""


class BodyReader(Protocol):
    """The adapter's end of the request body, in one colour."""

    def at_once(self, limit: int, pace: Pace) -> bytes | None:
        """The body, if it can be had without an event loop; None: this is a `WaitingReader`."""


class WaitingReader(BodyReader, Protocol):
    """One that may have to wait for the body."""

    def call(self, limit: int, pace: Pace) -> Call[bytes]: ...


class FirstMessage(Protocol):
    """The adapter's end of a websocket that is not accepted yet."""

    def call(self, limit: int, timeout: float) -> Call[bytes | None]: ...


UNDECLARED = -1


def declared_length(value: bytes) -> int:
    """Content-Length by its grammar (RFC 9110 section 8.6): ASCII digits and nothing else.

    Raises:
        BodyIncomplete: the header is malformed. `int()` would take `+5`, `1_0` and other digits.
    """
    if not value.isdigit() or len(value) > 18:
        raise BodyIncomplete
    return int(value)
