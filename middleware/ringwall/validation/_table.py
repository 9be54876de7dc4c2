"""Which operation a method and a path mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .._errors import ConfigurationError
from .._template import Template, parse_template
from .._template_index import TemplateIndex
from ._operation import Operation

Find = Callable[[str], "tuple[Operation, dict[str, Any] | None] | None"]


class Table:
    """The declared operations, by method and path template.

    wants: the headers that their parameters are read from.
    """

    __slots__ = ("_by_method", "_exempt", "_operations", "wants")

    def __init__(self) -> None:
        self._by_method: dict[str, TemplateIndex[Operation]] = {}
        self._exempt: TemplateIndex[str] = TemplateIndex()
        self._operations: list[Operation] = []
        self.wants: frozenset[bytes] = frozenset()

    def add(self, method: str, template: Template, operation: Operation) -> None:
        """Raises ConfigurationError: a template for the same paths is there already."""
        index = self._by_method.setdefault(method, TemplateIndex())
        index.add(template, operation)
        self._operations.append(operation)
        if operation.parameters is not None:
            self.wants |= operation.parameters.wants

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, Any] | None] | None:
        """The operation, and the parameters in its path; None where none is declared."""
        index = self._by_method.get(method)
        return None if index is None else index.find(path)

    def finders(self) -> dict[str, Find]:
        """What finds an operation, as `find` does, by method."""
        return {method: index.find for method, index in self._by_method.items()}

    def plain(self) -> dict[str, dict[str, Operation]]:
        """Those without parameters in their paths, by method and path."""
        return {method: index.plain for method, index in self._by_method.items()}

    def operations(self) -> dict[str, Operation]:
        """All that are declared, by method and path as they were written."""
        return {operation.rule: operation for operation in self._operations}

    def methods(self, path: str) -> list[str]:
        """The methods that are declared for a path, for the header Allow."""
        return sorted(
            method for method, index in self._by_method.items() if index.find(path) is not None
        )

    def exempt(self, paths: Iterable[str]) -> None:
        """Paths that are not judged. Raises ConfigurationError: one is no path template."""
        if isinstance(paths, str):
            raise ConfigurationError(f"exempt is a list: write exempt=[{paths!r}]")
        for path in paths:
            self._exempt.add(parse_template(path), path)

    def is_exempt(self, path: str) -> bool:
        return self._exempt.find(path) is not None
