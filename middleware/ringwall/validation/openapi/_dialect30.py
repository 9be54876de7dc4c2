"""Schemas of OpenAPI 3.0 (section 4.7.24) in words of JSON Schema 2020-12."""

from __future__ import annotations

from typing import Any

from ..._errors import did_you_mean
from ._errors import child, mistake

_KEYWORDS = frozenset(
    "$ref title multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength"
    " pattern maxItems minItems uniqueItems maxProperties minProperties required enum type not"
    " allOf oneOf anyOf items properties additionalProperties description format default nullable"
    " discriminator readOnly writeOnly example externalDocs deprecated xml".split()
)
_TYPES = frozenset({"array", "boolean", "integer", "number", "object", "string"})
_LATER = frozenset({"const", "if", "prefixItems", "patternProperties", "examples", "$defs"})


def from_30(schema: dict[str, Any], at: str) -> dict[str, Any]:
    """One schema, without what is inside it.

    Raises:
        ConfigurationError: a keyword or value that OpenAPI 3.0 does not have. It would be skipped
            in silence, and what it forbids would pass.
    """
    for keyword in schema:
        if keyword not in _KEYWORDS and not keyword.startswith("x-"):
            hint = did_you_mean(keyword, _KEYWORDS) if keyword not in _LATER else ""
            raise mistake(at, f"OpenAPI 3.0 has no keyword {keyword!r} (3.1 may have){hint}")
    made = dict(schema)
    kind = schema.get("type")
    if kind is not None and (not isinstance(kind, str) or kind not in _TYPES):
        raise mistake(
            child(at, "type"),
            f"unknown type {kind!r}"
            + (did_you_mean(kind, _TYPES) if isinstance(kind, str) else "; it is one text in 3.0"),
        )
    for flag, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        excluded = made.pop(flag, False)
        if not isinstance(excluded, bool):
            raise mistake(child(at, flag), f"it is true or false in 3.0, beside {limit!r}")
        if excluded and limit in made:
            made[flag] = made.pop(limit)
    # Null is allowed where the type of this very schema says so (clarified in 3.0.3).
    if made.pop("nullable", False) is True and kind is not None:
        made["type"] = [kind, "null"]
    return made
