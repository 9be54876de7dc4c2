"""`ringwall explain GET /v1/orders/1002 --as alice --policy main:policy`."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from .._errors import ConfigurationError

# Octets that the boundary refuses in encoded form.
_AMBIGUOUS = re.compile(r"%(?:2f|5c|25|00)", re.IGNORECASE)


def add(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "explain",
        help="print how a policy decides one request",
        description="Print how a policy decides one request, as a tree. Runs the policy's loaders."
        " The exit status is 0 if it allows, 1 if it refuses.",
    )
    parser.add_argument("method", metavar="METHOD", help="GET, POST, ..., or WEBSOCKET")
    parser.add_argument("target", metavar="PATH", help="as a client sends it, such as /v1/orders/1")
    parser.add_argument(
        "--policy", required=True, metavar="MODULE:ATTR",
        help="a Policy, an Authorization, a Stack, or an app that one wraps",
    )  # fmt: skip
    parser.add_argument("--as", dest="subject", metavar="SUBJECT", help="who asks (nobody)")
    parser.add_argument("--scopes", type=_words, default=[], help="orders:read,orders:write")
    parser.add_argument("--roles", type=_words, default=[], help="admin,support")
    parser.add_argument("--claims", type=_object, default={}, help='{"tenant": "acme"}')
    parser.add_argument("--body", type=_json, help="the JSON body, for rules that read ids from it")
    parser.add_argument("--client", metavar="ADDRESS", help="the client's address")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the tree; returns the exit status."""
    from .._pending import asettle
    from ..authz import RequestContext
    from ..authz.explain import explain
    from ..authz.policy import is_canonical
    from ..principal import Principal
    from ._target import load_policy

    principal = None
    if options.subject is not None:
        principal = Principal(
            options.subject,
            scheme="bearer",
            scopes=set(options.scopes),
            roles=set(options.roles),
            claims=options.claims,
        )
    elif options.scopes or options.roles or options.claims:
        raise ConfigurationError("--scopes, --roles and --claims are those of somebody: add --as")
    raw, _, query = options.target.partition("?")
    path = unquote_to_bytes(raw).decode("utf-8", "replace")
    if not path.startswith("/"):
        raise ConfigurationError(f"the path {raw!r} must begin with '/'")
    policy = load_policy(options.policy)
    if not is_canonical(path) or "\ufffd" in path or _AMBIGUOUS.search(raw):
        print("refused with 400: the path is not canonical, so no rule is asked")
        return 1
    context = RequestContext(
        options.method.upper(), path, client=options.client, query=query.encode("utf-8")
    )
    decision, tree = asyncio.run(asettle(explain(policy, principal, context, options.body)))
    for line in tree.lines():
        print(line)
    return 0 if decision else 1


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text) if word]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise argparse.ArgumentTypeError("this is no JSON") from None


def _object(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("write a JSON object")
    return value
