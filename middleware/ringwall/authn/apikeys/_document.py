"""A key file's text: TOML or JSON, read strictly, and edited without a loss."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..._errors import ConfigurationError, MissingDependency
from .record import APIKeyRecord

Records = dict[str, APIKeyRecord]

_SHAPE = "a key file holds one table 'keys', with an entry for each id"


class Format(NamedTuple):
    """read: records of a file's bytes; raises ValueError. edit: the new text of one whose records
    are to be replaced or added; those that it does not name stay as they are."""

    read: Callable[[bytes], Records]
    edit: Callable[[str, Sequence[APIKeyRecord]], str]


def format_of(name: str) -> Format:
    """The format by a file's name.

    Raises:
        ConfigurationError: it is neither. MissingDependency: no parser of TOML is there.
    """
    if name.endswith(".toml"):
        parse = _toml()
        return Format(lambda data: _records(parse(data)), _edit_toml)
    if name.endswith(".json"):
        return Format(lambda data: _records(_json(data)), _edit_json)
    raise ConfigurationError(
        f"store {name!r}: the name of a key file ends with .toml or .json; a database is a URL,"
        " such as 'sqlite:///keys.db'"
    )


def _records(document: Mapping[str, Any]) -> Records:
    keys = document.get("keys")
    if not isinstance(keys, Mapping) or len(document) != 1:
        raise ConfigurationError(_SHAPE)
    records = {}
    for number, (id, fields) in enumerate(keys.items(), 1):
        try:
            records[id] = APIKeyRecord.from_dict(id, fields)
        except ConfigurationError as error:
            raise ConfigurationError(f"entry {number} of keys: {error}") from None
    return records


def _toml() -> Callable[[bytes], Mapping[str, Any]]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:  # pragma: no cover - Python 3.10 alone comes here
        try:
            import tomli as tomllib
        except ModuleNotFoundError:
            raise MissingDependency("tomli", "apikey", "a TOML key file") from None

    def parse(data: bytes) -> Mapping[str, Any]:
        return tomllib.loads(data.decode())

    return parse


def _edit_toml(text: str, records: Sequence[APIKeyRecord]) -> str:
    for record in records:
        # The table as `as_toml` writes it, up to the next one; comments and blank lines stay.
        table = re.compile(rf"^\[keys\.{record.id}\]\n(?:[ \t]*[^\s\[#][^\n]*(?:\n|\Z))*", re.M)
        text, count = table.subn(_constant(record.as_toml()), text, count=1)
        if not count:
            gap = "\n" if text and text.endswith("\n") else "\n\n" if text else ""
            text += gap + record.as_toml()
    return text


def _constant(text: str) -> Callable[[object], str]:
    return lambda match: text  # a replacement as text would read backslashes


def _json(data: bytes) -> Mapping[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a name occurs twice")
        return members

    try:
        document = json.loads(data.decode(), object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ConfigurationError(_SHAPE)
    return document


def _edit_json(text: str, records: Sequence[APIKeyRecord]) -> str:
    document: dict[str, Any] = json.loads(text) if text else {}
    keys = document.setdefault("keys", {})
    keys.update((record.id, record.as_dict()) for record in records)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
