"""`ringwall routes main:app`: every route and the rule that covers it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from ..authz import Policy


def add(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "routes",
        help="list an app's routes with the rules that cover them",
        description="List every route of a FastAPI, Starlette, Flask, Django, Litestar, Quart or"
        " Falcon app with the rules that cover it. The exit status is 1 if one has no rule.",
    )
    parser.add_argument("app", metavar="MODULE:ATTR", help="the app, wrapped or not")
    parser.add_argument(
        "--policy", metavar="MODULE:ATTR", help="instead of that of the stack around the app"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table; returns the exit status."""
    from ._coverage import rules_for
    from ._frameworks import read_routes
    from ._target import load, load_policy

    app, found = _unwrap(load(options.app))
    routes = read_routes(app)
    policies = found if options.policy is None else [load_policy(options.policy)]
    if not policies:
        raise ConfigurationError(
            f"{options.app!r} has no authorization layer around it; name one with --policy"
        )
    rows = [("METHOD", "PATH", "RULE")]
    bare = 0
    for route in routes:
        # With several policies a request must pass them all.
        per_policy = [rules_for(policy, route) for policy in policies]
        bare += not all(per_policy)
        covering = ", ".join(dict.fromkeys(name for names in per_policy for name in names))
        rows.append((route.method, route.path, covering if all(per_policy) else "NO RULE: closed"))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for method, path, rule in rows:
        print(f"{method:{widths[0]}}  {path:{widths[1]}}  {rule}")
    print(f"{len(routes)} routes, {bare} without a rule")
    return 1 if bare else 0


def _unwrap(app: Any) -> tuple[Any, list[Policy]]:
    """The framework's app, and the policies of the stacks around and directly within it."""
    from ._frameworks import reader_of
    from ._target import policies_of

    policies: list[Policy] = []
    seen: list[Any] = []
    while True:
        policies += policies_of(app)
        seen.append(app)
        inner = getattr(app, "app", None)
        if reader_of(app) is not None or inner is None or any(inner is each for each in seen):
            break
        app = inner
    for middleware in getattr(app, "user_middleware", ()):  # Starlette, FastAPI
        policies += policies_of(middleware.cls)
    for middleware in getattr(app, "middleware", None) or () if _is_litestar(app) else ():
        policies += policies_of(middleware)
    for attribute in ("wsgi_app", "asgi_app"):  # Flask, Quart
        policies += policies_of(getattr(app, attribute, None))
    return app, list({id(policy): policy for policy in policies}.values())


def _is_litestar(app: Any) -> bool:
    return type(app).__module__.partition(".")[0] == "litestar"
