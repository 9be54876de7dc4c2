"""`ringwall demo`: an orders API behind six layers, on real sockets, over real TLS."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Literal

from ..._errors import MissingDependency


def run(*, tour: bool, port: int, preset: Literal["api", "browser"] = "api") -> int:
    """Start the demo; with `tour`, send every request and print a table.

    Returns the exit status: 0, or 1 if an answer of the tour was not the expected one.

    Raises:
        MissingDependency: the extra `demo` is not installed.
    """
    try:
        from .servers import PortInUse
        from .session import Session
    except ModuleNotFoundError as error:
        raise MissingDependency(error.name or "a package", "demo", "`ringwall demo`") from None

    with tempfile.TemporaryDirectory(prefix="ringwall-demo-") as folder:
        try:
            with Session(Path(folder), None if tour else port, preset, say=_say) as session:
                if tour:
                    return session.tour()
                session.explain()
                return _wait()
        except PortInUse as error:
            print(f"ringwall: {error}; try another --port", file=sys.stderr)
            return 2


def _say(line: str = "") -> None:
    print(line, flush=True)


def _wait() -> int:
    """Sleep until Ctrl-C or SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    _say("\nStopped.")
    return 0
