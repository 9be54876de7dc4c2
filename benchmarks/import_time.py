"""What `import ringwall` adds to the start of an interpreter, in whole time.

Run: python -m benchmarks.import_time
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from .harness import Goal, Measured, Row
from .lab import Lab, run

EMPTY, IMPORT, BUDGET = "an empty interpreter", "import ringwall", "30 ms more"
STATEMENTS = {EMPTY: "pass", IMPORT: "import ringwall", "all names": "from ringwall import *"}
GOALS = (Goal("import ringwall, of 30 ms", IMPORT, BUDGET, 1),)


def comparisons(lab: Lab) -> Iterator[Measured]:
    samples: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(20 if lab.full else 5):
        for name, statement in STATEMENTS.items():
            samples[name].append(_start(statement))
    rows = [Row(BUDGET, "part", 30_000, 30_000, 30_000, 30_000)]
    for name, values in samples.items():
        differences = [a - b for a, b in zip(values, samples[EMPTY], strict=True)]
        low, middle, high = statistics.quantiles(differences, n=4)
        role = "bare" if name == EMPTY else "ringwall"
        rows.append(Row(name, role, statistics.median(values), middle, low, high))  # type: ignore[arg-type]
    yield Measured("Start of an interpreter", "", tuple(rows), GOALS)


def _start(statement: str) -> float:
    """Microseconds that a fresh interpreter takes for one statement."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", statement], check=True)
    return (time.perf_counter() - begin) * 1e6


if __name__ == "__main__":
    run(comparisons)
