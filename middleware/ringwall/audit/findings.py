"""What a verification tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Finding(NamedTuple):
    """Something that is not as it was written. `seq` is the number of the record, if known."""

    file: str
    line: int
    seq: int | None
    problem: str


@dataclass
class Verification:
    """What was found.

    records: how many lines were read; first, last: the numbers of the first and the last.
    findings: what is wrong, in order, the first hundred; empty: nothing is. notes: what to know.
    proven: ranges of record numbers that a trusted signature covers without a gap.
    checkpoints: valid signatures. unsigned: records after the last of them.
    """

    records: int = 0
    first: int | None = None
    last: int | None = None
    log: str | None = None
    head: str | None = None
    checkpoints: int = 0
    unsigned: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    proven: list[tuple[int, int]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings
