"""`ringwall limits show|reset|top`: what is counted for somebody, and who is refused most."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from .._errors import ConfigurationError

_LAYERS = frozenset({"ratelimit", "login", "concurrency", "messages"})
# Whoever is refused once may be a new name each time: only so many are counted at a time.
_MOST_NAMES = 100_000
_LONGEST_LINE = 1 << 20
_LONGEST_KEY = 256


def add(commands: Any) -> None:
    """Add the subcommands to the parser."""
    parser = commands.add_parser(
        "limits",
        help="show or reset what is counted for somebody; who is refused most",
        description="Ask the shared stores (Redis, Valkey, LMDB) of a stack. They keep hashes of"
        " names: the name is given here, and hashed.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("show", "print where somebody stands with each limit; charges nothing"),
        ("reset", "forget what is counted for somebody"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument(
            "keys", nargs="+", metavar="KEY",
            help="203.0.113.7, principal:alice, credential:ID, claim:tenant=acme,"
            " route:/items/{id}, account:alice, key:VALUE; limits by several need them all",
        )  # fmt: skip
        action.add_argument(
            "--stack", required=True, metavar="MODULE:ATTR",
            help="a Stack, a layer, or an app that one wraps",
        )  # fmt: skip
        action.add_argument("--issuer", help="who vouches for the principal, or for the claim")
        if name == "reset":
            action.add_argument(
                "--audit", type=Path, metavar="FILE",
                help="the audit log that is told, a chain of JSON Lines; what cannot be recorded is"
                " not done",
            )  # fmt: skip
        action.set_defaults(run=run_show if name == "show" else run_reset)
    text = "print who was refused most, from a file that Audit has written ('-': standard input)"
    top = actions.add_parser("top", help=text, description=text[0].upper() + text[1:] + ".")
    top.add_argument("file", metavar="AUDIT.JSONL")
    top.add_argument("--most", type=int, default=20, help="how many lines to print (20)")
    top.set_defaults(run=run_top)


def run_show(options: argparse.Namespace) -> int:
    """Print the limits; returns the exit status: 1 where one is used up."""
    from ..ratelimit.inspection import Subject, show
    from ..ratelimit.store import StoreUnavailable

    layers = _layers(options.stack)
    try:
        counts = show(layers, Subject(options.keys, options.issuer))
    except StoreUnavailable:
        return _unavailable()
    if not counts:
        raise ConfigurationError("no limit of this stack is counted by such a key")
    print(f"{'limit':32s}{'left':>10s}{'of':>12s}{'window':>12s}{'wait':>12s}")
    for (limit, _, _), quota in counts:
        print(
            f"{limit.name:32s}{quota.remaining:10d}{limit.quota:12d}"
            f"{_seconds(limit.window):>12s}{_seconds(quota.wait):>12s}"
        )
    return 1 if any(quota.remaining == 0 for _, quota in counts) else 0


def run_reset(options: argparse.Namespace) -> int:
    """Forget, and say what; returns the exit status."""
    from ..ratelimit.inspection import Subject, checks_of, reset
    from ..ratelimit.store import StoreUnavailable

    layers, subject = _layers(options.stack), Subject(options.keys, options.issuer)
    asked = [check for layer in layers for check in checks_of(layer, subject)]
    if not asked:
        raise ConfigurationError("no limit of this stack is counted by such a key")
    names = sorted({check.limit.name for check in asked})
    with _trail(options) as record:
        record("limits-reset", names)
        try:
            reset(layers, subject)
        except StoreUnavailable:
            record("limits-reset-failed", names)
            return _unavailable()
    for name in names:
        print(f"reset: {name}")
    print("workers that remember a denial go on denying until it lapses")
    return 0


@contextmanager
def _trail(options: argparse.Namespace) -> Iterator[Callable[[str, Sequence[str]], None]]:
    """What appends an event to the audit log, or to nothing.

    Raises:
        ConfigurationError: the log cannot be written.
    """
    if options.audit is None:
        yield lambda event, limits: None
        return
    from ..audit.canonical import canonical
    from ..audit.jsonlines import JSONLinesSink
    from ..audit.record import VERSION, clean, timestamp

    def record(event: str, limits: Sequence[str]) -> None:
        told = {
            "event": event,
            "time": timestamp(time.time()),
            "uid": os.getuid() if hasattr(os, "getuid") else None,
            "keys": [clean(key, _LONGEST_KEY) for key in options.keys],
            "issuer": None if options.issuer is None else clean(options.issuer, _LONGEST_KEY),
            "limits": limits,
            "v": VERSION,
        }
        try:
            sink.write(canonical(told))
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the audit log: {type(error).__name__}"
            ) from None

    with closing(JSONLinesSink(options.audit)) as sink:
        yield record


def run_top(options: argparse.Namespace) -> int:
    """Print a table; returns the exit status."""
    if options.file == "-":
        counted = _count(sys.stdin.buffer)
    else:
        try:
            with Path(options.file).open("rb") as lines:
                counted = _count(lines)
        except OSError as error:
            raise ConfigurationError(f"cannot read the file: {type(error).__name__}") from None
    for (client, subject, rule), count in counted.most_common(options.most):
        print(f"{count:10d}  {rule:32s}  {client:40s}  {subject}")
    return 0


def _count(lines: Iterable[bytes]) -> Counter[tuple[str, str, str]]:
    """Refusals by client, subject and rule. What is no record is passed over."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        if len(line) > _LONGEST_LINE or b'"deny"' not in line:
            continue
        try:
            record = json.loads(line)
            client, subject = record["client"], record["actor"]["subject"]
            rules = [
                str(one["rule"])
                for one in record["decisions"]
                if one["layer"] in _LAYERS and one["outcome"] == "deny"
            ]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        for rule in rules:
            counted[_text(client), _text(subject), _text(rule)] += 1
        if len(counted) > _MOST_NAMES:
            counted = Counter(dict(counted.most_common(_MOST_NAMES // 2)))
    return counted


def _text(value: object) -> str:
    """Nothing that could steer a terminal, fill it, or that it cannot show, whoever wrote the
    file."""
    if value is None:
        return "-"
    text = "".join(c if c.isprintable() else "?" for c in str(value)[:_LONGEST_KEY])
    encoding = sys.stdout.encoding
    return text.encode(encoding, "replace").decode(encoding)


def _layers(target: str) -> list[Any]:
    from ..ratelimit.inspection import shared
    from ._target import layers_of, load

    ours, own = shared(layers_of(load(target)))
    for layer in own:
        print(f"not asked: {layer!r} counts in each process for itself", file=sys.stderr)
    if not ours:
        raise ConfigurationError(
            f"{target!r} holds no limit in a shared store (store='redis://...' or 'lmdb:///...');"
            " name a Stack, a layer or an app"
        )
    return ours


def _seconds(microseconds: int) -> str:
    return f"{-(-microseconds // 1_000_000)} s"


def _unavailable() -> int:
    print("ringwall: the store does not answer", file=sys.stderr)
    return 3
