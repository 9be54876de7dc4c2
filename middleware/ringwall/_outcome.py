"""What layers decide of an exchange, and how it ends."""

from __future__ import annotations

from typing import Literal, NamedTuple


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


class Outcome:
    """How an exchange ended, given to `on_complete`.

    status: the status that was sent; 101 for an accepted websocket; None if none was sent.
    error: the exception that ended it (the app's, or `ClientDisconnected`), or None.
    close_code: the close code of a websocket, if known.
    """

    status: int | None = None
    error: BaseException | None = None
    close_code: int | None = None

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
