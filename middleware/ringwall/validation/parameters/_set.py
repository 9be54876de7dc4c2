"""All parameters of one operation: read, typed, and judged by one schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..._exchange import Exchange
from .._defaults import Filler
from .._explain import MOST_ERRORS, UNEXPLAINED, pointer
from .._options import Options
from .._refusal import INVALID_PARAMETERS, QUERY_TOO_LONG, TOO_MANY_PARAMETERS, Refused
from .._schema import JSONSchema
from ._fields import Cookies, Read, header_text, text_reader
from ._query import Query
from ._shape import Shape, shape_of
from ._spec import Spec
from ._styles import Misstyled

MOST_BYTES = 8192  # of a query; RFC 9110 section 4.1 asks for 8000 octets of a target
MOST_PARAMETERS = 256

_DETAILS = {
    "undeclared": "A parameter is not declared.",
    "repeated": "Is given more than once.",
    "style": "Is not written in the style that is declared.",
    "json": "Is no JSON text.",
}


class Parameters(NamedTuple):
    """The parameters of a request, by the names of the document, typed by their schemas.

    An optional parameter that was not sent is not there.
    """

    path: dict[str, Any]
    query: dict[str, Any]
    header: dict[str, Any]
    cookie: dict[str, Any]


class ParameterSet:
    """Reads and judges the parameters of one operation.

    any: there are any. Where there are not, requests without a query need no judging.
    """

    def __init__(
        self,
        by_location: Mapping[str, tuple[list[Spec], list[Shape]]],
        schema: JSONSchema,
        where: str,
        options: Options,
        *,
        strict: bool,
        ignored: frozenset[str],
        lenient: bool,
    ) -> None:
        self._schema = options.compile(schema, where, lenient=lenient)
        self._is_valid = self._schema.is_valid
        self._defaults = Filler(schema) if options.defaults else None
        parse = options.parse
        self._check = parse.check

        def readers(location: str) -> list[tuple[str, Read]]:
            pairs = zip(*by_location[location], strict=True)
            return [(spec.name, text_reader(spec, shape, parse)) for spec, shape in pairs]

        self._path = readers("path")
        self._header = [(name.lower().encode(), name, read) for name, read in readers("header")]
        self._cookies = Cookies(*by_location["cookie"], parse) if by_location["cookie"][0] else None
        self._query = Query(*by_location["query"], parse, strict, ignored)
        self.any: bool = any(specs for specs, _ in by_location.values())
        self.wants: frozenset[bytes] = frozenset(key for key, _, _ in self._header)
        if self._cookies is not None:
            self.wants |= {b"cookie"}

    @staticmethod
    def empty() -> Parameters:
        """Those of a request that has none."""
        return Parameters({}, {}, {}, {})

    def read(self, exchange: Exchange, in_path: Mapping[str, str]) -> Parameters:
        """The parameters of a request.

        Parameters:
            in_path: what stands in the path, from left to right.

        Raises:
            Refused: one is malformed, missing, not declared or not as its schema says.
        """
        query = exchange.query
        found = self.empty()
        errors: list[dict[str, Any]] = []
        if query:
            self._read_query(query, found, errors)
        if self._path:
            for (name, read), text in zip(self._path, in_path.values(), strict=True):
                _read_into(found.path, "path", name, read, text, errors)
        headers = exchange.headers
        for key, name, read in self._header:
            raw = headers.get(key)
            if raw is not None:
                _read_into(found.header, "header", name, read, header_text(raw), errors)
        if self._cookies is not None and b"cookie" in headers:
            wrong: list[tuple[str, str]] = []
            found.cookie.update(self._cookies.read(headers[b"cookie"], wrong))
            errors += [_error("cookie", name, code) for name, code in wrong]
        for values in found:
            self._check([*values.values()])  # their names are the document's own
        value = {
            "path": found.path,
            "query": found.query,
            "header": found.header,
            "cookie": found.cookie,
        }
        if errors or not self._is_valid(value):
            errors += self._explain(value, errors)
            raise Refused(INVALID_PARAMETERS, tuple(errors[:MOST_ERRORS]))
        if self._defaults is not None:
            self._defaults(value)
        return found

    def _read_query(self, query: bytes, found: Parameters, errors: list[dict[str, Any]]) -> None:
        if len(query) > MOST_BYTES:
            raise Refused(QUERY_TOO_LONG)
        if query.count(b"&") >= MOST_PARAMETERS:
            raise Refused(TOO_MANY_PARAMETERS)
        wrong: list[tuple[str, str]] = []
        found.query.update(self._query.read(query, wrong))
        errors += [_error("query", name, code) for name, code in wrong]

    def _explain(self, value: dict[str, Any], known: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the schema refuses, but for parameters of which something worse is known."""
        if self._is_valid(value):
            return []
        found = self._schema.found(value, values=_count(value), size=0)
        if found is None:
            return [UNEXPLAINED]
        told = {(error["in"], error.get("name")) for error in known}
        made = []
        for path, entry, missing in found:
            location, rest = str(path[0]), path[1:]
            name = missing if not rest else rest[0]
            if isinstance(name, str) and (location, name) not in told:
                if not rest:
                    entry = {**entry, "detail": "This parameter is needed."}
                entry = {**entry, "pointer": pointer(rest[1:], self._schema.known)}
                made.append({"in": location, "name": name, **entry})
        return made


def _count(value: Any) -> int:
    """How many values there are in a value."""
    total, pending = 0, [value]
    while pending:
        part = pending.pop()
        total += 1
        if isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return total


def _read_into(
    values: dict[str, Any],
    location: str,
    name: str,
    read: Read,
    text: str | None,
    errors: list[dict[str, Any]],
) -> None:
    """text: None where it holds what no text may."""
    try:
        if text is None:
            raise Misstyled("style")
        values[name] = read(text)
    except Misstyled as misstyled:
        errors.append(_error(location, name, misstyled.code))


def _error(location: str, name: str, code: str) -> dict[str, Any]:
    """The name is one that is declared: it does not come from the request."""
    named = {"name": name} if name else {}
    return {"in": location, **named, "pointer": "#", "code": code, "detail": _DETAILS[code]}


def make_parameter_set(
    specs: list[Spec],
    defs: dict[str, JSONSchema],
    where: str,
    options: Options,
    *,
    strict: bool,
    ignored: frozenset[str] = frozenset(),
    lenient: bool = False,
) -> ParameterSet:
    """Compile the parameters of an operation.

    Parameters:
        specs: what is declared. defs: what `#/$defs/...` in their schemas means.
        strict: refuse query parameters that are not declared.
        ignored: names in the query that belong to others, such as an API key.

    Raises:
        ConfigurationError: a schema cannot be used.
    """

    def compiled(schema: JSONSchema) -> Any:
        return options.compile({"allOf": [schema], "$defs": defs}, where, lenient=True).is_valid

    by_location: dict[str, tuple[list[Spec], list[Shape]]] = {
        location: ([], []) for location in Parameters._fields
    }
    for spec in specs:
        there = by_location[spec.location]
        there[0].append(spec)
        there[1].append(shape_of(spec.schema, defs, compiled))
    schema = {
        "properties": {
            location: {
                "properties": {spec.name: _judged(spec) for spec in there},
                "required": [spec.name for spec in there if spec.required],
            }
            for location, (there, _) in by_location.items()
            if there
        },
        "$defs": defs,
    }
    return ParameterSet(
        by_location, schema, where, options, strict=strict, ignored=ignored, lenient=lenient
    )


def _judged(spec: Spec) -> JSONSchema:
    return {"anyOf": [{"const": ""}, spec.schema]} if spec.allow_empty else spec.schema
