"""An audience that is not named."""

from __future__ import annotations

from typing import Final


class AnyAudience:
    """See `ANY_AUDIENCE`."""

    def __repr__(self) -> str:
        return "ANY_AUDIENCE"


ANY_AUDIENCE: Final = AnyAudience()
"""For `Introspection(audience=...)`: the server tells no audience, and answers "active" only for
tokens that are meant for the client that asks."""
