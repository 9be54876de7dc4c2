"""The parameter objects of an operation (OpenAPI 3.1 section 4.8.12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._errors import did_you_mean
from ..handlers import factory_of
from ..parameters import Spec
from ._bundle import Bundle
from ._document import Document
from ._errors import child, mistake

_STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
# What these headers say is not the document's to say (section 4.8.12.1).
_NOT_PARAMETERS = frozenset({"accept", "content-type", "authorization"})


def check_parameters(document: Document) -> None:
    """Check the parameters in the components, used or not.

    Raises:
        ConfigurationError: one says what it cannot.
    """
    components = document.content.get("components", {})
    for name, parameter in components.get("parameters", {}).items():
        at = child("#/components/parameters", name)
        _check(*document.follow(parameter, at), document.is_30)


def specs_of(
    document: Document,
    bundle: Bundle,
    path_item: dict[str, Any],
    operation: dict[str, Any],
    at: str,
) -> list[Spec]:
    """The parameters of an operation: its own, and those of its path that it does not replace.

    Raises:
        ConfigurationError: one says what it cannot, or is declared twice.
    """
    found: dict[tuple[str, str], Spec | None] = {}
    path_at = at.rpartition("/")[0]
    for where, holder in ((path_at, path_item), (at, operation)):
        here: set[tuple[str, str]] = set()
        for index, parameter in enumerate(holder.get("parameters", [])):
            place = child(where, "parameters", index)
            target, target_at = document.follow(parameter, place)
            name, location = target.get("name"), target.get("in")
            _check(target, target_at, document.is_30)
            key = (name.lower() if location == "header" else name, location)
            if key in here:
                raise mistake(place, f"the {location} parameter {name!r} is declared twice")
            here.add(key)
            skipped = location == "header" and key[0] in _NOT_PARAMETERS
            found[key] = None if skipped else _spec(bundle, target, target_at)
    return [spec for spec in found.values() if spec is not None]


def _check(parameter: Any, at: str, is_30: bool) -> None:
    if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
        raise mistake(at, "this is no parameter")
    location = parameter.get("in")
    if location not in _STYLES:
        hint = did_you_mean(location, _STYLES) if isinstance(location, str) else ""
        raise mistake(child(at, "in"), f"unknown place {location!r}{hint}")
    style = parameter.get("style")
    if style is not None and style not in _STYLES[location]:
        raise mistake(
            child(at, "style"),
            f"unknown style {style!r} of a {location} parameter"
            + did_you_mean(str(style), _STYLES[location]),
        )
    if "allowReserved" in parameter and location != "query" and not is_30:
        raise mistake(child(at, "allowReserved"), "it is for query parameters alone")
    if ("schema" in parameter) == ("content" in parameter):
        raise mistake(at, "write one of 'schema' and 'content'")
    if len(parameter.get("content", "1")) != 1:
        raise mistake(child(at, "content"), "write one media type")


def _spec(bundle: Bundle, parameter: dict[str, Any], at: str) -> Spec:
    name, location = parameter["name"], parameter["in"]
    if location == "path" and parameter.get("required") is not True:
        raise mistake(at, f"the path parameter {name!r} needs 'required': true")
    schema, place, is_json = parameter.get("schema", {}), child(at, "schema"), False
    for media_type, content in parameter.get("content", {}).items():
        schema, place = content.get("schema", {}), child(at, "content", media_type, "schema")
        is_json = factory_of(media_type.lower()) is not None
    style = parameter.get("style") or _STYLES[location][0]
    return Spec(
        name,
        location,
        bundle.add(schema, place),
        required=parameter.get("required") is True,
        style=style,
        explode=style == "deepObject" or parameter.get("explode", style == "form"),
        is_json=is_json,
        allow_empty=location == "query" and parameter.get("allowEmptyValue") is True,
    )


def query_credentials(document: Document) -> Iterator[str]:
    """The names in the query that carry credentials: what checks those is another layer."""
    schemes = document.content.get("components", {}).get("securitySchemes", {})
    for name, scheme in schemes.items():
        if not scheme.get("$ref", "#").startswith("#"):
            continue  # nothing of security is judged here
        found, _ = document.follow(scheme, child("#/components/securitySchemes", name))
        if isinstance(found, dict) and found.get("in") == "query" and "name" in found:
            yield found["name"]
