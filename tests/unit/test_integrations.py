"""What is public is listed, and integrations stand on it alone, as somebody else's would."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

VERSIONS = Path(__file__).resolve().parents[2] / "docs" / "versions.md"
# Of the REST framework: the request of Django that it wraps.
OTHERS = {"getattr(request, '_request', request)"}
NAMES = ("django", "falcon", "fastapi", "flask", "litestar", "pyramid", "quart", "starlette")
PACKAGES = [f"ringwall_{name}" for name in NAMES]


def modules(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    yield from sorted(Path(spec.origin).parent.glob("*.py"))


def foreign(name: str, package: str) -> bool:
    """Whether it is of Ringwall, and not of the integration itself."""
    return re.match(r"ringwall(_\w+)?(\.|\Z)", name) is not None and not name.startswith(package)


def private(name: str) -> bool:
    return any(re.match(r"_(?!_)", part) for part in name.split("."))


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Module and name of what is imported from anywhere but the package itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def reached_into(tree: ast.Module) -> Iterator[str]:
    """Private attributes of anything but the own object, and names in strings for `getattr`."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            if of not in {"self", "cls", *own}:
                yield f"{ast.unparse(node)} in line {node.lineno}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            name = node.args[1]
            hidden = isinstance(name, ast.Constant) and private(str(name.value))
            if hidden and ast.unparse(node) not in OTHERS:
                yield f"{ast.unparse(node)} in line {node.lineno}"


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("package", PACKAGES)
def test_an_integration_reaches_into_nothing(package: str) -> None:
    found = [
        f"{path.name}: {each}" for path in modules(package) for each in reached_into(parse(path))
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_an_integration_imports_what_is_listed(package: str) -> None:
    """A name is public where its module lists it in `__all__`; see docs/versions.md."""
    for path in modules(package):
        for module, name in imports(parse(path)):
            if foreign(module, package):
                assert not private(module), f"{path.name}: {module}"
                offered = getattr(import_module(module), "__all__", ())
                assert not name or name in offered, f"{path.name}: {module}.{name}"


def test_every_public_module_lists_its_names() -> None:
    public = set(re.findall(r"`(ringwall\.[a-z_]+)`", VERSIONS.read_text("utf-8")))
    assert len(public) > 10
    for module in map(import_module, sorted(public)):
        assert all(hasattr(module, name) for name in module.__all__), module


@pytest.mark.parametrize("package", PACKAGES)
def test_public_modules_are_all_that_an_integration_imports(package: str) -> None:
    text = VERSIONS.read_text("utf-8")
    for path in modules(package):
        for module, _ in imports(parse(path)):
            listed = module in ("ringwall", *PACKAGES) or f"`{module}`" in text
            assert listed or not foreign(module, package), f"{path.name}: {module}"


@pytest.mark.parametrize(
    "code",
    [
        "layer._hosts.names",
        "self.stack._layers",
        "getattr(stack, '_layers')",
        "setattr(app, '_x', 1)",
        "ringwall._exchange",
    ],
)
def test_the_search_finds_what_it_is_for(code: str) -> None:
    assert list(reached_into(ast.parse(code)))


@pytest.mark.parametrize("code", ["self._stack", "app.__ringwall__", "getattr(app, 'stack')"])
def test_the_search_lets_pass_what_is_one_s_own(code: str) -> None:
    assert not list(reached_into(ast.parse(code)))
