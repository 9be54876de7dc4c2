"""Proof that one record is in a log, to be checked without the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .canonical import parse
from .keys import has_signed, key_id
from .merkle import Frontier, inclusion_path, leaf_hash, verify_inclusion
from .verify import Line


def prove(lines: Iterable[Line], wanted: str) -> dict[str, Any]:
    """The proof for the record with this id or number: the record, the first checkpoint after it,
    and the path between them (RFC 6962 section 2.1.1).

    Raises:
        ValueError: there is no such record, or no checkpoint after it yet.
    """
    before: Frontier | None = None
    leaves: list[bytes] = []
    found: tuple[int, bytes] | None = None
    for line in lines:
        if not line.ended:
            continue
        record = parse(line.data)
        if before is None:
            roots = [bytes.fromhex(root) for root in record["frontier"]]
            before = Frontier(record["_seq"], roots)
        size = before.size + len(leaves)
        if record["_seq"] != size:
            raise ValueError(f"the log is broken at record {size}; run: ringwall audit verify")
        if found is not None and record.get("event") == "checkpoint":
            path = inclusion_path(found[0], size, leaves, before)
            return {
                "checkpoint": line.data.decode(),
                "path": [step.hex() for step in path],
                "record": found[1].decode(),
            }
        if found is None and wanted in (record.get("id"), str(record["_seq"])):
            found = (size, line.data)
        leaves.append(leaf_hash(line.data))
    if found is None:
        raise ValueError("there is no such record")
    raise ValueError("no checkpoint has signed this record yet")


def check_proof(proof: Any, keys: Iterable[str]) -> dict[str, Any]:
    """The record that a proof is about.

    Raises:
        ValueError: it proves nothing, with the reason.
    """
    trusted = {key_id(key): key for key in keys}
    try:
        line, signed = proof["record"].encode(), proof["checkpoint"].encode()
        record: dict[str, Any] = parse(line)
        checkpoint = parse(signed)
        path = [bytes.fromhex(step) for step in proof["path"]]
        root = bytes.fromhex(checkpoint["root"])
        index, size = int(record["_seq"]), int(checkpoint["_seq"])
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ValueError("this is no proof") from None
    public = trusted.get(str(checkpoint.get("key")))
    if public is None:
        raise ValueError("the checkpoint is signed by a key that is not trusted")
    if checkpoint.get("event") != "checkpoint" or not has_signed(public, checkpoint):
        raise ValueError("the signature of the checkpoint is wrong")
    if not verify_inclusion(index, size, leaf_hash(line), path, root):
        raise ValueError("the record is not in the tree that the checkpoint signs")
    return record
