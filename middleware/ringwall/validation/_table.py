"""Which operation a method and a path mean."""

from __future__ import annotations

from typing import Any

from .._template import Template
from .._template_index import TemplateIndex
from ._operation import Operation


class Table:
    """The declared operations, by method and path template."""

    __slots__ = ("_by_method",)

    def __init__(self) -> None:
        self._by_method: dict[str, TemplateIndex[Operation]] = {}

    def add(self, method: str, template: Template, operation: Operation) -> None:
        """Raises ConfigurationError: a template for the same paths is there already."""
        index = self._by_method.setdefault(method, TemplateIndex())
        index.add(template, operation)

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, Any] | None] | None:
        """The operation, and the parameters in its path; None where none is declared."""
        index = self._by_method.get(method)
        return None if index is None else index.find(path)

    def methods(self, path: str) -> list[str]:
        """The methods that are declared for a path, for the header Allow."""
        return sorted(
            method for method, index in self._by_method.items() if index.find(path) is not None
        )
