"""Which records to show."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...audit.canonical import parse
from ...audit.verify import Line


def add_filters(parser: Any) -> None:
    """The arguments that choose records. All that are given must hold."""
    for name, what in (
        ("since", "from this time on, such as 2026-11-25 or 2026-11-25T10:00"),
        ("until", "before this time"),
        ("outcome", "success, failure, denied, error or aborted"),
        ("status", "403, or 4xx"),
        ("method", "the method"),
        ("route", "the template of the route"),
        ("subject", "who asked"),
        ("client", "the client's address"),
        ("refused-by", "the layer that refused"),
        ("rule", "a rule that decided"),
        ("event", "exchange, start, checkpoint, ..."),
        ("id", "the id of the record, the request or the trace"),
    ):
        parser.add_argument(f"--{name}", metavar=name.upper(), help=what)
    parser.add_argument("--json", action="store_true", help="print the lines as they are")


def matching(
    lines: Iterable[Line], options: argparse.Namespace
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The records that all filters let pass. Lines that are no records are left out: `verify`
    tells them."""
    tests = _tests(options)
    for line in lines:
        try:
            record = parse(line.data)
        except ValueError:
            continue
        if isinstance(record, dict) and all(test(record) for test in tests):
            yield record, line.data


def _tests(options: argparse.Namespace) -> list[Callable[[dict[str, Any]], bool]]:
    tests: list[Callable[[dict[str, Any]], bool]] = []
    if options.since:
        tests.append(lambda record: str(record.get("time")) >= options.since)
    if options.until:
        tests.append(lambda record: str(record.get("time")) < options.until)
    if options.status:
        status = options.status.lower().rstrip("x")
        tests.append(lambda record: str(record.get("status")).startswith(status))
    for name in ("outcome", "method", "route", "client", "event"):
        wanted = getattr(options, name)
        if wanted:
            tests.append(lambda record, name=name, wanted=wanted: record.get(name) == wanted)  # type: ignore[misc]
    if options.subject:
        tests.append(lambda record: _actor(record).get("subject") == options.subject)
    if options.id:
        names = ("id", "request_id", "trace_id")
        tests.append(lambda record: options.id in [record.get(name) for name in names])
    if options.rule:
        tests.append(lambda record: any(d.get("rule") == options.rule for d in _decided(record)))
    if options.refused_by:
        tests.append(
            lambda record: any(
                d.get("layer") == options.refused_by and d.get("outcome") != "allow"
                for d in _decided(record)
            )
        )
    return tests


def _actor(record: dict[str, Any]) -> dict[str, Any]:
    actor = record.get("actor")
    return actor if isinstance(actor, dict) else {}


def _decided(record: dict[str, Any]) -> list[dict[str, Any]]:
    decisions = record.get("decisions")
    return (
        [each for each in decisions if isinstance(each, dict)]
        if isinstance(decisions, list)
        else []
    )
