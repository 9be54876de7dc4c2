"""Writes docs/compatibility.md from what tox found:

tox run -m matrix --result-json matrix.json; python tests/compatibility_table.py matrix.json

Results of several machines may be given. Further arguments are libraries to leave out, as those
runs did not have their tests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "compatibility.md"
LIBRARIES = (
    "starlette fastapi werkzeug flask django djangorestframework litestar quart falcon pyramid"
    " redis opentelemetry-api joserfc authlib limits uvicorn hypercorn granian gunicorn waitress"
).split()
HEAD = """# Compatibility

What was tried, and whether it passed: the integrations, the examples on real servers, and tests of
the layers that stand on a library, in an environment of its own for each column. `tox -m matrix`
tries what the machine has; versions that were not tried are not listed. Columns that are named
after a version of redis are for what stands on Redis alone.

Without the GIL (free-threaded Python 3.13.15), and on two cores at once, the tests of what threads
share passed: limits in memory, LMDB and Redis, requests in flight, caches, and the audit's sinks.
`tox run -e py313t,py314t` repeats them where such a Python is on `PATH`. Ringwall is Python alone
and leaves the GIL off; these switch it on again when they are imported, unless `PYTHON_GIL=0` is
set: greenlet 3.2.2 (SQLAlchemy under asyncio), hiredis 3.5.0, and lmdb 3.0.0. cryptography,
msgspec, jsonschema-rs and cedarpy have no build for it, so that JSON Web Tokens, signed logs, the
validation of bodies, and Cedar were not tried that way.

"""


def table(result: dict[str, Any], without: Sequence[str] = ()) -> str:
    """The page, from tox's result in JSON."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for name, environment in sorted(result["testenvs"].items()):
        tests = environment.get("test")
        if name.startswith("matrix-") and tests:
            passed = all(each["retcode"] == 0 for each in tests)
            installed = (each.split("==") for each in environment.get("installed_packages", ()))
            versions = {each[0].lower(): each[1] for each in installed if len(each) == 2}
            found[name] = "passed" if passed else "failed", versions
    rows = [["", *(name.removeprefix("matrix-") for name in found)]]
    rows.append(["---"] * len(rows[0]))
    rows.append(["**tests**", *(f"**{outcome}**" for outcome, _ in found.values())])
    for library in (each for each in LIBRARIES if each not in without):
        rows.append([library, *(versions.get(library, "") for _, versions in found.values())])
    return HEAD + "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


if __name__ == "__main__":
    results = [Path(each) for each in sys.argv[1:] if each.endswith(".json")]
    merged: dict[str, Any] = {}
    for path in results:
        # Those that did not run there are named, too, and empty.
        found = json.loads(path.read_text("utf-8"))["testenvs"].items()
        merged |= {name: each for name, each in found if each.get("test")}
    without = [each for each in sys.argv[1:] if not each.endswith(".json")]
    PAGE.write_text(table({"testenvs": merged}, without), "utf-8")
