"""`ringwall policy test FILE`: a decision table, run as tests."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from ..authz import Policy
    from ..principal import Principal

NOBODY = "anonymous"
_EXAMPLE = """\
an example:

  policy = "main:policy"

  [principals.alice]
  scopes = ["orders:read"]       # also roles, claims, issuer

  [[case]]
  request = "GET /v1/orders/1001"
  resource = { owner = "alice" } # instead of loading it; also body, client
  allow = ["alice"]
  deny = ["anonymous"]           # also rule, reason: what every decision must name
"""


def add(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("policy", help="test a policy against a table of decisions")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    test = actions.add_parser(
        "test",
        help="run a table of decisions as tests",
        description="Run a table of decisions, in TOML or YAML, as tests. The exit status is 1 if"
        " a decision is not the expected one.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    test.add_argument("file", type=Path, metavar="FILE", help="a .toml, .yaml or .yml file")
    test.add_argument("--policy", metavar="MODULE:ATTR", help="instead of the one in the file")
    test.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what failed; returns the exit status."""
    from ._target import load_policy

    table = _members(
        _read(options.file), "the table", {"policy": str, "principals": dict, "case": (list,)}
    )
    target = options.policy or table.get("policy")
    if target is None:
        raise ConfigurationError("the table names no policy; write policy = 'module:attribute'")
    people: dict[str, Principal | None] = {NOBODY: None}
    for name, given in table.get("principals", {}).items():
        people[name] = _principal(name, given)
    cases = table.get("case") or []
    if not cases:
        raise ConfigurationError("the table has no [[case]]")
    policy = load_policy(target)
    count, failures = 0, 0
    for number, given in enumerate(cases, 1):
        for failure in _run(policy, people, given, f"case {number}"):
            count += 1
            if failure is not None:
                failures += 1
                print(f"FAILED case {number}: {failure}")
    print(f"{count} decisions, {failures} not as expected")
    return 1 if failures else 0


_CASE: dict[str, type | tuple[type, ...]] = {
    "request": str, "resource": object, "body": object, "client": str, "allow": list,
    "deny": list, "rule": str, "reason": str,
}  # fmt: skip


def _run(
    policy: Policy, people: Mapping[str, Principal | None], given: Any, where: str
) -> Iterator[str | None]:
    """For each decision what is wrong with it, or None."""
    from .._pending import asettle
    from ..authz import RequestContext
    from ..authz._facts import ABSENT
    from ..authz.explain import explain
    from ..authz.policy import is_canonical

    case = _members(given, where, _CASE)
    method, _, target = case.get("request", "").partition(" ")
    path, _, query = target.partition("?")
    if not path.startswith("/") or not is_canonical(path):
        raise ConfigurationError(f"{where}: request is such as 'GET /v1/orders/1001'")
    expected = [(name, True) for name in case.get("allow", ())]
    expected += [(name, False) for name in case.get("deny", ())]
    if not expected:
        raise ConfigurationError(f"{where} expects nothing; write allow = [...] or deny = [...]")
    context = RequestContext(method, path, client=case.get("client"), query=query.encode("utf-8"))
    for name, allowed in expected:
        if name not in people:
            raise ConfigurationError(f"{where}: unknown principal {name!r}{_near(name, people)}")
        resource = case.get("resource", ABSENT)
        question = explain(policy, people[name], context, case.get("body"), resource)
        decision, _ = asyncio.run(asettle(question))
        got = "allowed" if decision.allow else "refused"
        said = f"{case['request']} as {name}: {got} by {decision.rule!r}, {decision.reasons[-1]}"
        ok = (
            decision.allow is allowed
            and case.get("rule", decision.rule) == decision.rule
            and case.get("reason", decision.reasons[-1]) == decision.reasons[-1]
        )
        yield None if ok else said


def _principal(name: str, given: Any) -> Principal:
    from ..principal import Principal

    if name == NOBODY:
        raise ConfigurationError(f"{NOBODY!r} is nobody; give the principal another name")
    kinds: dict[str, type | tuple[type, ...]] = {
        "scopes": list, "roles": list, "claims": dict, "issuer": str,
    }  # fmt: skip
    members = _members(given, f"principal {name!r}", kinds)
    return Principal(
        name,
        scheme="bearer",
        issuer=members.get("issuer"),
        scopes=set(members.get("scopes", ())),
        roles=set(members.get("roles", ())),
        claims=members.get("claims", {}),
    )


def _members(
    given: Any, where: str, kinds: Mapping[str, type | tuple[type, ...]]
) -> dict[str, Any]:
    """A table with known members only: a slip of the pen must not test less."""
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where} must be a table")
    for name, value in given.items():
        if name not in kinds:
            raise ConfigurationError(f"{where}: unknown member {name!r}{_near(name, kinds)}")
        if not isinstance(value, kinds[name]) or (kinds[name] is list and not _are_words(value)):
            raise ConfigurationError(f"{where}: {name!r} is of the wrong type")
    return given


def _are_words(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _near(name: Any, known: Mapping[str, Any]) -> str:
    return did_you_mean(str(name), known)


def _read(file: Path) -> Any:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"cannot read {str(file)!r}") from None
    try:
        return _parser(file.suffix)(text)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001  each parser has its own
        raise ConfigurationError(
            f"{str(file)!r} cannot be parsed: {' '.join(str(error).split())}"
        ) from None


def _parser(suffix: str) -> Any:
    if suffix == ".toml":
        return _module("tomllib", "tomli").loads
    if suffix in (".yaml", ".yml"):
        return _module("yaml", "pyyaml").safe_load
    raise ConfigurationError("a table is a .toml, .yaml or .yml file")


def _module(name: str, package: str) -> Any:
    for each in (name, package):
        try:
            return import_module(each)
        except ImportError:
            continue
    raise ConfigurationError(f"this file needs the package {package!r}; run: pip install {package}")
