"""What `import ringwall` adds to the start of an interpreter.

Run: python -m benchmarks.import_time
"""

from __future__ import annotations

import subprocess
import sys
import time

GOAL = 30.0  # milliseconds
ROUNDS = 20


def start(statement: str) -> float:
    """Milliseconds that a fresh interpreter takes for one statement."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", statement], check=True)
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    statements = {
        "empty": "pass",
        "import ringwall": "import ringwall",
        "all six layers": "from ringwall import *",
    }
    best = dict.fromkeys(statements, float("inf"))
    for _ in range(ROUNDS):
        for label, statement in statements.items():
            best[label] = min(best[label], start(statement))
    for label, spent in best.items():
        print(f"{label:>16}  {spent:6.1f} ms  {spent - best['empty']:+6.1f} ms")
    print(f"goal for `import ringwall`: under {GOAL:.0f} ms more than an empty interpreter")


if __name__ == "__main__":
    main()
