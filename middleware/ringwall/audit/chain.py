"""The chain: every line names the hash of the line before it, and checkpoints sign it all.

A line is a record with two members in front: `_prev`, the RFC 6962 leaf hash of the line before,
and `_seq`, its number, which is its place in the Merkle tree over the whole log. `_` sorts before
every letter, so the line stays canonical JSON without being parsed.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import Any

from .canonical import canonical, parse
from .keys import SigningKey
from .merkle import Frontier
from .record import VERSION, timestamp

GENESIS = "0" * 64
LONGEST_LINK = 128
"""Octets by which a line is longer than its record, at most."""
_HEAD = re.compile(rb'\{"_prev":"([0-9a-f]{64})","_seq":(0|[1-9][0-9]{0,15}),')

# Within a JSON string a quotation mark is escaped: no input can look like one of these.
OPENED = b'"event":"opened"'
ROTATED = b'"event":"rotated"'
CHECKPOINT = b'"event":"checkpoint"'
KEY_ROTATED = b'"event":"key-rotated"'


class Damaged(OSError):
    """The log does not go on as it should: it was changed by something else."""


class Chain:
    """Where a log stands.

    log: the log's random name. prev: leaf hash of its last line, in hexadecimal. tree: the Merkle
    tree over all lines. unsigned: lines since the last checkpoint.
    """

    __slots__ = ("log", "prev", "tree", "unsigned")

    def __init__(self, log: str, tree: Frontier, prev: str, unsigned: int = 0) -> None:
        self.log: str = log
        self.tree: Frontier = tree
        self.prev: str = prev
        self.unsigned: int = unsigned

    @classmethod
    def new(cls) -> Chain:
        """The beginning of a log of its own."""
        return cls(os.urandom(16).hex(), Frontier(), GENESIS)

    @classmethod
    def resume(cls, line: bytes) -> Chain:
        """The chain before the first line of a file, which says how it goes on.

        Raises:
            Damaged: it is no such line.
        """
        try:
            record = parse(line)
            if record["event"] != "opened" or not isinstance(record["log"], str):
                raise ValueError
            roots = [bytes.fromhex(root) for root in record["frontier"]]
            return cls(record["log"], Frontier(record["_seq"], roots), record["_prev"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Damaged("the file does not begin as a log does") from None

    def copy(self) -> Chain:
        """The same chain, to be taken on without the other."""
        return Chain(self.log, self.tree.copy(), self.prev, self.unsigned)

    def link(self, record: bytes) -> bytes:
        """The line of a record, which the chain goes on after."""
        line = self.line(record)
        self.take(line)
        return line

    def line(self, record: bytes) -> bytes:
        """The line that a record would be, next."""
        return b'{"_prev":"%b","_seq":%d,%b' % (self.prev.encode(), self.tree.size, record[1:])

    def take(self, line: bytes) -> None:
        """Go on after a line."""
        leaf = sha256(b"\x00" + line).digest()  # `leaf_hash`, without the call
        self.tree.push(leaf)
        self.prev = leaf.hex()
        self.unsigned += 1

    def follow(self, line: bytes) -> None:
        """Go on after a line that another process wrote.

        Raises:
            Damaged: it does not follow.
        """
        head = _HEAD.match(line)
        if head is None or (head[1].decode(), int(head[2])) != (self.prev, self.tree.size):
            raise Damaged("a line does not follow the line before it")
        self.take(line)
        if CHECKPOINT in line:
            self.unsigned = 0

    def opened(self, now: float) -> bytes:
        """The first line of a file."""
        return self.event("opened", now, frontier=[r.hex() for r in self.tree.roots], log=self.log)

    def event(self, event: str, now: float, **fields: Any) -> bytes:
        """The line of something that happened to the log itself."""
        record = {"event": event, "time": timestamp(now), "v": VERSION, **fields}
        return self.link(canonical(record))

    def checkpoint(self, key: SigningKey, now: float) -> bytes:
        """The line that signs every line before it."""
        line = self.signed("checkpoint", key, now, root=self.tree.root().hex(), log=self.log)
        self.unsigned = 0
        return line

    def introduce(self, new: SigningKey, old: SigningKey, now: float) -> list[bytes]:
        """The lines by which the old key names the new one, and the new one signs."""
        line = self.signed("key-rotated", old, now, log=self.log, new=new.public)
        return [line, self.checkpoint(new, now)]

    def signed(self, event: str, key: SigningKey, now: float, **fields: Any) -> bytes:
        """The line of an event, signed with `_prev` and `_seq`: `sig` is over all but itself."""
        record = {
            "_prev": self.prev, "_seq": self.tree.size, "event": event, "key": key.id,
            "time": timestamp(now), "v": VERSION, **fields,
        }  # fmt: skip
        record["sig"] = key.sign(canonical(record))
        line = canonical(record)
        self.take(line)
        return line
