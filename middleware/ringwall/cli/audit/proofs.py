"""`ringwall audit prove LOG ID`, and `check-proof`, which needs no log."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..._errors import ConfigurationError
from ._log import add_keys, add_log, lines_of


def add(actions: Any) -> None:
    """Add the actions to the parser."""
    parser = actions.add_parser(
        "prove",
        help="print the proof that one record is in a log",
        description="Print the proof that one record is in a log: the record, the signed checkpoint"
        " after it, and the Merkle path between them. `check-proof` checks it without the log.",
    )
    parser.add_argument("record", metavar="RECORD", help="its id, or its number")
    add_log(parser)
    parser.set_defaults(run=_prove)
    parser = actions.add_parser(
        "check-proof",
        help="check such a proof",
        description="Check what `prove` printed, and print the record. The exit status is 1 if it"
        " proves nothing.",
    )
    parser.add_argument("proof", type=Path, metavar="FILE")
    add_keys(parser, required=True)
    parser.set_defaults(run=_check)


def _prove(options: argparse.Namespace) -> int:
    from ...audit.prove import prove

    try:
        proof = prove(lines_of(options.log), options.record)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"cannot prove it: {error}") from None
    print(json.dumps(proof, indent=2))
    return 0


def _check(options: argparse.Namespace) -> int:
    from ...audit.keys import public_key
    from ...audit.prove import check_proof

    keys = [public_key(given) for given in options.key]
    try:
        proof = json.loads(options.proof.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise ConfigurationError(f"{str(options.proof)!r} holds no proof") from None
    try:
        record = check_proof(proof, keys)
    except ValueError as error:
        print(f"NOT PROVEN: {error}")
        return 1
    print(json.dumps(record, indent=2))
    print("proven: this record is in the log that the checkpoint signs")
    return 0
