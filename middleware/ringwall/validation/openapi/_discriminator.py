"""The discriminator (OpenAPI 3.1 section 4.8.25): the value of one property chooses the schema.

An app that reads the property makes the object that it names. So it must be that schema which
judges, and a value that names none must not pass, although another alternative might fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._errors import child, mistake

if TYPE_CHECKING:
    from ._bundle import Bundle, Way

_COMPONENTS = "#/components/schemas/"


def conditions(bundle: Bundle, schema: dict[str, Any], at: str, way: Way) -> list[dict[str, Any]]:
    """What to add to `allOf` of a schema that has a discriminator, and is meant in this way.

    Raises:
        ConfigurationError: the discriminator is malformed, or leads nowhere.
    """
    discriminator = schema["discriminator"]
    at = child(at, "discriminator")
    name = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
    if not isinstance(name, str):
        raise mistake(at, "write {'propertyName': '...'}")
    mapping = discriminator.get("mapping", {})
    if not isinstance(mapping, dict) or not all(isinstance(to, str) for to in mapping.values()):
        raise mistake(child(at, "mapping"), "write an object of texts")
    own, choices = _choices(bundle, schema, at, mapping)
    if not choices and own is None:
        return []
    made: list[dict[str, Any]] = [
        {
            "required": [name],
            "properties": {name: {"enum": [*choices, *([] if own is None else [own])]}},
        }
    ]
    way = way._replace(chosen=own is not None)
    for value, reference in choices.items():
        test = {"required": [name], "properties": {name: {"const": value}}}
        target = bundle.refer(reference, child(at, "mapping", value), way)
        made.append({"if": test, "then": {"$ref": target}})
    return made


def _choices(
    bundle: Bundle, schema: dict[str, Any], at: str, mapping: dict[str, str]
) -> tuple[str | None, dict[str, str]]:
    """The reference that each value means; and, where the schema is a base of others, its name."""
    content = bundle.document.content
    components = content.get("components", {}).get("schemas", {})
    choices: dict[str, str] = {}
    own = None
    alternatives = schema.get("oneOf", schema.get("anyOf"))
    if isinstance(alternatives, list):
        references = [part.get("$ref") for part in alternatives if isinstance(part, dict)]
        named = [str(one) for one in references if str(one).startswith(_COMPONENTS)]
    else:
        base = at.removesuffix("/discriminator")
        named = [child(_COMPONENTS[:-1], name) for name in _heirs(base, components)]
        own = base.removeprefix(_COMPONENTS) if base.startswith(_COMPONENTS) else None
    for reference in named:
        choices[reference.removeprefix(_COMPONENTS)] = reference
    for value, target in mapping.items():
        is_name = target in components and not target.startswith("#")
        choices[value] = child(_COMPONENTS[:-1], target) if is_name else target
    if own is not None:
        for value in [value for value, target in choices.items() if target == _COMPONENTS + own]:
            del choices[value]  # the base itself: its own words say what there is to say
            own = value
    return own, choices


def _heirs(base: str, components: dict[str, Any]) -> Iterator[str]:
    """The components that are the base and more, by `allOf`, over any number of steps."""
    pending, seen = [base], {base}
    while pending:
        parent = pending.pop()
        for name, schema in components.items():
            pointer = child(_COMPONENTS[:-1], name)
            parts = schema.get("allOf") if isinstance(schema, dict) else None
            if pointer not in seen and isinstance(parts, list) and {"$ref": parent} in parts:
                seen.add(pointer)
                pending.append(pointer)
                yield name
