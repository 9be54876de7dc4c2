"""How layers that refuse tell the client what to show: they do not know each other."""

from __future__ import annotations

from typing import Protocol

from .problem import Header


class Challenges(Protocol):
    """An authentication layer's `WWW-Authenticate`, for the refusals of other layers."""

    @property
    def missing(self) -> Header:
        """The challenges of all schemes, without an error."""
        ...

    def insufficient_scope(self, scheme: str, scope: str) -> Header | None:
        """What to answer a principal whose `scheme` is this and who lacks a scope (RFC 6750
        section 3.1); None: that scheme has no word for it.

        Parameters:
            scheme: as `Principal.scheme` has it. scope: the missing scopes, space-separated.
        """
        ...
