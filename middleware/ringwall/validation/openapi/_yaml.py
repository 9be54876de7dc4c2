"""YAML as JSON: the JSON schema of YAML 1.2 (section 10.2), which OpenAPI prescribes.

PyYAML by itself reads YAML 1.1: `no` is false, `1:30` a number, `2020-01-01` a date, and of two
equal names it keeps the last. Aliases repeat a part without repeating its text, so that some lines
can stand for more than any memory holds.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from importlib import import_module
from typing import Any, ClassVar

from ..._errors import ConfigurationError, MissingDependency

_MOST_VALUES = 1_000_000
_DEEPEST = 100
_TYPES = frozenset({"null", "bool", "float", "str", "seq", "map"})
_PLAIN = (
    ("tag:yaml.org,2002:null", re.compile(r"(?:null|Null|NULL|~|)\Z"), ["n", "N", "~", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+\Z"), "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"),
        "-+.0123456789",
    ),
)


def parse_yaml(text: bytes, name: str) -> Any:
    """The value of a YAML text.

    Raises:
        ConfigurationError: it is no YAML, has a name twice, or stands for too much.
        MissingDependency: PyYAML is not installed.
    """
    try:
        yaml: Any = import_module("yaml")
    except ModuleNotFoundError:
        raise MissingDependency("pyyaml", "yaml", "an OpenAPI document in YAML") from None
    try:
        loader = _loader(yaml)(text)
        node = loader.get_single_node()
        if node is None:
            raise ConfigurationError(f"{name} is empty")
        _check(node, yaml, name)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{name} is no YAML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{name} nests too deeply") from None


def _loader(yaml: Any) -> Any:
    class Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
        """Knows the scalars of JSON alone."""

        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
        yaml_constructors: ClassVar[dict[Any, Any]] = {
            tag: construct
            for tag, construct in yaml.SafeLoader.yaml_constructors.items()
            if tag is None or tag.rpartition(":")[2] in _TYPES
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def integer(loader: Any, node: Any) -> int:
        return int(loader.construct_scalar(node), 10)  # `010` is ten, not eight

    Loader.add_constructor("tag:yaml.org,2002:int", integer)
    for tag, pattern, first in _PLAIN:
        Loader.add_implicit_resolver(tag, pattern, list(first))
    return Loader


def _check(root: Any, yaml: Any, name: str) -> None:
    """How much a part stands for once its aliases are written out, and whether names repeat."""
    sizes: dict[int, int] = {}
    open_parts: set[int] = set()

    def size(node: Any, depth: int) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in open_parts or depth > _DEEPEST:
            raise ConfigurationError(f"{name} nests too deeply, or in itself{_at(node)}")
        open_parts.add(id(node))
        total = 1
        if isinstance(node, yaml.MappingNode):
            _check_names(node, yaml, name)
            total += sum(1 + size(value, depth + 1) for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            total += sum(size(part, depth + 1) for part in node.value)
        open_parts.discard(id(node))
        if total > _MOST_VALUES:
            raise ConfigurationError(f"{name} stands for more than {_MOST_VALUES} values")
        sizes[id(node)] = total
        return total

    size(root, 0)


def _check_names(node: Any, yaml: Any, name: str) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigurationError(f"{name} has a name that is no text{_at(key)}")
        if key.value in seen:
            raise ConfigurationError(f"{name} has the name {key.value!r} twice{_at(key)}")
        seen.add(key.value)


def _at(node: Any) -> str:
    mark = node.start_mark
    return f", line {mark.line + 1}, column {mark.column + 1}"
