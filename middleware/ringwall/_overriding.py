"""Methods that a subclass overrides in vain, because ours chooses or remembers."""

from __future__ import annotations

_OURS = "ringwall."


def overridden(kind: type, method: str, base: type) -> type | None:
    """The class of ours whose method a class of somebody else overrides; None: there is none.

    Parameters:
        base: what everybody subclasses. Its own methods are there to be overridden.
    """
    mro = kind.__mro__
    at = next(place for place, each in enumerate(mro) if method in vars(each))
    if mro[at].__module__.startswith(_OURS):
        return None
    for each in mro[at + 1 :]:
        if each is not base and issubclass(each, base) and each.__module__.startswith(_OURS):
            return each
    return None
