"""What `import ringwall` costs and offers. Its time: `python -m benchmarks.import_time`."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import ringwall

SOURCE = Path(ringwall.__file__)


def loaded_by(statement: str) -> set[str]:
    """Modules that a statement loads into a fresh, isolated interpreter."""
    program = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        f"{statement}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True
    )
    names: list[str] = json.loads(done.stdout)
    return set(names)


def top_level(modules: set[str]) -> set[str]:
    names = {name.partition(".")[0] for name in modules}
    # A part of `sysconfig`, named after the platform.
    return {name for name in names if not name.startswith("_sysconfigdata_")}


def test_the_import_loads_no_layer() -> None:
    loaded = loaded_by("import ringwall")
    assert {name for name in loaded if name.startswith("ringwall")} == {
        "ringwall",
        "ringwall._version",
    }


def test_the_import_loads_nothing_but_a_little_of_the_standard_library() -> None:
    foreign = top_level(loaded_by("import ringwall")) - {"ringwall"}
    assert foreign <= sys.stdlib_module_names
    # Each of these alone costs more than the package may.
    assert not foreign & {"asyncio", "email", "http", "inspect", "logging", "ssl", "urllib"}


@pytest.mark.parametrize(
    "name", ["Stack", "Layer", "HTTPS", "RateLimit", "Authentication", "Authorization", "Audit"]
)
def test_a_layer_loads_no_optional_dependency_before_it_needs_it(name: str) -> None:
    foreign = top_level(loaded_by(f"from ringwall import {name}")) - {"ringwall"}
    assert foreign - sys.stdlib_module_names == set()


@pytest.mark.parametrize("name", ringwall.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(ringwall, name) is not None
    assert name in dir(ringwall)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ringwall' has no attribute 'Stak'"):
        ringwall.Stak  # noqa: B018


def test_names_load_lazily_from_where_type_checkers_see_them() -> None:
    """Two lists, one truth: what `__getattr__` loads, and the imports under TYPE_CHECKING."""
    assert lazy_names() == checked_names()


def lazy_names() -> dict[str, Any]:
    return {
        name: getattr(import_module(f"ringwall.{module}"), name)
        for module, names in ringwall._EXPORTS.items()
        for name in names
    }


def checked_names() -> dict[str, Any]:
    (block,) = (
        node
        for node in ast.parse(SOURCE.read_text("utf-8")).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    found: dict[str, Any] = {}
    for statement in block.body:
        assert isinstance(statement, ast.ImportFrom), ast.unparse(statement)
        assert statement.level == 1
        for alias in statement.names:
            # `X as X` is how a re-export is spelt (PEP 484).
            assert alias.asname == alias.name, ast.unparse(statement)
            found[alias.name] = getattr(import_module(f"ringwall.{statement.module}"), alias.name)
    return found
