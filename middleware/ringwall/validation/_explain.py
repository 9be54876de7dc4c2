"""What is wrong where, in words from the schema alone: no part of the input is ever repeated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

MOST_ERRORS = 20
_LONGEST = 200


def pointer(path: Iterable[str | int], known: frozenset[str]) -> str:
    """A JSON Pointer as a URI fragment (RFC 6901 section 6). It ends before the first name that
    the schema does not spell out: such a name is input.

    >>> pointer(["items", 3, "a/b"], frozenset({"items", "a/b"}))
    '#/items/3/a~1b'
    >>> pointer(["items", "<script>"], frozenset({"items"}))
    '#/items'
    """
    steps = ["#"]
    for step in path:
        if isinstance(step, str):
            if step not in known:
                break
            step = quote(step.replace("~", "~0").replace("/", "~1"), safe="~")
        steps.append(str(step))
    return "/".join(steps)


def _shown(value: Any) -> str:
    """A value of the schema, if it is short enough to read."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _LONGEST else "what the schema says"


def _at_least(what: str) -> Callable[[Any], str]:
    return lambda kind: f"Must have at least {kind.limit} {what}."


def _at_most(what: str) -> Callable[[Any], str]:
    return lambda kind: f"Must have at most {kind.limit} {what}."


_DETAILS: dict[str, Callable[[Any], str]] = {
    "type": lambda kind: f"Must be of type {' or '.join(kind.types)}.",
    "required": lambda kind: f"The property {_shown(kind.property)} is needed.",
    "enum": lambda kind: f"Must be one of {_shown(kind.options)}.",
    "const": lambda kind: f"Must be {_shown(kind.expected_value)}.",
    "minimum": lambda kind: f"Must be at least {_shown(kind.limit)}.",
    "maximum": lambda kind: f"Must be at most {_shown(kind.limit)}.",
    "exclusiveMinimum": lambda kind: f"Must be more than {_shown(kind.limit)}.",
    "exclusiveMaximum": lambda kind: f"Must be less than {_shown(kind.limit)}.",
    "multipleOf": lambda kind: f"Must be a multiple of {_shown(kind.multiple_of)}.",
    "minLength": _at_least("characters"),
    "maxLength": _at_most("characters"),
    "minItems": _at_least("items"),
    "maxItems": _at_most("items"),
    "minProperties": _at_least("properties"),
    "maxProperties": _at_most("properties"),
    "pattern": lambda kind: f"Must match the pattern {_shown(kind.pattern)}.",
    "format": lambda kind: f"Must have the format {_shown(kind.format)}.",
    "additionalProperties": lambda _: "Has a property that is not allowed.",
    "unevaluatedProperties": lambda _: "Has a property that is not allowed.",
    "additionalItems": lambda _: "Has more items than are allowed.",
    "unevaluatedItems": lambda _: "Has more items than are allowed.",
    "propertyNames": lambda _: "Has a property whose name is not allowed.",
    "uniqueItems": lambda _: "Must not have equal items.",
    "contains": lambda _: "Has too few or too many items of the kind that is needed.",
    "anyOf": lambda _: "Must match at least one of the alternatives.",
    "oneOf": lambda _: "Must match exactly one of the alternatives.",
    "not": lambda _: "Must not be what it is.",
    "falseSchema": lambda _: "Must not be present.",
}


def explain(error: Any, known: frozenset[str]) -> dict[str, str]:
    """One entry of `errors` for an error of the schema engine."""
    name = error.kind.name
    detail = _DETAILS.get(name)
    return {
        "pointer": pointer(error.instance_path, known),
        "code": name,
        "detail": "Does not follow the schema." if detail is None else detail(error.kind),
    }


UNEXPLAINED = {
    "pointer": "#",
    "code": "schema",
    "detail": "Does not follow the schema. The body is too large or too deep to say where.",
}
