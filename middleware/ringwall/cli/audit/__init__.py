"""`ringwall audit ...`: read, verify and prove audit logs, and make their keys."""

from __future__ import annotations

import argparse
from typing import Any

from . import keys, proofs, reading, verifying


def add(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "audit", help="read, verify and prove audit logs"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for part in (verifying, proofs, reading, keys):
        part.add(actions)
