"""The options that all bodies and parameters of a layer share, checked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from .._errors import ConfigurationError
from .._pace import PACE, Pace
from ._json import StrictJSON
from ._profile import NamePatterns, ProfiledJSON
from ._schema import FormatCheck, JSONSchema, Schema
from ._size import parse_size

# Parsers and validators recurse. On the 128 KiB stack of a thread under musl, with a schema of ten
# nested keywords for each level, a depth of 150 passed and 200 crashed the process.
_DEEPEST = 128


class Options(NamedTuple):
    """limit: the most bytes of a body. parse: the strict parser of JSON. The others: see
    `BodyValidation`."""

    limit: int
    parse: StrictJSON
    max_values: int
    max_fields: int
    closed: bool
    coerce: bool
    defaults: bool
    dialect: str
    resources: Mapping[str, JSONSchema]
    formats: bool | Mapping[str, FormatCheck]

    def compile(self, schema: JSONSchema, where: str, *, lenient: bool = False) -> Schema:
        """Compile a schema; `lenient` lets unknown formats be.

        Raises:
            ConfigurationError: it is not valid, or refers to what is not there.
        """
        return Schema(
            schema,
            where,
            dialect=self.dialect,
            resources=self.resources,
            formats=self.formats,
            lenient=lenient,
        )


def make_options(
    *,
    limit: int,
    max_depth: int,
    max_values: int,
    max_fields: int,
    closed: bool,
    coerce: bool,
    defaults: bool,
    dialect: str,
    resources: Mapping[str, JSONSchema] | None,
    formats: bool | Mapping[str, FormatCheck],
    ijson_numbers: bool,
    nul: str,
    forbidden_names: Iterable[str],
) -> Options:
    """Raises ConfigurationError: a limit is no sensible number, or a name is none."""
    if not _is_in(max_depth, _DEEPEST):
        raise ConfigurationError(f"max_depth={max_depth!r}: write a number from 1 to {_DEEPEST}")
    if not _is_in(max_values, 10**9):
        raise ConfigurationError(
            f"max_values={max_values!r}: write a number of values, such as 20_000"
        )
    if not _is_in(max_fields, 10**6):
        raise ConfigurationError(
            f"max_fields={max_fields!r}: write a number of form fields, such as 1000"
        )
    if nul not in ("pass", "refuse"):
        raise ConfigurationError(f"nul={nul!r} is unknown; use 'pass' or 'refuse'")
    names = NamePatterns(forbidden_names)
    parse = StrictJSON(max_depth, max_values)
    if ijson_numbers or nul == "refuse" or names:
        parse = ProfiledJSON(
            max_depth, max_values, ijson_numbers=ijson_numbers, nul=nul == "refuse", names=names
        )
    known = dict(resources or {})
    return Options(
        limit, parse, max_values, max_fields, closed, coerce, defaults, dialect, known, formats
    )


def make_pace(timeout: float, minimum_rate: str | int, clock: Callable[[], float]) -> Pace:
    """Raises ConfigurationError: it is no time, or no rate."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise ConfigurationError(f"timeout={timeout!r}: write seconds, such as 60")
    return Pace(timeout, parse_size(minimum_rate), PACE.grace, clock)


def _is_in(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
