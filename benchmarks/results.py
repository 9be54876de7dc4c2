"""One run's results: as JSON, for the next run and for programs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ringwall import __version__

from .harness import Measured
from .scaling import Curve


@dataclass
class Results:
    """What one run measured, and on what."""

    about: dict[str, Any] = field(default_factory=dict)
    measured: list[Measured] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def write(self, path: Path) -> None:
        document = {
            "about": self.about,
            "comparisons": [asdict(each) for each in self.measured],
            "curves": [asdict(each) for each in self.curves],
        }
        path.write_text(json.dumps(document, indent=1), "utf-8")

    def find(self, title: str, interface: str = "") -> Measured | None:
        """The comparison of this title, or None where it was not run."""
        for each in self.measured:
            if each.title == title and (not interface or each.interface == interface):
                return each
        return None


def about() -> dict[str, Any]:
    """The machine, as far as it explains figures; nothing that names it."""
    return {
        "ringwall": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }
