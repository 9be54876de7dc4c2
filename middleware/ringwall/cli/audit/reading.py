"""`ringwall audit show | tail | stats | report`: a log for people."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..._errors import ConfigurationError
from ._filters import add_filters, matching
from ._log import add_log, lines_of


def add(actions: Any) -> None:
    """Add the actions to the parser."""
    parser = actions.add_parser(
        "show", help="print records", description="Print the records of a log, filtered."
    )
    add_log(parser)
    add_filters(parser)
    parser.set_defaults(run=_show)
    parser = actions.add_parser(
        "tail", help="print the last records", description="Print the last records, filtered."
    )
    add_log(parser)
    add_filters(parser)
    parser.add_argument("-n", type=int, default=10, metavar="COUNT", help="how many (10)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    parser.set_defaults(run=_tail)
    parser = actions.add_parser(
        "stats", help="count records", description="Count the records of a log, filtered."
    )
    add_log(parser)
    add_filters(parser)
    parser.set_defaults(run=_stats)
    parser = actions.add_parser(
        "report",
        help="write a page about a log",
        description="Write one HTML page about a log, filtered. It needs nothing else.",
    )
    add_log(parser)
    add_filters(parser)
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("audit.html"), metavar="FILE",
        help="the page (audit.html); only its owner may read it",
    )  # fmt: skip
    parser.set_defaults(run=_report)


def _show(options: argparse.Namespace) -> int:
    for record, data in matching(lines_of(options.log), options):
        _print(record, data, options)
    return 0


def _tail(options: argparse.Namespace) -> int:
    last: deque[tuple[dict[str, Any], bytes]] = deque(maxlen=max(options.n, 0))
    last.extend(matching(lines_of(options.log), options))
    for record, data in last:
        _print(record, data, options)
    try:
        for record, data in matching(_follow(options.log[-1]) if options.follow else (), options):
            _print(record, data, options)
    except KeyboardInterrupt:
        pass  # that is how it ends
    return 0


def _follow(path: Path) -> Iterator[Any]:
    """Lines as they are written, also after a rotation."""
    from ...audit.lines import LONGEST_LINE, Line
    from ...audit.sqlite import is_database

    if is_database(path):
        raise ConfigurationError("--follow is for files; a database is asked again")
    file = path.open("rb")
    try:
        file.seek(0, 2)
        rest = b""
        while True:
            moved = _is_another(path, file)  # before the last look at this one
            data = file.readline(LONGEST_LINE)
            if data:
                rest += data
                if rest.endswith(b"\n"):
                    yield Line(path.name, 0, rest[:-1])
                    rest = b""
                rest = rest[-LONGEST_LINE:]  # what is longer is no record, whatever it ends with
            elif moved:
                file.close()
                file, rest = path.open("rb"), b""
            else:
                time.sleep(0.2)
    finally:
        file.close()


def _is_another(path: Path, file: BinaryIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _stats(options: argparse.Namespace) -> int:
    from ...audit.statistics import Statistics

    statistics = Statistics()
    for record, _ in matching(lines_of(options.log), options):
        statistics.add(record)
    for line in statistics.lines():
        print(line)
    return 0


def _report(options: argparse.Namespace) -> int:
    from ...audit.page import page
    from ...audit.report import Report

    report = Report()
    for record, _ in matching(lines_of(options.log), options):
        report.add(record)
    text = page(report, f"Audit of {options.log[-1].name}")
    # Another file takes its place: whoever may write there could have laid a link to any other.
    fresh = options.output.with_name(f".{options.output.name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(options.output)
    except OSError as error:
        reason = error.strerror
        raise ConfigurationError(f"cannot write {str(options.output)!r} ({reason})") from None
    print(f"written: {options.output}")
    return 0


def _print(record: dict[str, Any], data: bytes, options: argparse.Namespace) -> None:
    from ...audit.readable import readable

    print(_as_json(data) if options.json else readable(record))


def _as_json(data: bytes) -> str:
    """A line as it is; what no log of ours holds, such as marks that turn text around, in escapes
    of JSON."""
    text = data.decode("utf-8")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
