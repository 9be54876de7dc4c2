"""The tour: every request that the demo suggests, sent over real sockets, and what became of it."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Stop:
    """One request of the tour and the answer that is right.

    title: what it shows. layer: who must decide; "app" where the request must reach the app.
    """

    title: str
    method: str
    path: str
    status: int
    layer: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    plain: bool = False

    def curl(self, origin: str, authority: Path) -> str:
        """The same request as a line to paste into a shell."""
        words = ["curl -i"]
        if not self.plain:
            words.append(f"--cacert {authority}")
        if self.method != "GET":
            words.append(f"-X {self.method}")
        words += [f"-H '{name}: {value}'" for name, value in self.headers.items()]
        if self.body is not None:
            words.append(f"-d '{self.body}'")
        # Shells and curl would tidy an odd path up; the point is to send it as it is.
        words.append(f"--path-as-is '{origin}{self.path}'")
        return " ".join(words)


@dataclass(frozen=True)
class Report:
    """What came back for one stop, with the audit record of the same request."""

    stop: Stop
    interface: str
    status: int
    layer: str
    why: str

    @property
    def as_expected(self) -> bool:
        return self.status == self.stop.status and self.layer == self.stop.layer


def send(stop: Stop, port: int, context: ssl.SSLContext) -> int:
    """Send one request on a connection of its own; returns the status."""
    connection: http.client.HTTPConnection
    if stop.plain:
        connection = http.client.HTTPConnection("localhost", port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
    try:
        connection.request(stop.method, stop.path, body=stop.body, headers=stop.headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


class AuditTail:
    """Reads the exchanges in an audit file, one by one, as they are written from now on."""

    def __init__(self, path: Path, patience: float = 10.0) -> None:
        self._path = path
        self._patience = patience
        self._position = path.stat().st_size if path.exists() else 0

    def next(self) -> dict[str, Any]:
        """The next record. It may be written a moment after the response has arrived.

        Raises:
            TimeoutError: none came within `patience` seconds.
        """
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            with self._path.open("rb") as file:
                file.seek(self._position)
                line = file.readline()
            if line.endswith(b"\n"):
                self._position += len(line)
                record: dict[str, Any] = json.loads(line)
                if record["event"] == "exchange":
                    return record
                continue
            time.sleep(0.005)
        raise TimeoutError("no audit record was written for this request")


def verdict(record: dict[str, Any]) -> tuple[str, str]:
    """Which layer decided and why, from an audit record."""
    for decision in record["decisions"]:
        if decision["outcome"] != "allow":
            return decision["layer"], decision["reason"]
    return "app", "every layer let it pass"


def table(reports: list[Report]) -> str:
    """A table for people."""
    rows = [("", "interface", "request", "status", "decided by", "why", "shows")]
    rows += [
        (
            "ok" if report.as_expected else "WRONG",
            report.interface,
            f"{report.stop.method} {report.stop.path}",
            str(report.status),
            report.layer,
            report.why,
            report.stop.title,
        )
        for report in reports
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
