"""JSON Schema through jsonschema-rs: compiled once, offline, with a linear-time regex engine."""

from __future__ import annotations

import base64
import binascii
import copy
import reprlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs

from .._errors import ConfigurationError, did_you_mean
from ._explain import MOST_ERRORS, UNEXPLAINED, explain
from ._refusal import TOO_MANY, Refused
from ._walk import DIALECTS, alternatives, compares_items, is_recursive, known_names, subschemas

JSONSchema = dict[str, Any] | bool
FormatCheck = Callable[[str], bool]
# The path to an error, what it says, and the name of the property that is missing there.
Found = tuple[list[str | int], dict[str, str], str | None]

# Formats of OpenAPI that say nothing about validity, and those that bound a number.
ANNOTATIONS = frozenset({"float", "double", "password", "binary"})
RANGES = {
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"minimum": -(2**63), "maximum": 2**63 - 1},
}
_FORMATS = frozenset(
    {
        *("date", "date-time", "duration", "time", "email", "hostname", "idn-email"),
        *("idn-hostname", "ipv4", "ipv6", "iri", "iri-reference", "uri", "uri-reference"),
        *("uri-template", "uuid", "regex", "json-pointer", "relative-json-pointer", "byte"),
        *ANNOTATIONS,
        *RANGES,
    }
)

# Stands for values in the engine's messages, which it would otherwise copy at any length.
_MASK = "<value>"

# Errors are collected eagerly and, through nested alternatives, exponentially: 0.1 ms for 20 of
# them, minutes for a deep body. What is above this estimate gets one error, or none in detail.
_MOST_WORK = 5_000
_MOST_BYTES = 65_536

# Integers beyond 64 bits in a value whose items are compared.
_LARGE = 2**63
_MOST_LARGE = 64


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


class Schema:
    """A compiled schema.

    Parameters:
        schema: the schema; what it says in `$schema` wins over `dialect`.
        where: what the schema is for, in error messages.
        dialect: of "2020-12", "2019-09", "draft-07", "draft-06", "draft-04".
        resources: schemas that `$ref` may name, by URI. Nothing is ever fetched.
        formats: True checks `format`, False ignores it; a mapping adds checks of one's own.
        lenient: True ignores unknown formats (schemas that a model library generates).

    Raises:
        ConfigurationError: the schema is not valid, or refers to what is not there.
    """

    def __init__(
        self,
        schema: JSONSchema,
        where: str,
        *,
        dialect: str = "2020-12",
        resources: Mapping[str, JSONSchema] | None = None,
        formats: bool | Mapping[str, FormatCheck] = True,
        lenient: bool = False,
    ) -> None:
        if dialect not in DIALECTS:
            raise ConfigurationError(
                f"unknown dialect {dialect!r} of JSON Schema" + did_you_mean(dialect, DIALECTS)
            )
        documents = dict(resources or {})
        for part in (schema, *documents.values()):
            if not isinstance(part, (dict, bool)):
                raise ConfigurationError(
                    f"the schema for {where} is a {type(part).__name__}; give a dict, True or False"
                )
        own = formats if isinstance(formats, Mapping) else {}
        try:
            self._validator = self._compile(schema, dialect, documents, formats, lenient)
        except jsonschema_rs.ValidationError as error:
            _teach(error, where, own)
        except ValueError as error:
            raise ConfigurationError(f"the schema for {where} cannot be used: {error}") from None
        # True or False, in time linear in the value: what `$ref` leads to is judged once.
        self.is_valid: Callable[[Any], bool] = self._validator.is_valid
        if any(map(compares_items, (schema, *documents.values()))):
            self.is_valid = _without_many_large(self._validator.is_valid)
        self.known: frozenset[str] = frozenset[str]().union(
            *map(known_names, (schema, *documents.values()))
        )
        self._alternatives = sum(map(alternatives, (schema, *documents.values())))
        self._recursive = is_recursive(schema)

    @staticmethod
    def _compile(
        schema: JSONSchema,
        dialect: str,
        documents: dict[str, JSONSchema],
        formats: bool | Mapping[str, FormatCheck],
        lenient: bool,
    ) -> jsonschema_rs.Validator:
        checked = formats is not False
        own = dict(formats) if isinstance(formats, Mapping) else {}

        def adapt(given: JSONSchema) -> Any:
            adapted = copy.deepcopy(given)
            if isinstance(adapted, dict):
                adapted.setdefault("$schema", DIALECTS[dialect])
            if checked:
                _adapt_formats(adapted, own)
            return adapted

        documents_used = (schema, *documents.values())
        named = {part.get("format") for one in documents_used for part in subschemas(one)}
        checks = {
            name: check for name, check in {"byte": _is_base64, **own}.items() if name in named
        }
        registry = jsonschema_rs.Registry([(uri, adapt(part)) for uri, part in documents.items()])
        return jsonschema_rs.validator_for(
            adapt(schema),
            registry=registry,
            offline=True,
            validate_formats=checked,
            ignore_unknown_formats=lenient or not checked,
            # None where none is used: with checks in Python every value costs a third more.
            formats=checks if checked and checks else None,
            pattern_options=jsonschema_rs.RegexOptions(),
            mask=_MASK,
        )

    def errors(self, value: Any, body: bytes) -> tuple[dict[str, str], ...]:
        """What is wrong with an invalid value, at most `MOST_ERRORS` entries, in bounded time."""
        values = 1 + body.count(b",") + body.count(b"{") + body.count(b"[")
        found = self.found(value, values=values, size=len(body))
        return (UNEXPLAINED,) if found is None else tuple(entry for _, entry, _ in found)

    def found(self, value: Any, *, values: int, size: int) -> list[Found] | None:
        """The same with the path to each, and the name of what is missing there.

        Parameters:
            values: how many values there are at most, size: in how many bytes. They bound the work.
        """
        work = values * self._alternatives
        if self._recursive and self._alternatives > 1:
            work *= self._alternatives ** min(_depth(value), 16)
        if work <= _MOST_WORK and size <= _MOST_BYTES:
            errors: Iterator[jsonschema_rs.ValidationError] = self._validator.iter_errors(value)
            return [self._explained(error) for error in islice(errors, MOST_ERRORS)]
        if not self._recursive:
            try:
                self._validator.validate(value)  # the first error only
            except jsonschema_rs.ValidationError as error:
                return [self._explained(error)]
        return None

    def _explained(self, error: jsonschema_rs.ValidationError) -> Found:
        missing = getattr(error.kind, "property", None) if error.kind.name == "required" else None
        return error.instance_path, explain(error, self.known), missing


def _without_many_large(is_valid: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Before items are compared. The engine does so by their hashes, but for integers of more than
    64 bits, of which it compares each with each: minutes for half a megabyte.

    The check raises Refused: there are too many of them.
    """

    def check(value: Any) -> bool:
        large = 0
        pending = [value]
        for part in pending:
            if isinstance(part, dict):
                pending.extend(part.values())
            elif isinstance(part, list):
                pending.extend(part)
            elif isinstance(part, int) and not -_LARGE <= part < _LARGE:
                large += 1
                if large > _MOST_LARGE:
                    raise Refused(TOO_MANY)
        return is_valid(value)

    return check


def _depth(value: Any) -> int:
    depth = 0
    level = [value]
    while level:
        depth += 1
        level = [
            child
            for part in level
            if isinstance(part, (dict, list))
            for child in (part.values() if isinstance(part, dict) else part)
        ]
    return depth


def _adapt_formats(schema: JSONSchema, own: Mapping[str, FormatCheck]) -> None:
    """Say what formats of OpenAPI mean in words of JSON Schema."""
    for part in subschemas(schema):
        name = part.get("format")
        if not isinstance(name, str) or name in own:
            continue
        if name in ANNOTATIONS:
            del part["format"]
        elif name in RANGES:
            del part["format"]
            both = part.setdefault("allOf", [])
            if isinstance(both, list):  # else the engine says what is wrong
                both.append(dict(RANGES[name]))


def _teach(
    error: jsonschema_rs.ValidationError, where: str, own: Mapping[str, FormatCheck]
) -> NoReturn:
    """Say what to write instead."""
    message = error.message.partition("\n")[0]
    if message.startswith(_MASK):  # it is a schema here, not input: it may be shown
        message = reprlib.repr(error.instance) + message[len(_MASK) :]
    at = "".join(f"/{step}" for step in error.instance_path)
    if message.startswith("Unknown format") and isinstance(error.instance, str):
        message = f"unknown format {error.instance!r}" + did_you_mean(
            error.instance, (*_FORMATS, *own)
        )
        message += "; formats={name: check} adds your own"
    elif "is not present in a registry" in message:
        message += "; nothing is fetched: give it in resources={uri: schema}"
    elif message.endswith('is not a "regex"'):
        message += "; patterns run in linear time, without look-around and back-references"
    raise ConfigurationError(f"the schema for {where} is not valid at #{at}: {message}") from None
