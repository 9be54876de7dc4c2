"""Whether every public name of the installed packages has a written type; fails where one has not.

pyright --verifytypes <package> --ignoreexternal tells what is missing. What other packages leave
untyped does not count. tox runs this against the wheel (`tox run -e types`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

INTEGRATIONS = Path(__file__).resolve().parents[1] / "integrations"
PACKAGES = ("ringwall", *sorted(path.name for path in INTEGRATIONS.glob("ringwall_*")))


def complete(package: str) -> bool:
    """Whether a package's types are complete; prints what is not."""
    command = ["pyright", "--pythonpath", sys.executable, "--verifytypes", package]
    # Elsewhere than here, where the sources and their configuration would be read.
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [*command, "--ignoreexternal", "--outputjson"],
            cwd=empty, stdout=subprocess.PIPE, check=False,
        )  # fmt: skip
    found = json.loads(done.stdout)["typeCompleteness"]
    for symbol in found["symbols"]:
        if not symbol["isTypeKnown"] or symbol.get("isTypeAmbiguous"):
            reasons = "; ".join(each["message"] for each in symbol["diagnostics"])
            print(f"{symbol['name']}: {reasons}")
    score, where = found["completenessScore"], found["packageRootDirectory"]
    exported = sum(found["exportedSymbolCounts"].values())
    print(f"{package}: {score:.1%} of {exported} exported symbols, in {where}")
    return exported > 0 and score == 1


if __name__ == "__main__":
    outcomes = [complete(package) for package in PACKAGES]
    sys.exit(0 if all(outcomes) else 1)
