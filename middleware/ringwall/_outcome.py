"""What layers decide of an exchange, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from ._lazy import lazy

if TYPE_CHECKING:
    from .problem import Header


class Decision(NamedTuple):
    """What one layer decided, for audit. It holds names from the configuration, never input.

    layer: the layer's name. outcome: "allow", "deny", or "error" where the layer itself failed.
    rule: which rule of the layer. reason: why, in the words of the problem's `code`.
    version: that of the layer's policy, where it has one; it changes with the policy.
    """

    layer: str
    outcome: Literal["allow", "deny", "error"]
    rule: str
    reason: str
    version: str | None = None


class Addition:
    """Header lines that a layer adds to the response of a request that it let pass.

    Parameters:
        layer: that layer. lines: made of checked parts; they are not checked again.

    A layer with few different additions keeps them, so that neither form is made for each response.
    """

    def __init__(self, layer: object, lines: tuple[Header, ...]) -> None:
        self.layer: object = layer
        self.lines: tuple[Header, ...] = lines

    @lazy
    def native(self) -> tuple[tuple[str, str], ...]:
        """The lines as WSGI has them."""
        return native_lines(self.lines)


def native_lines(lines: Iterable[Header]) -> tuple[tuple[str, str], ...]:
    """Header lines as pairs of native strings (PEP 3333)."""
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines])


class Outcome:
    """How an exchange ended, given to `on_complete`.

    status: the status that was sent; 101 for an accepted websocket; None if none was sent.
    error: the exception that ended it (the app's, or `ClientDisconnected`), or None.
    close_code: the close code of a websocket, if known.
    """

    status: int | None = None
    error: BaseException | None = None
    close_code: int | None = None
    # What the app raised when it was too late to answer, for the stacks further out.
    unanswered: BaseException | None = None

    def __init__(
        self,
        status: int | None = None,
        error: BaseException | None = None,
        close_code: int | None = None,
    ) -> None:
        self.status = status
        self.error = error
        self.close_code = close_code

    def __repr__(self) -> str:
        return f"<Outcome {self.status}>"
