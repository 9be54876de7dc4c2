"""The `ringwall` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .._errors import ConfigurationError
from .._version import __version__
from . import audit, explain, keys, layers, limits, policy, routes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="ringwall", description="Security layers for any ASGI or WSGI app."
    )
    parser.add_argument("--version", action="version", version=f"ringwall {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="start a walled orders API and print curl lines to try",
        description="Start an orders API behind all six layers and SecurityHeaders: as ASGI and as"
        " WSGI over TLS, and on a plain HTTP port. Everything runs on this machine.",
    )
    demo.add_argument(
        "--tour", action="store_true", help="send every request, print a table, and exit"
    )
    demo.add_argument("--port", type=_port, default=8443, help="the first of four ports (8443)")
    demo.add_argument(
        "--preset",
        choices=("api", "browser"),
        default="api",
        help="which headers to send; with 'browser' there is a start page, too (api)",
    )
    for subcommand in (routes, explain, policy, keys, audit, limits, layers):
        subcommand.add(commands)
    options = parser.parse_args(arguments)
    try:
        if options.command != "demo":
            status: int = options.run(options)
            return status
        from .demo import run

        return run(tour=options.tour, port=options.port, preset=options.preset)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ConfigurationError as error:  # a missing extra, say: one line, no traceback
        print(f"ringwall: {error}", file=sys.stderr)
        return 2


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= 65532:
        return int(text)
    raise argparse.ArgumentTypeError("a port is a number from 1 to 65532")
