"""Fills the defaults of a schema into a value that follows it."""

from __future__ import annotations

import copy
from typing import Any

from ._schema import JSONSchema


class Filler:
    """Sets the properties that are missing and have a `default`, at every depth.

    What stands in alternatives (`anyOf`, `oneOf`, `if`) is left out: which of them is meant, the
    value tells only once its defaults are there.

    Parameters:
        schema: with all that it refers to below `$defs` or elsewhere in it.

    >>> Filler({"properties": {"size": {"default": 1}}})({"name": "a"})
    {'name': 'a', 'size': 1}
    """

    def __init__(self, schema: JSONSchema) -> None:
        self._schema = schema

    def __call__(self, value: Any) -> Any:
        """The same value, changed in place."""
        self._fill(value, [self._schema])
        return value

    def _fill(self, value: Any, schemas: list[JSONSchema]) -> None:
        if not isinstance(value, (dict, list)):
            return
        for part in self._parts(schemas):
            if isinstance(value, list):
                items = part.get("items", True)
                for item in value:
                    self._fill(item, [items])
                continue
            properties = part.get("properties")
            for name, schema in properties.items() if isinstance(properties, dict) else ():
                if name in value:
                    self._fill(value[name], [schema])
                    continue
                for told in self._parts([schema]):
                    if "default" in told:  # taken as it stands, or a schema could have no end
                        value[name] = copy.deepcopy(told["default"])
                        break

    def _parts(self, schemas: list[JSONSchema]) -> list[dict[str, Any]]:
        """The schemas that judge the same value whatever it is."""
        pending, found, seen = list(schemas), [], set()
        while pending:
            part = pending.pop()
            if isinstance(part, dict) and id(part) not in seen:
                seen.add(id(part))
                found.append(part)
                pending += part.get("allOf", ())
                if "$ref" in part:
                    pending.append(self._at(part["$ref"]))
        return found

    def _at(self, reference: str) -> Any:
        value: Any = self._schema if reference.startswith("#") else {}
        for name in reference.split("/")[1:]:
            name = name.replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
        return value
