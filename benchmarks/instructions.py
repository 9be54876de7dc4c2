"""Instructions per request, counted by callgrind: the same on a loud machine as on a quiet one.

    python -m benchmarks.instructions            count, and compare with the budget
    python -m benchmarks.instructions --write    make what was counted the new budget

A budget is a ratio: the instructions of a layer over a raw app, divided by those of its floor. So
it holds for another build of Python, too. Needs valgrind (Debian: apt-get install valgrind).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .lab import Lab, laboratory
from .layers import INTERFACES, bare_app, pairs

BUDGET = Path(__file__).with_name("budget.json")
TOLERANCE = 1.15
REQUESTS = 200


def main() -> int:
    if sys.argv[1:] == ["--inside"]:
        with laboratory(export=False) as lab:
            _inside(lab)
        return 0
    ratios = count()
    if sys.argv[1:] == ["--write"]:
        BUDGET.write_text(json.dumps(ratios, indent=1) + "\n", "utf-8")
        print(f"written: {BUDGET.name}")
        return 0
    return compare(ratios, json.loads(BUDGET.read_text("utf-8")))


def compare(ratios: dict[str, float], budget: dict[str, float]) -> int:
    """Print counted ratios beside the budget. Returns 1 where one is over it, else 0."""
    print(f"{'instructions over those of the floor':44s}{'counted':>10s}{'budget':>10s}")
    worst = 0
    for name, ratio in ratios.items():
        allowed = budget.get(name)
        over = allowed is None or ratio > allowed * TOLERANCE
        worst |= over
        limit = "none" if allowed is None else f"{allowed:.2f}"
        print(f"{name:44s}{ratio:10.2f}{limit:>10s}{'   OVER' if over else ''}")
    if worst:
        print(
            f"over the budget by more than {TOLERANCE - 1:.0%}; where that is worth its price:"
            " python -m benchmarks.instructions --write"
        )
    return worst


def count() -> dict[str, float]:
    """Instructions of each layer as a multiple of its floor's, both over a raw app.

    Raises:
        RuntimeError: valgrind is missing or failed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise RuntimeError("counting needs valgrind; on Debian: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "counts"
        # A call of getppid(2), which nothing else calls, ends one count and begins the next.
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={output}"]
        command += ["--dump-before=getppid", "--combine-dumps=no"]
        done = subprocess.run(
            [*command, sys.executable, "-m", "benchmarks.instructions", "--inside"],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"valgrind ended with {done.returncode}:\n{done.stderr[-2000:]}")
        names = done.stdout.split("\n")[:-1]
        # The first dump is the start-up; then each count is followed by what lies between.
        counts = [_total(output.with_name(f"counts.{2 * n + 2}")) for n in range(len(names))]
    found = dict(zip(names, counts, strict=True))

    def cost(name: str, label: str) -> int:
        return found[f"{name}|{label}"] - found[f"{name}|bare"]

    titles = [name.removesuffix("|bare") for name in names if name.endswith("|bare")]
    return {name: round(cost(name, "ringwall") / cost(name, "floor"), 2) for name in titles}


def _total(path: Path) -> int:
    total = re.search(r"^totals: (\d+)", path.read_text("utf-8"), re.MULTILINE)
    if total is None:
        raise RuntimeError(f"no total in {path.name}")
    return int(total[1])


def _inside(lab: Lab) -> None:
    """Under valgrind: every variant's requests, each between two calls of getppid."""
    for interface in INTERFACES:
        for pair in pairs(lab, interface):
            name = f"{pair.title}, {interface}"
            apps = {"bare": bare_app(interface), "floor": pair.floor, "ringwall": pair.ringwall}
            for label, app in apps.items():
                batch: Any = lab.batch(app, interface, pair.method)
                batch(REQUESTS // 4)  # caches filled, code specialized
                os.getppid()
                batch(REQUESTS)
                os.getppid()
                print(f"{name}|{label}")


if __name__ == "__main__":
    sys.exit(main())
