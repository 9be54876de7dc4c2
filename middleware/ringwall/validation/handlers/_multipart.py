"""Forms with files: `multipart/form-data`, by a schema of the object that its parts make."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from .._explain import pointer
from .._files import UploadedFile, is_markup, is_safe_name, is_what_it_says
from .._media import media_type, parameter
from .._multipart import Part, parse_multipart
from .._options import Options
from .._refusal import (
    BAD_FIELD,
    BAD_FILE_NAME,
    DUPLICATE_FIELD,
    INVALID,
    MALFORMED_MULTIPART,
    Refused,
)
from .._schema import JSONSchema
from ..parameters import properties_of
from ._content import Content, Handler
from ._fields import Fields, invalid


class _FileRule(NamedTuple):
    """What a schema says of a file. types: that it may be, with ranges; empty: any."""

    types: frozenset[str]
    is_list: bool
    least: int
    most: int | None


def multipart_handler(content: Content, options: Options) -> Handler:
    """What judges a form with files.

    A property is a file where its schema has `format: binary` (OpenAPI 3.0) or `contentMediaType`
    without `contentEncoding` (JSON Schema, OpenAPI 3.1), or where OpenAPI's `encoding` names a
    type that is neither text nor JSON. Files become `UploadedFile`.
    """
    defs = content.defs
    found = {
        name: _file_rule(part, defs, content.encoding.get(name, {}))
        for name, part in properties_of(content.schema, defs).items()
    }
    rules = {name: rule for name, rule in found.items() if rule is not None}
    fields = Fields(content, options, frozenset(rules))
    schema = options.compile(
        _without_files(content.schema, rules), content.where, lenient=content.lenient
    )

    def judge(body: bytes, content_type: bytes) -> Any:
        boundary = parameter(content_type, b"boundary")
        if boundary is None:
            raise Refused(MALFORMED_MULTIPART)
        parts = parse_multipart(body, boundary, most_parts=options.max_fields)
        files: dict[str, list[UploadedFile]] = {}
        texts: list[tuple[str, str]] = []
        for part in parts:
            rule = rules.get(part.name)
            if part.filename is None and rule is None:
                texts.append((part.name, _text(part)))
            elif rule is None or part.filename is None:
                detail = "Must be a file." if rule is not None else "Must not be a file."
                raise _wrong(part.name, rules, "file", detail)
            elif part.filename or part.data:  # a browser sends an empty one for "no file chosen"
                files.setdefault(part.name, []).append(_file(part, part.filename, rule, rules))
        value = fields.gather(texts)
        for name, several in files.items():
            if len(several) > 1 and not rules[name].is_list:
                raise Refused(DUPLICATE_FIELD)
            value[name] = "" if not rules[name].is_list else [""] * len(several)
        if not schema.is_valid(value):
            raise invalid(schema, value, len(body), len(parts))
        for name, several in files.items():
            value[name] = several if rules[name].is_list else several[0]
        return value

    return judge


def _text(part: Part) -> str:
    if part.content_type is not None:
        kind = media_type(part.content_type)
        if kind not in (b"text/plain", b"application/json"):
            raise Refused(BAD_FIELD)
    try:
        return part.data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(BAD_FIELD) from None


def _file(part: Part, filename: str, rule: _FileRule, rules: dict[str, _FileRule]) -> UploadedFile:
    if not is_safe_name(filename):
        raise Refused(BAD_FILE_NAME)
    told = part.content_type
    kind = media_type(told) if told is not None else b"application/octet-stream"
    declared = "" if kind is None else kind.decode("ascii")
    named = {declared}
    if not is_markup(declared):  # `image/*` shall not mean a drawing that runs scripts
        named.add(declared.partition("/")[0] + "/*")
    if rule.types and rule.types.isdisjoint(named):
        shown = ", ".join(sorted(rule.types))
        raise _wrong(part.name, rules, "contentMediaType", f"Must be a file of {shown}.")
    if not declared or not is_what_it_says(declared, part.data):
        detail = "The file is not what its Content-Type says."
        raise _wrong(part.name, rules, "contentMediaType", detail)
    if len(part.data) < rule.least or (rule.most is not None and len(part.data) > rule.most):
        raise _wrong(part.name, rules, "maxLength", "The file is too short or too long.")
    return UploadedFile(filename, declared, part.data)


def _wrong(name: str, rules: dict[str, _FileRule], code: str, detail: str) -> Refused:
    """A name that the schema does not know is input, and is not repeated."""
    at = pointer([name], frozenset(rules))
    return Refused(INVALID, ({"pointer": at, "code": code, "detail": detail},))


def _file_rule(
    schema: JSONSchema, defs: dict[str, JSONSchema], encoding: dict[str, Any]
) -> _FileRule | None:
    """What a property says of a file; None where it is none."""
    if not isinstance(schema, dict):
        return None
    if "$ref" in schema:
        target = defs.get(schema["$ref"].rpartition("/")[2])
        return None if target is None else _file_rule(target, {}, encoding)
    if "items" in schema:
        rule = _file_rule(schema["items"], defs, encoding)
        return None if rule is None else rule._replace(is_list=True)
    types = {part.strip().lower() for part in encoding.get("contentType", "").split(",")} - {""}
    if "contentEncoding" not in schema and "contentMediaType" in schema:
        types = types or {str(schema["contentMediaType"]).lower()}
    elif schema.get("format") != "binary" and not _are_files(types):
        return None
    named = frozenset(types - {"application/octet-stream", "*/*"})
    return _FileRule(named, False, schema.get("minLength", 0), schema.get("maxLength"))


def _are_files(types: set[str]) -> bool:
    return any(not kind.startswith("text/") and "json" not in kind for kind in types)


def _without_files(schema: JSONSchema, rules: dict[str, _FileRule]) -> JSONSchema:
    """The schema with what it says of files taken out: that is judged here."""
    judged = copy.deepcopy(schema)
    pending: list[Any] = [judged]
    while pending:
        part = pending.pop()
        if not isinstance(part, dict):
            continue
        properties = part.get("properties", {})
        for name in properties.keys() & rules.keys():
            properties[name] = _count_only(properties[name]) if rules[name].is_list else True
        for keyword in ("allOf", "anyOf", "oneOf"):
            pending += part.get(keyword, ())
    return judged


def _count_only(schema: Any) -> JSONSchema:
    """How many files a list may hold."""
    told = schema.items() if isinstance(schema, dict) else ()
    return {"type": "array", **{k: v for k, v in told if k in ("minItems", "maxItems")}}
