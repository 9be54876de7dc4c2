"""The port to an issuer's keys."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

from .._exchange import Decision, Exchange
from .._pending import Pending

if TYPE_CHECKING:
    from ._keys import KeySet

# What can happen to keys, in the words of a decision's `reason`.
ROTATED = "keys-rotated"
OUTAGE = "keys-outage"
RESTORED = "keys-restored"


class KeySource:
    """A port to the issuer's keys; as it is, to keys given in the configuration.

    Attributes:
        keys: the keys of now; None while there are none.
        events: what happened to them and was not told yet: ROTATED, OUTAGE, RESTORED.
        colours: the interfaces it can serve.
    """

    keys: KeySet | None
    colours: frozenset[str] = frozenset({"asgi", "wsgi"})

    def __init__(self, keys: KeySet | None) -> None:
        self.keys = keys
        self.events: deque[str] = deque(maxlen=8)

    def ready(self, interface: str) -> bool:
        """Whether `keys` may be used at once; if not, `refresh` comes first.

        Parameters:
            interface: that of the request, "asgi" or "wsgi".
        """
        return True

    def may_have_more(self) -> bool:
        """Whether a `refresh` could find a key that is unknown so far."""
        return False

    def refresh(self, token: bytes) -> Pending[None]:
        """Get the keys anew. Raises nothing: after a failure `keys` is as it was, or None.

        Parameters:
            token: the compact JWS whose key is looked for.
        """
        yield from ()

    def tell(self, exchange: Exchange, issuer: str) -> None:
        """Let the audit see what happened to the keys: nobody else hears of the background."""
        while True:
            try:
                event = self.events.popleft()
            except IndexError:  # also where another thread has told the last one just now
                return
            outcome: Literal["allow", "error"] = "error" if event is OUTAGE else "allow"
            exchange.decisions.append(Decision("authentication", outcome, issuer, event))
