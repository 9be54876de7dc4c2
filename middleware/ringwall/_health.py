"""Whether what layers depend on answers: they tell it here, and audit's metrics read it.

A port, so that no layer needs to know another. Names come from the configuration.
"""

from __future__ import annotations

_MOST = 256
_states: dict[str, bool] = {}


def tell(what: str, healthy: bool) -> None:
    """Note whether something answers, such as "jwks https://id.example.com".

    >>> tell("store", False); states()["store"]
    False
    """
    if what in _states or len(_states) < _MOST:
        _states[what] = healthy


def states() -> dict[str, bool]:
    """What is known, by name."""
    return dict(_states)
