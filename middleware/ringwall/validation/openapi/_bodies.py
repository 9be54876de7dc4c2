"""The request bodies of an operation (OpenAPI 3.1 section 4.8.13)."""

from __future__ import annotations

import logging
import re
from typing import Any

from .._media import media_type
from .._operation import Bodies, MediaType
from .._options import Options
from .._responses import Declared
from .._schema import Schema
from .._strip import Stripper
from ..handlers import (
    Content,
    Factory,
    Handler,
    Rewrite,
    bytes_handler,
    factory_of,
    json_handler,
    rewriter_of,
    text_handler,
)
from ._bundle import Bundle
from ._document import Document
from ._errors import child, mistake
from ._properties import Direction

logger = logging.getLogger("ringwall")
_RANGE = re.compile(r"(?:\*/|[a-z0-9!#$&^_.+-]+/)\*\Z")
_JSON = "application/json"


def responses_of(
    document: Document, responses: dict[str, Any], at: str, options: Options
) -> dict[str, Declared]:
    """What is declared of the responses, by status.

    Raises:
        ConfigurationError: a media type is malformed, or a schema cannot be used.
    """
    found: dict[str, Declared] = {}
    for status, response in responses.items():
        if status.startswith("x-"):
            continue
        response, place = document.follow(response, child(at, status))
        schemas: dict[bytes, tuple[Schema, Stripper]] = {}
        others: set[bytes] = set()
        for text, content in response.get("content", {}).items():
            where = child(place, "content", text, "schema")
            name = _name(text, child(place, "content", text))
            if "schema" not in content or factory_of(name) is not json_handler:
                others.add(name.encode("ascii"))
                continue
            bundle = Bundle(document, "response", options.closed)
            schema = bundle.close(bundle.add(content["schema"], where))
            compiled = options.compile(schema, where, lenient=document.generated)
            schemas[name.encode("ascii")] = (compiled, Stripper(schema))
        found[status] = Declared(schemas, frozenset(others))
    return found


def bodies_of(document: Document, body: dict[str, Any], at: str, options: Options) -> Bodies:
    """What judges the bodies that are declared. What nothing here can judge is not accepted.

    Raises:
        ConfigurationError: a media type is malformed, or a schema cannot be used.
    """
    accepted = media_types_of(document, body["content"], child(at, "content"), "request", options)
    return Bodies(accepted, required=body.get("required") is True)


def media_types_of(
    document: Document, contents: dict[str, Any], at: str, direction: Direction, options: Options
) -> list[MediaType]:
    """What judges each media type, named ones before ranges."""
    found: dict[str, MediaType] = {}
    for text, content in sorted(contents.items(), key=lambda item: item[0].count("*")):
        place = child(at, text)
        factories = _factories(_name(text, place), content.get("schema"))
        if not factories:
            logger.warning(
                "Nothing judges bodies of the type %r, which the OpenAPI document declares at %s:"
                " they are not accepted.",
                text,
                place,
            )
        for name, factory in factories.items():
            if name not in found:
                handler, rewrite = _handler(
                    document, name, factory, content, place, direction, options
                )
                found[name] = MediaType(name, handler, options.limit, rewrite)
    return list(found.values())


def _handler(
    document: Document,
    name: str,
    factory: Factory,
    content: dict[str, Any],
    place: str,
    direction: Direction,
    options: Options,
) -> tuple[Handler, Rewrite | None]:
    """Made once for all operations that refer to the same schema."""
    schema = content.get("schema", True)
    reference = schema.get("$ref") if isinstance(schema, dict) and len(schema) == 1 else None
    # By where it leads: the same words in another file mean another schema.
    leads = None
    if isinstance(reference, str) and "encoding" not in content:
        _, leads = document.find(reference, child(place, "schema", "$ref"))
    scope = document.dynamic.enter((), place)
    key = (name, direction, leads, scope)
    known = None if leads is None else document.handlers.get(key)
    if known is None:
        where = child(place, "schema")
        bundle = Bundle(document, direction, options.closed)
        whole = bundle.close(bundle.add(schema, where))
        encoding = content.get("encoding", {})
        judged = Content(name, whole, where, None, document.generated, encoding)
        known = factory(judged, options), rewriter_of(factory, judged, options)
        if leads is not None:
            document.handlers[key] = known
    return known


def _factories(name: str, schema: Any) -> dict[str, Factory]:
    """What makes the handlers for a name or a range."""
    made: dict[str, Factory] = {}
    factory = factory_of(name)
    if factory is not None:
        made[name] = factory
    elif name in ("*/*", "application/*"):
        made[_JSON] = factory_of(_JSON) or bytes_handler
    if factory is None:
        if _is_opaque(schema):
            made[name] = bytes_handler
        elif name.startswith("text/"):
            made[name] = text_handler
    return made


def _is_opaque(schema: Any) -> bool:
    """Does it say nothing of the bytes? `binary` is OpenAPI 3.0's word for that; 3.1 leaves the
    type out."""
    if not isinstance(schema, dict):
        return schema is None or schema is True
    if schema.get("format") == "binary":
        return True
    told = {"contentMediaType", "contentEncoding", "description", "title", "example", "examples"}
    return not schema.keys() - told


def _name(text: str, place: str) -> str:
    name = text.lower()
    if _RANGE.match(name):
        return name
    essence = media_type(name.encode("latin-1", "replace"))
    if essence is None:
        raise mistake(place, f"{text!r} is no media type, or is not in UTF-8")
    return essence.decode("ascii")
