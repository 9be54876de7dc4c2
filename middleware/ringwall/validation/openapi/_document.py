"""A document whose structure is checked, and where its references lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ..._errors import ConfigurationError
from ._errors import child, mistake
from ._structure import check_structure

_VERSION = re.compile(r"3\.([01])\.[0-9]+(?:-.*)?\Z")


class Document:
    """An OpenAPI document, version 3.0 or 3.1.

    Parameters:
        content: the document.
        generated: a framework wrote it: unknown formats are no mistake of the user's.

    Raises:
        ConfigurationError: it is not valid, with the place.
    """

    def __init__(self, content: Mapping[str, Any], generated: bool = False) -> None:
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
        # What judges bodies, by media type, direction and reference: operations share schemas.
        self.handlers: dict[tuple[str, str, Any], Any] = {}
        check_structure(content, self.is_30)

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
        """What a reference within the document names.

        Raises:
            ConfigurationError: it leads outside or nowhere.
        """
        if not reference.startswith("#"):
            raise mistake(
                place,
                f"{reference!r} is outside of the document; nothing is fetched and no other file"
                " is read: bundle the document into one file first",
            )
        try:
            fragment = unquote(reference[1:], errors="strict")
        except UnicodeDecodeError:
            raise mistake(place, f"{reference!r} is not in UTF-8") from None
        value: Any = self.content
        at = "#"
        for step in fragment.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and step in value:
                value = value[step]
            elif isinstance(value, list) and step.isascii() and step.isdigit():
                value = value[int(step)] if int(step) < len(value) else None
            else:
                value = None
            if value is None:
                raise mistake(place, f"{reference!r} leads to nothing")
            at = child(at, step)
        if fragment and not fragment.startswith("/"):
            raise mistake(place, f"{reference!r} is no pointer; write '#/components/...'")
        return value, at
