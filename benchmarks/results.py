"""One run's results: as JSON, for the next run and for programs, and read back from it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ringwall import __version__

from .goals import Reached, reached
from .growth import Curve, Line, Point
from .harness import Goal, Measured, Row
from .load import Served, ServedRow

FORMAT = 1
PACKAGES = (
    "starlette", "fastapi", "uvicorn", "uvloop", "secure", "flask", "flask-talisman", "gunicorn",
    "flask-limiter", "flask-jwt-extended", "pyjwt", "joserfc", "authlib", "slowapi", "casbin",
    "fastapi-limiter", "asgi-ratelimit", "cedarpy", "connexion", "openapi-core", "pydantic",
    "jsonschema", "fastjsonschema", "werkzeug", "opentelemetry-sdk",
    "opentelemetry-instrumentation-asgi", "opentelemetry-instrumentation-wsgi",
)  # fmt: skip


@dataclass
class Results:
    """What one run measured, and on what."""

    about: dict[str, Any] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)

    def add(self, found: Measured | Curve | Served) -> None:
        if isinstance(found, Measured):
            self.measured.append(found)
        elif isinstance(found, Curve):
            self.curves.append(found)
        else:
            self.served.append(found)

    def goals(self) -> list[Reached]:
        return reached(self)

    def find(self, title: str, interface: str = "") -> Measured | None:
        """The comparison of this title, or None where it was not run."""
        for each in self.measured:
            if each.title == title and (not interface or each.interface == interface):
                return each
        return None

    def write(self, path: Path) -> None:
        document = {
            "format": FORMAT,
            "about": self.about,
            "goals": [{**asdict(goal), "met": goal.met} for goal in self.goals()],
            "comparisons": [asdict(each) for each in self.measured],
            "curves": [asdict(each) for each in self.curves],
            "served": [asdict(each) for each in self.served],
        }
        path.write_text(json.dumps(_rounded(document), indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> Results:
        """What `write` wrote.

        Raises:
            ValueError: another version of this program wrote it.
        """
        document = json.loads(path.read_text("utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"{path.name} has the format {document['format']}, not {FORMAT}")
        return cls(
            document["about"],
            [_measured(each) for each in document["comparisons"]],
            [_curve(each) for each in document["curves"]],
            [_served(each) for each in document["served"]],
        )


def about(**more: Any) -> dict[str, Any]:
    """The machine and the peers, as far as they explain figures; nothing that names it."""
    return {
        "ringwall": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        **more,
        "versions": dict(_versions(PACKAGES)),
    }


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _rounded(value: Any) -> Any:
    """Five figures are more than any of these can be trusted to."""
    if isinstance(value, float):
        return float(f"{value:.5g}") if value == value else None
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _measured(found: dict[str, Any]) -> Measured:
    rows = tuple(Row(**row) for row in found["rows"])
    goals = tuple(Goal(**goal) for goal in found["goals"])
    return Measured(**{**found, "rows": rows, "goals": goals, "layers": tuple(found["layers"])})


def _curve(found: dict[str, Any]) -> Curve:
    lines = tuple(
        Line(line["name"], line["role"], tuple(Point(**point) for point in line["points"]))
        for line in found["lines"]
    )
    return Curve(found["title"], found["unit"], lines)


def _served(found: dict[str, Any]) -> Served:
    return Served(**{**found, "rows": tuple(ServedRow(**row) for row in found["rows"])})
