"""The role hierarchy: which roles carry which others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._errors import ConfigurationError


class Roles:
    """A directed graph of roles.

    Parameters:
        includes: by role, the roles it includes: `{"admin": ["editor"], "editor": ["viewer"]}`.

    Raises:
        ConfigurationError: a cycle, which would make all its roles one.

    >>> sorted(Roles({"admin": ["editor"], "editor": ["viewer"]}).that_imply("viewer"))
    ['admin', 'editor', 'viewer']
    """

    __slots__ = ("_implied_by",)
    __constant__ = True

    def __init__(self, includes: Mapping[str, Iterable[str]] | None = None) -> None:
        graph: dict[str, tuple[str, ...]] = {}
        for role, included in (includes or {}).items():
            if isinstance(included, str):
                raise ConfigurationError(
                    f"roles holds {role!r}: {included!r}; write {role!r}: [{included!r}]"
                )
            graph[role] = tuple(included)
        self._implied_by: dict[str, set[str]] = {}
        for role in graph:
            for included in _reach(graph, role):
                self._implied_by.setdefault(included, set()).add(role)

    def that_imply(self, role: str) -> frozenset[str]:
        """The role itself and every one that includes it."""
        return frozenset({role} | self._implied_by.get(role, set()))


def _reach(graph: Mapping[str, tuple[str, ...]], start: str) -> set[str]:
    reached: set[str] = set()
    todo = list(graph[start])
    while todo:
        role = todo.pop()
        if role == start:
            raise ConfigurationError(f"the role {start!r} includes itself; take one edge away")
        if role not in reached:
            reached.add(role)
            todo += graph.get(role, ())
    return reached
