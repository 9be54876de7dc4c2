"""Where a document comes from: a file, an object, or a FastAPI app. Read once, at start-up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..._errors import ConfigurationError
from .._json import StrictJSON
from .._refusal import Refused
from ._errors import child, mistake
from ._yaml import parse_yaml

_LARGEST = 32 * 2**20
_DEEPEST = 100
_PARSE = StrictJSON(max_depth=_DEEPEST, max_values=2_000_000)


def load_document(source: Any) -> tuple[dict[str, Any], bool, Path | None]:
    """The document, whether a framework generated it, and the file that it is from.

    Parameters:
        source: a path to JSON or YAML, the document itself, or an app with a method `openapi()`.

    Raises:
        ConfigurationError: there is no document.
    """
    generated, path = False, None
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        value = read_file(path)
    elif isinstance(source, dict):
        value = as_json(source, "#", _DEEPEST)
    elif callable(getattr(source, "openapi", None)):
        value, generated = _generate(source), True
    else:
        raise ConfigurationError(
            f"openapi is a {type(source).__name__}: give a path, the document as a dict, or a"
            " FastAPI app"
        )
    if not isinstance(value, dict):
        raise ConfigurationError("an OpenAPI document is an object, such as {'openapi': '3.1.0'}")
    return value, generated, path


def read_file(path: Path) -> Any:
    """What a file of JSON or YAML holds.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigurationError(f"{path} is larger than 32 MiB")
        text = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    if path.suffix.lower() in (".yaml", ".yml"):
        return parse_yaml(text, str(path))
    try:
        return _PARSE(text)
    except Refused as refused:
        raise ConfigurationError(
            f"{path} is no strict JSON ({refused.reason.code}); for YAML, end its name in .yaml"
        ) from None


def _generate(app: Any) -> Any:
    # FastAPI keeps what it generated: routes that are added later would be missing from its own
    # documentation, too.
    kept = getattr(app, "openapi_schema", None)
    document = as_json(app.openapi(), "#", _DEEPEST)
    if hasattr(app, "openapi_schema"):
        app.openapi_schema = kept
    return document


def as_json(value: Any, at: str, depth: int) -> Any:
    """A copy of a value, of JSON's types alone. A name may be a number: YAML reads `200:` so.

    Raises:
        ConfigurationError: it holds something else, or nests deeper than `depth`.
    """
    if depth == 0:
        raise mistake(at, "it nests too deeply, or in itself")
    if isinstance(value, dict):
        made = {}
        for name, part in value.items():
            if not isinstance(name, (str, int)) or isinstance(name, bool):
                raise mistake(at, f"the name {name!r} is no text")
            made[str(name)] = as_json(part, child(at, name), depth - 1)
        return made
    if isinstance(value, (list, tuple)):
        return [as_json(part, child(at, index), depth - 1) for index, part in enumerate(value)]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise mistake(at, f"a {type(value).__name__} is no JSON; write a text")
