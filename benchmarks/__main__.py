"""All benchmarks in one run: a table, results as JSON, a page to look at.

    python -m benchmarks                    the quick form, under two minutes
    python -m benchmarks --full             all rounds, all sizes, GET and POST
    python -m benchmarks --only stacks authn        some of it
    python -m benchmarks --full --publish   the README's figures and picture, too
    python -m benchmarks --read FILE        no run: table and page from a JSON of another

Peers are in the dependency group `benchmarks` (pip install --group benchmarks), load comes from the
Debian package wrk. What is not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from . import SUITES, suite
from .growth import Curve
from .harness import Comparison, Measured, measure
from .lab import Lab, laboratory
from .load import Served
from .page import write_page
from .peers import LEFT_OUT
from .publish import DOCUMENTS, publish
from .results import Results, about
from .table import print_detail, text


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="all rounds and sizes")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=SUITES, default=SUITES)
    parser.add_argument("--without", nargs="+", metavar="NAME", choices=SUITES, default=())
    parser.add_argument("--verbose", action="store_true", help="every row, as it is measured")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"), metavar="FOLDER")
    parser.add_argument("--publish", action="store_true", help=f"write {DOCUMENTS}")
    parser.add_argument("--read", type=Path, metavar="FILE")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn of their own future, not of ours

    begin = time.monotonic()
    if options.read is not None:
        results = Results.read(options.read)
    else:
        names = [name for name in SUITES if name in options.only and name not in options.without]
        with laboratory(full=options.full) as lab:
            results = run(lab, names, verbose=options.verbose)
    print(text(results))
    for name, why in results.about["left_out"].items():
        print(f"left out: {name}: {why}")
    options.output.mkdir(parents=True, exist_ok=True)
    results.write(options.output / "results.json")
    write_page(results, options.output / "index.html")
    print(f"\n{time.monotonic() - begin:.0f} s; written: {options.output}/index.html, results.json")
    if options.publish:
        print("written: " + ", ".join(publish(results, Path())))
    return 0


def run(lab: Lab, names: list[str], *, verbose: bool = False) -> Results:
    """Every comparison of these suites."""
    rounds, chunk = (41, 0.005) if lab.full else (11, 0.003)
    results = Results()
    for number, name in enumerate(names, 1):
        begin = time.monotonic()
        try:
            for found in _found(lab, name, rounds, chunk):
                results.add(found)
                if verbose:
                    print_detail(found)
        except (OSError, RuntimeError) as error:  # the other suites still count
            LEFT_OUT[f"the rest of {name}"] = str(error)
        spent = time.monotonic() - begin
        print(f"[{number}/{len(names)}] {name}: {spent:.0f} s", file=sys.stderr, flush=True)
    noise = [each.noise for each in results.measured if each.noise]
    results.about = about(
        measured=f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
        mode="full" if lab.full else "quick",
        rounds=rounds,
        noise=sorted(noise)[len(noise) // 2] if noise else 0.0,
        left_out=dict(LEFT_OUT),
    )
    return results


def _found(lab: Lab, name: str, rounds: int, chunk: float) -> Iterator[Measured | Curve | Served]:
    for each in suite(name)(lab):
        if isinstance(each, Comparison):
            yield measure(each, rounds=rounds, chunk=chunk, settle=lab.settle)
        else:
            yield each


if __name__ == "__main__":
    sys.exit(main())
