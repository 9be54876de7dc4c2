"""All benchmarks in one run: a table, results as JSON, a page to look at.

    python -m benchmarks                    the quick form, under two minutes
    python -m benchmarks --full             longer, with the large sizes
    python -m benchmarks --only stacks      some of it
    python -m benchmarks --picture docs/benchmarks.svg      the README's picture

Peers are in the dependency group `bench`: pip install --group bench. One that is not installed is
left out, and said.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

from . import SUITES, suite
from .harness import measure, print_measured
from .lab import laboratory
from .page import write_page, write_picture
from .results import Results, about
from .scaling import curves, print_curve


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="more rounds, larger sizes")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*SUITES, "scaling"])
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"), metavar="FOLDER")
    parser.add_argument("--picture", type=Path, metavar="FILE")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn of their own future, not of ours

    chosen = options.only or [*SUITES, "scaling"]
    rounds, chunk = (60, 0.008) if options.full else (12, 0.003)
    results, begin = Results(about()), time.monotonic()
    with laboratory(full=options.full) as lab:
        for name in SUITES:
            if name in chosen:
                for comparison in suite(name)(lab):
                    results.measured.append(measure(comparison, rounds=rounds, chunk=chunk))
                    print_measured(results.measured[-1])
        if "scaling" in chosen:
            for curve in curves(lab):
                results.curves.append(curve)
                print_curve(curve)
    options.output.mkdir(parents=True, exist_ok=True)
    results.write(options.output / "results.json")
    write_page(results, options.output / "index.html")
    print(f"\n{time.monotonic() - begin:.0f} s; written: {options.output}/index.html, results.json")
    if options.picture is not None and write_picture(results, options.picture):
        print(f"written: {options.picture}")


if __name__ == "__main__":
    main()
