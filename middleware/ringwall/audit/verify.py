"""Whether a log is what was written: the first bad record, and what remains provable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .canonical import parse
from .findings import Finding as Finding
from .findings import Verification as Verification
from .keys import has_signed, introduced, key_id
from .lines import LONGEST_LINE
from .lines import Line as Line
from .lines import database_lines as database_lines
from .lines import read_lines as read_lines
from .mapping import unix_nanos
from .merkle import Frontier, leaf_hash
from .record import clean

_MOST_FINDINGS = 100
_MOST_NOTES = 1000
_MOST_UNSIGNED = 10_000
_BACKWARDS = 1.0
_OF_THE_LOG = ("opened", "checkpoint", "key-rotated", "pruned", "recovered", "rotated")


class Forked(ValueError):
    """The same key signed two logs of one name."""


class Verifier:
    """Reads a log line by line.

    Parameters:
        keys: public keys that are trusted, in hexadecimal; none: signatures are not checked.
        heads: what is known from elsewhere, such as a witness: leaf hashes by record number.
        most_unsigned: how many records may follow the last signature. A writer signs every
            `checkpoint_every` records: more are a writer without its key, or somebody else.
    """

    def __init__(
        self,
        keys: Iterable[str] = (),
        heads: Mapping[int, str] | None = None,
        most_unsigned: int = _MOST_UNSIGNED,
    ) -> None:
        self.result: Verification = Verification()
        self._keys = {key_id(key): key for key in keys}
        self._checks = bool(self._keys)
        self._retired: set[str] = set()
        self._heads = dict(heads or {})
        self._prev: str | None = None
        self._next = 0
        self._run = 0
        self._tree: Frontier | None = None
        self._pruned = -1
        self._file: str | None = None
        self._configurations: set[str] = set()
        self._layers: set[str] = set()
        self._most_unsigned = most_unsigned
        self._time = 0.0

    def line(self, line: Line) -> None:
        """Check the next line."""
        result = self.result
        begins = line.file != self._file
        self._file = line.file
        if not line.ended and len(line.data) < LONGEST_LINE:
            self._note(f"{line.file}: the last line is unfinished, and is no record")
            return
        result.records += 1
        leaf = leaf_hash(line.data).hex()
        try:
            record = parse(line.data)
            prev, seq = record["_prev"], record["_seq"]
            if not isinstance(seq, int) or isinstance(seq, bool) or not isinstance(prev, str):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            self._find(line, self._next, "the record is not canonical JSON: it was changed")
            self._break(self._next)
        else:
            self._check_link(line, prev, seq)
            self._next = seq
            if begins != (record.get("event") == "opened"):
                self._find(line, seq, "a file must begin with 'opened', and only there")
            self._check_event(line, record, seq)
        self._check_head(line, leaf)
        if self._tree is not None:
            self._tree.push(bytes.fromhex(leaf))
        result.last = self._next
        result.head = leaf
        self._prev = leaf
        self._next += 1

    def end(self) -> Verification:
        """What was found, once there are no more lines."""
        result = self.result
        if not result.records:
            self._find(Line("", 0, b""), None, "there is no record")
            return result
        first, last = result.first or 0, result.last or 0
        for seq in sorted(self._heads):
            if seq > last:
                self._find(
                    Line(self._file or "", 0, b""), last,
                    f"record {seq} was seen elsewhere, and this log ends at {last}: it was cut off"
                    " or replaced by an older one",
                )  # fmt: skip
            elif seq < first:
                self._note(f"record {seq}, seen elsewhere, is no longer here")
        if first:
            said = "which a record tells" if self._pruned >= first - 1 else "and no record tells"
            what = f"records 0 to {first - 1} are not here, {said}"
            if self._pruned >= first - 1:
                self._note(what)
            else:
                self._find(Line(self._file or "", 0, b""), first, what)
        result.unsigned = last - (result.proven[-1][1] if result.proven else first - 1)
        self._judge_unsigned(result.unsigned, last)
        return result

    def _judge_unsigned(self, unsigned: int, last: int) -> None:
        """Whoever can write the file can leave the checkpoints out, and chain anew what remains."""
        here = Line(self._file or "", 0, b"")
        if not self._checks:
            self._note("no public key was given: signatures were not checked")
        elif not self.result.checkpoints and self.result.ok:
            self._find(here, last, "nothing is signed by a trusted key: anybody may have written")
        elif unsigned > self._most_unsigned:
            self._find(
                here, last,
                f"the last {unsigned} records are not signed, more than {self._most_unsigned}: the"
                " writer lost its key, or somebody else wrote them",
            )  # fmt: skip
        elif unsigned:
            self._note(
                f"the last {unsigned} records are chained but not signed: whoever can write the"
                " file can change them"
            )

    def _check_link(self, line: Line, prev: str, seq: int) -> None:
        if self.result.first is None:
            self.result.first = self._run = seq
            if seq == 0 and prev != "0" * 64:
                self._find(line, seq, "the first record names one before it")
            return
        if seq > self._next:
            self._find(line, seq, f"records {self._next} to {seq - 1} are missing before this one")
        elif seq < self._next:
            self._find(line, seq, f"record {seq} stands where {self._next} should: moved or copied")
        elif prev != self._prev:
            self._find(line, seq - 1, f"record {seq - 1} was changed: the next one names another")
        else:
            return
        self._break(seq)

    def _check_event(self, line: Line, record: dict[str, Any], seq: int) -> None:
        event = record.get("event")
        if event in _OF_THE_LOG:
            self._check_time(record, seq)
        if event == "opened":
            self._check_opened(line, record, seq)
        elif event == "checkpoint" and self._check_signature(line, record, seq):
            self._check_root(line, record, seq)
        elif event == "key-rotated" and self._check_signature(line, record, seq):
            self._retired.add(record["key"])
            self._keys.pop(record["key"], None)
            new = introduced(record)
            if new is not None:
                self._keys[key_id(new)] = new
        elif event == "pruned" and (not self._checks or self._check_signature(line, record, seq)):
            through = record.get("through")
            self._pruned = max(self._pruned, through if isinstance(through, int) else -1)
        elif event in ("start", "configuration"):
            self._note_configuration(record, seq)
        elif event == "recovered":
            self._note(f"record {seq}: a crash had left an unfinished line")

    def _note_configuration(self, record: dict[str, Any], seq: int) -> None:
        """A stack that was configured otherwise is nothing wrong, but to be known."""
        told, layers = str(record.get("configuration")), record.get("layers")
        if told in self._configurations or not isinstance(layers, list):
            return
        names = {str(layer) for layer in layers}
        if self._configurations:
            new = sorted({clean(name.split(" ")[0], 64) for name in names - self._layers})
            self._note(
                f"record {seq}: another configuration than before: {', '.join(new) or 'the order'}"
            )
        if len(self._configurations) < _MOST_NOTES:
            self._configurations.add(told)
        self._layers = names

    def _check_time(self, record: dict[str, Any], seq: int) -> None:
        """The log's own lines bear the time when they were written: it does not go back."""
        try:
            time = unix_nanos(record["time"]) / 1e9
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # what is not ours is found by its signature, or by the chain
        if time < self._time - _BACKWARDS:
            self._note(f"record {seq}: the clock was put back by {self._time - time:.0f} seconds")
        self._time = time

    def _check_opened(self, line: Line, record: dict[str, Any], seq: int) -> None:
        try:
            tree = Frontier(seq, [bytes.fromhex(root) for root in record["frontier"]])
        except (ValueError, KeyError, TypeError):
            self._find(line, seq, "the file does not say how the tree goes on")
            return
        if self._tree is not None and self._tree.roots != tree.roots:
            self._find(line, seq, "the file goes on from another tree than the one before ended in")
        if self.result.log not in (None, record.get("log")):
            self._find(line, seq, "the file belongs to another log")
        self.result.log = str(record.get("log"))
        self._tree = tree

    def _check_signature(self, line: Line, record: dict[str, Any], seq: int) -> bool:
        if not self._checks:
            return False
        name = str(record.get("key"))
        if name not in self._keys:
            why = "was retired before" if name in self._retired else "is not trusted"
            self._find(line, seq, f"it is signed by key {name[:16]!r}, which {why}")
            return False
        if not has_signed(self._keys[name], record):
            self._find(line, seq, "the signature is wrong: the record was changed or forged")
            return False
        if record.get("log", self.result.log) != self.result.log:
            self._find(line, seq, "the checkpoint belongs to another log")
            return False
        self.result.checkpoints += 1
        proven = self.result.proven
        if proven and proven[-1][0] == self._run:
            proven.pop()
        proven.append((self._run, seq))
        return True

    def _check_root(self, line: Line, record: dict[str, Any], seq: int) -> None:
        if self._tree is not None and record.get("root") != self._tree.root().hex():
            self._find(line, seq, "the checkpoint signs another tree")

    def _check_head(self, line: Line, leaf: str) -> None:
        known = self._heads.get(self._next)
        if known is not None and known != leaf:
            self._find(line, self._next, "another record was seen here: the log was rewritten")

    def _break(self, seq: int) -> None:
        """What follows is not tied to what came before."""
        self._run = seq
        self._tree = None

    def _note(self, text: str) -> None:
        if len(self.result.notes) < _MOST_NOTES:
            self.result.notes.append(text)

    def _find(self, line: Line, seq: int | None, problem: str) -> None:
        if len(self.result.findings) < _MOST_FINDINGS:
            self.result.findings.append(Finding(line.file, line.number, seq, problem))


def verify(
    lines: Iterable[Line],
    keys: Iterable[str] = (),
    heads: Mapping[int, str] | None = None,
    most_unsigned: int = _MOST_UNSIGNED,
) -> Verification:
    """Check a log from its first line to its last. See `Verifier`."""
    verifier = Verifier(keys, heads, most_unsigned)
    for line in lines:
        verifier.line(line)
    return verifier.end()


def witnessed(lines: Iterable[bytes], keys: Iterable[str]) -> dict[int, str]:
    """What copies of checkpoints prove: leaf hashes by record number.

    Raises:
        ValueError: one is no checkpoint, or no trusted key signed it. Forked: two of them
            contradict each other; each half would look well with its own log.
    """
    trusted = {key_id(key): key for key in keys}
    heads: dict[int, str] = {}
    for line in lines:
        record = parse(line)
        public = trusted.get(str(record.get("key")))
        if public is None or not has_signed(public, record):
            raise ValueError("no trusted key signed this checkpoint")
        seq: int = record["_seq"]
        for number, leaf in ((seq, leaf_hash(line).hex()), (seq - 1, record["_prev"])):
            if heads.setdefault(number, leaf) != leaf:
                raise Forked(f"it holds two records {number}: the log was forked or rewritten")
    return heads
