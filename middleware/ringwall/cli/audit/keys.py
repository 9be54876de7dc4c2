"""`ringwall audit keygen FILE` and `rotate-key`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(actions: Any) -> None:
    """Add the actions to the parser."""
    parser = actions.add_parser(
        "keygen",
        help="make the key that signs a log",
        description="Write a new Ed25519 key to FILE, and its public half to FILE.pub. Keep a copy"
        " of the public half where nobody who can write the log can change it.",
    )
    parser.add_argument("key_file", type=Path, metavar="FILE")
    parser.set_defaults(run=_generate)
    parser = actions.add_parser(
        "rotate-key",
        help="change the key of a log",
        description="Make a new key, record the change in the log, signed by the old key, and put"
        " the new one in its place. Servers that are running go on with the new key. The old one"
        " is kept as FILE.ID.old: destroy it, so that nobody signs with it.",
    )
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument("key_file", type=Path, metavar="FILE", help="the key in use")
    parser.set_defaults(run=_rotate)


def _generate(options: argparse.Namespace) -> int:
    from ...audit.keys import SigningKey

    key = SigningKey.generate()
    key.save(options.key_file)
    print(f"key {key.id} is in {options.key_file}; who verifies needs {options.key_file}.pub")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    from ...audit.rotate import rotate_key

    old, new = rotate_key(options.log, options.key_file)
    print(f"key {old} is retired; key {new} signs from now on")
    print(f"destroy {options.key_file}.{old}.old")
    return 0
