"""`ringwall audit verify LOG --key audit.key.pub`: is the log what was written?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..._errors import ConfigurationError
from ._log import add_keys, add_log, lines_of


def add(actions: Any) -> None:
    """Add the actions to the parser."""
    parser = actions.add_parser(
        "verify",
        help="check the chain and the signatures of a log",
        description="Check every record of a log: the chain, the signatures and what is known from"
        " elsewhere. Prints the first bad record, and which records are still proven. The exit"
        " status is 1 if something is wrong.",
    )
    add_log(parser)
    add_keys(parser)
    parser.add_argument(
        "--witness", type=Path, metavar="FILE",
        help="copies of checkpoints that were kept elsewhere: they tell a log that was cut off or"
        " replaced by an older one",
    )  # fmt: skip
    parser.add_argument(
        "--unsigned", type=int, default=10_000, metavar="COUNT",
        help="how many records may follow the last signature (10000); more than a writer's"
        " checkpoint_every are a writer without its key, or somebody else",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what was found; returns the exit status."""
    from ...audit.keys import public_key
    from ...audit.record import clean
    from ...audit.verify import Forked, verify

    keys = [public_key(given) for given in options.key]
    try:
        heads = _heads(options.witness, keys)
    except Forked as error:
        print(f"BAD {clean(options.witness.name, 256)}: {error}")
        print("THE LOG IS NOT INTACT")
        return 1
    result = verify(lines_of(options.log), keys, heads, options.unsigned)
    print(
        f"{result.records} records, numbers {result.first} to {result.last},"
        f" {result.checkpoints} valid signatures"
    )
    for finding in result.findings:
        where = f"{clean(finding.file, 256)}:{finding.line}: " if finding.line else ""
        print(f"BAD {where}{clean(finding.problem, 512)}")
    for note in result.notes[:100]:
        print(f"note: {clean(note, 512)}")
    for first, last in result.proven:
        print(f"proven: records {first} to {last}")
    if result.head is not None:
        print(f"head: {result.last} {result.head}")
    if not result.ok:
        print("THE LOG IS NOT INTACT")
    else:
        print("the log is intact" if keys else "the chain is intact; who wrote it is not known")
    return 0 if result.ok else 1


def _heads(witness: Path | None, keys: list[str]) -> dict[int, str]:
    from ...audit.verify import Forked, witnessed

    if witness is None:
        return {}
    if not keys:
        raise ConfigurationError("--witness holds signed checkpoints: name the key with --key")
    try:
        return witnessed(witness.read_bytes().splitlines(), keys)
    except OSError as error:
        raise ConfigurationError(f"cannot read {str(witness)!r} ({error.strerror})") from None
    except Forked:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{str(witness)!r} is no witness: {error}") from None
