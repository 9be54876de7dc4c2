"""Dynamic references (JSON Schema 2020-12 section 8.2.3.2), resolved at start-up.

A `$dynamicRef` means the `$dynamicAnchor` of its name in the outermost of the schema resources that
an evaluation has come through. Which these are is known here: so a schema is copied once for each
way that leads to it, and each copy refers to one schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ._errors import mistake
from ._references import References, anchors_in


class Anchor(NamedTuple):
    """A `$dynamicAnchor` that has been passed.

    place: None where its resource has two of the name. identified: the resource has an `$id`.
    """

    name: str
    place: str | None
    identified: bool


# Outermost first; of each name only those that can still count.
Scope = tuple[Anchor, ...]


class DynamicReferences:
    """Finds what dynamic references name.

    Whether a whole document or file is a resource, which an evaluation comes through, or the Schema
    Object in it alone, OpenAPI does not say. So what the two readings understand differently is a
    mistake; schemas with an `$id` are resources in both.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._known: dict[str, Scope] = {}

    def enter(self, scope: Scope, at: str) -> Scope:
        """The scope, once an evaluation has come to a schema."""
        for anchor in self._anchors(at):
            passed = [each for each in scope if each.name == anchor.name]
            if not passed or (anchor.identified and not any(each.identified for each in passed)):
                scope = (*scope, anchor)
        return scope

    def find(self, reference: str, place: str, scope: Scope) -> tuple[Any, str]:
        """What a `$dynamicRef` names, and the place of that.

        Raises:
            ConfigurationError: it leads nowhere, or could mean two schemas.
        """
        target, at = self._references.find(reference, place)
        name = reference.partition("#")[2]
        if not isinstance(target, Mapping) or target.get("$dynamicAnchor") != name:
            return target, at  # then it is a `$ref`
        passed = [anchor for anchor in scope if anchor.name == name]
        outermost = passed[0].place if passed else at
        identified = next((anchor.place for anchor in passed if anchor.identified), at)
        if outermost is None or outermost != identified:
            raise mistake(
                place,
                f"{reference!r} could mean two schemas; give each that has this '$dynamicAnchor' an"
                " '$id' of its own",
            )
        return self._references.at(outermost), outermost

    def _anchors(self, at: str) -> Scope:
        """The dynamic anchors of the resource that a place is in."""
        _, base = self._references.base(at)
        if base not in self._known:
            resource = self._references.at(base)
            identified = isinstance(resource, Mapping) and "$id" in resource
            found: dict[str, str | None] = {}
            for name, place in anchors_in(resource, base, ("$dynamicAnchor",)):
                found[name] = None if name in found else place
            self._known[base] = tuple(
                Anchor(name, place, identified) for name, place in sorted(found.items())
            )
        return self._known[base]
