"""A document whose structure is checked, and where its references lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._errors import ConfigurationError
from ._dynamic import DynamicReferences, Scope
from ._errors import child, mistake
from ._load import read_file
from ._references import References
from ._structure import check_structure

_VERSION = re.compile(r"3\.([01])\.[0-9]+(?:-.*)?\Z")


class Document:
    """An OpenAPI document, version 3.0 or 3.1.

    Parameters:
        content: the document.
        generated: a framework wrote it: unknown formats are no mistake of the user's.
        path: the file that it is from; those beside it may be referred to.

    Raises:
        ConfigurationError: it is not valid, with the place.
    """

    def __init__(
        self, content: Mapping[str, Any], generated: bool = False, path: Path | None = None
    ) -> None:
        version = content.get("openapi")
        found = _VERSION.match(version) if isinstance(version, str) else None
        if found is None:
            hint = "; convert Swagger 2.0 to OpenAPI 3 first" if "swagger" in content else ""
            raise ConfigurationError(
                f"openapi: {version!r} is no version that is known; write '3.1.0' or '3.0.3'{hint}"
            )
        self.content = content
        self.generated = generated
        self.is_30 = found[1] == "0"
        # What judges bodies, by media type, direction, reference and dynamic scope: operations
        # share schemas.
        self.handlers: dict[tuple[str, str, Any, Scope], Any] = {}
        self._references = References(content, path, read_file)
        self.dynamic = DynamicReferences(self._references)
        check_structure(content, self.is_30, self._references)

    def follow(self, value: Any, at: str) -> tuple[Any, str]:
        """An object, or what its `$ref` leads to, with the place where that is.

        Raises:
            ConfigurationError: the reference leads outside, nowhere, or back to itself.
        """
        seen = {at}
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            place = child(at, "$ref")
            value, at = self.find(value["$ref"], place)
            if at in seen:
                raise mistake(place, "the reference leads back to itself")
            seen.add(at)
        return value, at

    def find(self, reference: str, place: str) -> tuple[Any, str]:
        """What a reference names; see `References.find`."""
        return self._references.find(reference, place)
