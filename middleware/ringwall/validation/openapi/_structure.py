"""What may stand where in an OpenAPI document (OpenAPI 3.0.4 and 3.1.1, section 4.7 and 4.8).

A word that is not known is a mistake, not an extension: with `requestbody` for `requestBody`,
every body would pass unseen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._errors import did_you_mean
from ._errors import child, mistake

if TYPE_CHECKING:
    from ._references import References

# What a field holds: a type, "[...]" a list and "{...}" an object of them; "&" a Reference Object
# in its place, too. After a field's name: "!" it is needed, "+" not before 3.1, "-" only before.
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
METHODS = frozenset(_METHODS)


def _fields(text: str) -> dict[str, str]:
    return dict(field.split("=") for field in text.split())


_OBJECTS: Mapping[str, Mapping[str, str]] = {
    "OpenAPI": _fields(
        "openapi!=str info!=Info jsonSchemaDialect+=str servers=[Server] paths=Paths"
        " webhooks+={PathItem&} components=Components security=[Security] tags=[Tag]"
        " externalDocs=ExternalDocs"
    ),
    "Info": _fields(
        "title!=str summary+=str description=str termsOfService=str contact=Contact license=License"
        " version!=str"
    ),
    "Contact": _fields("name=str url=str email=str"),
    "License": _fields("name!=str identifier+=str url=str"),
    "Server": _fields("url!=str description=str variables={ServerVariable}"),
    "ServerVariable": _fields("enum=[str] default!=str description=str"),
    "Components": _fields(
        "schemas={Schema} responses={Response&} parameters={Parameter&} examples={Example&}"
        " requestBodies={RequestBody&} headers={Header&} securitySchemes={SecurityScheme&}"
        " links={Link&} callbacks={Callback&} pathItems+={PathItem&}"
    ),
    "PathItem": {
        **_fields("$ref=str summary=str description=str servers=[Server] parameters=[Parameter&]"),
        **dict.fromkeys(_METHODS, "Operation"),
    },
    "Operation": _fields(
        "tags=[str] summary=str description=str externalDocs=ExternalDocs operationId=str"
        " parameters=[Parameter&] requestBody=RequestBody& responses=Responses"
        " callbacks={Callback&} deprecated=bool security=[Security] servers=[Server]"
    ),
    "Parameter": _fields(
        "name!=str in!=str description=str required=bool deprecated=bool allowEmptyValue=bool"
        " style=str explode=bool allowReserved=bool schema=Schema example=any examples={Example&}"
        " content={MediaType}"
    ),
    "RequestBody": _fields("description=str content!={MediaType} required=bool"),
    "MediaType": _fields("schema=Schema example=any examples={Example&} encoding={Encoding}"),
    "Encoding": _fields(
        "contentType=str headers={Header&} style=str explode=bool allowReserved=bool"
    ),
    "Response": _fields("description!=str headers={Header&} content={MediaType} links={Link&}"),
    "Example": _fields("summary=str description=str value=any externalValue=str"),
    "Link": _fields(
        "operationRef=str operationId=str parameters={any} requestBody=any description=str"
        " server=Server"
    ),
    "Header": _fields(
        "description=str required=bool deprecated=bool allowEmptyValue-=bool style=str explode=bool"
        " allowReserved-=bool schema=Schema example=any examples={Example&} content={MediaType}"
    ),
    "Tag": _fields("name!=str description=str externalDocs=ExternalDocs"),
    "ExternalDocs": _fields("description=str url!=str"),
    "SecurityScheme": _fields(
        "type!=str description=str name=str in=str scheme=str bearerFormat=str flows={any}"
        " openIdConnectUrl=str"
    ),
}
# Objects whose names are free: the pattern of the names, and what they hold.
_OPEN = {
    "Paths": (re.compile(r"/"), "PathItem"),
    "Responses": (re.compile(r"default\Z|[1-5](?:[0-9][0-9]|XX)\Z"), "Response&"),
    "Callback": (re.compile(r""), "PathItem&"),
    "Security": (re.compile(r""), "[str]"),
}
# What requests and responses are judged by.
_JUDGED = frozenset({"Header", "Parameter", "PathItem", "RequestBody", "Response"})
_WORDS = {"str": (str, "a text"), "bool": (bool, "true or false")}


def check_structure(
    document: Mapping[str, Any], is_30: bool, references: References | None = None
) -> None:
    """Check everything but the inside of schemas, in other files too, as far as they are used.

    Raises:
        ConfigurationError: a field is unknown, missing or of another type, at which place.
    """
    _Checker(is_30, references).check(document, "OpenAPI", "#")
    needed = ("paths",) if is_30 else ("paths", "components", "webhooks")
    if not any(name in document for name in needed):
        raise mistake("#", "it needs " + " or ".join(map(repr, needed)))


class _Checker:
    def __init__(self, is_30: bool, references: References | None) -> None:
        self._references = references
        self._seen: set[tuple[str, str]] = set()
        self._objects: dict[str, dict[str, str]] = {}
        self._needed: dict[str, list[str]] = {}
        other = "+" if is_30 else "-"
        for name, fields in _OBJECTS.items():
            there = {field: kind for field, kind in fields.items() if not field.endswith(other)}
            self._objects[name] = {field.rstrip("!+-"): kind for field, kind in there.items()}
            self._needed[name] = [field[:-1] for field in there if field.endswith("!")]
        if is_30:
            self._needed["Operation"] = ["responses"]

    def check(self, value: Any, kind: str, at: str) -> None:
        if kind in _WORDS:
            expected, words = _WORDS[kind]
            if not isinstance(value, expected):
                raise mistake(at, f"write {words}")
        elif kind == "Schema":
            if not isinstance(value, (dict, bool)):
                raise mistake(at, "a schema is an object")
        elif kind.startswith("["):
            if not isinstance(value, list):
                raise mistake(at, "write a list")
            for index, part in enumerate(value):
                self.check(part, kind[1:-1], child(at, index))
        elif kind != "any":
            self._check_object(value, kind, at)

    def _check_object(self, value: Any, kind: str, at: str) -> None:
        if not isinstance(value, dict):
            raise mistake(at, "write an object")
        if kind.startswith("{"):
            for name, part in value.items():
                self.check(part, kind[1:-1], child(at, name))
            return
        if kind.endswith("&"):
            kind = kind[:-1]
            if "$ref" in value:
                self.check(value["$ref"], "str", child(at, "$ref"))
                self._follow(value["$ref"], kind, child(at, "$ref"))
                return
        if kind == "PathItem" and isinstance(value.get("$ref"), str):
            self._follow(value["$ref"], kind, child(at, "$ref"))
        for name, part in value.items():
            if not name.startswith("x-"):
                self.check(part, self._kind_of(name, kind, at), child(at, name))
        for name in self._needed.get(kind, ()):
            if name not in value:
                raise mistake(at, f"the field {name!r} is needed")
        if kind == "ServerVariable" and value.get("enum") == []:
            raise mistake(child(at, "enum"), "it is empty")
        if "example" in value and "examples" in value:
            raise mistake(at, "'example' and 'examples' exclude each other")

    def _follow(self, reference: str, kind: str, place: str) -> None:
        """What is in the document is checked where it stands."""
        references = self._references
        if kind in _JUDGED and references is not None and references.is_file(reference, place):
            target, at = references.find(reference, place)
            if not at.startswith("#") and (kind, at) not in self._seen:
                self._seen.add((kind, at))
                self.check(target, f"{kind}&", at)

    def _kind_of(self, name: str, kind: str, at: str) -> str:
        if kind in _OPEN:
            pattern, held = _OPEN[kind]
            if not pattern.match(name):
                raise mistake(at, f"{name!r} cannot stand here; a path begins with '/'")
            return held
        fields = self._objects[kind]
        if name not in fields:
            raise mistake(at, f"unknown field {name!r}" + did_you_mean(name, fields))
        return fields[name]
