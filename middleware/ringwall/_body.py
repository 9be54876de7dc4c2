"""What an exchange knows of bodies and messages, whatever the interface."""

from __future__ import annotations

from typing import Protocol

from ._pending import Call


class BodyTooLarge(Exception):
    """The body is larger than the limit given to `read_body`."""


class BodyIncomplete(Exception):
    """The body is not as long as Content-Length declares, or that header is malformed."""


class BodyTooSlow(BodyIncomplete):
    """The body comes more slowly than the pace given to `read_body` allows."""


class ClientDisconnected(Exception):
    """The client went away. There is nobody to answer: layers let it pass."""


class FirstMessage(Protocol):
    """The adapter's end of a websocket that is not accepted yet."""

    def call(self, limit: int, timeout: float) -> Call[bytes | None]: ...


UNDECLARED = -1
LONGEST_LENGTH = 18  # digits


def declared_length(value: bytes) -> int:
    """Content-Length by its grammar (RFC 9110 section 8.6): ASCII digits and nothing else.

    Raises:
        BodyIncomplete: the header is malformed. `int()` would take `+5`, `1_0` and other digits.
    """
    if not value.isdigit() or len(value) > LONGEST_LENGTH:
        raise BodyIncomplete
    return int(value)
