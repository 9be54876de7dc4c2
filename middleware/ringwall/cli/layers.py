"""`ringwall layers`: what installed packages offer in the entry-point group `ringwall.layers`."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "layers",
        help="list the layers that installed packages offer",
        description="List the layers that installed packages offer, without loading any.",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table; returns the exit status."""
    from ..discovery import find_layers

    rows = [("NAME", "CLASS", "PACKAGE")]
    rows += [(each.name, each.target, f"{each.package} {each.version}") for each in find_layers()]
    if len(rows) == 1:
        print("No installed package offers a layer.")
        return 0
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, target, package in rows:
        print(f"{name:{widths[0]}}  {target:{widths[1]}}  {package}")
    return 0
