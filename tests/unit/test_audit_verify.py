"""Attacks on a log: each is found, and what is still proven is told."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit_support import Clock
from ringwall._errors import ConfigurationError, MissingDependency
from ringwall.audit import JSONLinesSink, SigningKey, SQLiteSink, sqlite
from ringwall.audit._segments import segments
from ringwall.audit.canonical import canonical
from ringwall.audit.chain import Chain, Damaged
from ringwall.audit.keys import key_id
from ringwall.audit.merkle import leaf_hash
from ringwall.audit.prove import check_proof, prove
from ringwall.audit.rotate import rotate_key
from ringwall.audit.verify import (
    Forked,
    Line,
    Verifier,
    database_lines,
    read_lines,
    verify,
    witnessed,
)

KEY, OTHER = SigningKey.generate(), SigningKey.generate()


def write(path: Path, count: int = 10, key: SigningKey | None = KEY, **options: Any) -> None:
    """Records 1 to `count`, with a checkpoint after the first line and every fourth."""
    sink = JSONLinesSink(path, key=key, checkpoint_every=4, clock=Clock(), **options)
    for n in range(count):
        sink.write(b'{"id":"r-%d","n":%d}' % (n, n))
    sink.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    write(path)
    return path


def check(path: Path, *keys: SigningKey, heads: Any = None) -> Any:
    return verify(read_lines(segments(path)), [key.public for key in keys or (KEY,)], heads)


def edit(path: Path, change: Callable[[list[bytes]], Any]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    changed = change(lines)
    path.write_bytes(b"".join(lines if changed is None else changed))


def seqs(path: Path) -> Iterator[int]:
    return (json.loads(line)["_seq"] for line in path.read_bytes().splitlines())


def test_a_log_as_it_was_written(log: Path) -> None:
    result = check(log)
    assert result.ok
    assert [*seqs(log)] == [*range(result.records)]
    assert result.proven == [(0, result.last)]
    assert (result.checkpoints, result.unsigned, result.notes) == (4, 0, [])


def test_without_a_key_only_the_chain_is_checked(log: Path) -> None:
    result = verify(read_lines([log]))
    assert result.ok
    assert result.proven == []
    assert result.notes == ["no public key was given: signatures were not checked"]


def test_editing_any_line_is_found(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    for at in range(len(lines)):
        changed = [*lines]
        record = json.loads(changed[at])
        record["v"] = 9
        changed[at] = canonical(record) + b"\n"
        log.write_bytes(b"".join(changed))
        result = check(log)
        assert not result.ok, at
        assert min(f.seq for f in result.findings) in (at, at + 1)
        # Nothing that was changed counts as proven.
        assert not any(first <= at <= last for first, last in result.proven), at


def test_deleting_any_line_but_the_last_is_found(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    for at in range(len(lines) - 1):
        log.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
        result = check(log)
        assert not result.ok, at
        assert not any(first < at <= last for first, last in result.proven)


def test_swapping_any_two_lines_is_found(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    for at in range(len(lines) - 1):
        changed = [*lines]
        changed[at], changed[at + 1] = changed[at + 1], changed[at]
        log.write_bytes(b"".join(changed))
        assert not check(log).ok, at


def test_inserting_a_line_is_found(log: Path) -> None:
    edit(log, lambda lines: lines.insert(3, lines[3]))
    result = check(log)
    assert "moved or copied" in result.findings[0].problem
    assert result.findings[0].line == 5


def test_a_forged_line_that_fits_in_breaks_the_next_link(log: Path) -> None:
    def forge(lines: list[bytes]) -> None:
        record = json.loads(lines[2])
        record["n"] = 99
        lines[2] = canonical(record) + b"\n"

    edit(log, forge)
    result = check(log)
    assert result.findings[0].seq == 2
    assert "was changed" in result.findings[0].problem
    assert result.proven == [(0, 1), (3, 14)]


def test_a_chain_that_was_computed_anew_does_not_have_the_signatures(log: Path) -> None:
    """Whoever can write the file can hash, too. They cannot sign."""

    def rewrite(lines: list[bytes]) -> list[bytes]:
        chain = Chain.resume(lines[0].rstrip())
        chain.follow(lines[0].rstrip())
        forged = [lines[0]]
        for line in lines[1:]:
            record = {key: v for key, v in json.loads(line).items() if not key.startswith("_")}
            record["n"] = 99
            forged.append(chain.link(canonical(record)) + b"\n")
        return forged

    edit(log, rewrite)
    assert verify(read_lines([log])).ok  # the chain alone looks well
    result = check(log)
    assert "signature is wrong" in result.findings[0].problem
    assert result.proven == []


def test_a_chain_that_was_computed_anew_without_its_checkpoints_is_found(log: Path) -> None:
    """They are left out, so that no signature can be wrong."""

    def rewrite(lines: list[bytes]) -> list[bytes]:
        chain = Chain.resume(lines[0].rstrip())
        forged = []
        for line in lines:
            record = {key: v for key, v in json.loads(line).items() if not key.startswith("_")}
            if record.get("event") != "checkpoint":
                forged.append(chain.link(canonical({**record, "id": "forged"})) + b"\n")
        return forged

    edit(log, rewrite)
    (found,) = check(log).findings
    assert "nothing is signed by a trusted key" in found.problem
    assert verify(read_lines([log])).ok  # without a key nobody knows


def test_an_end_without_checkpoints_is_found_where_a_writer_would_have_signed(log: Path) -> None:
    with contextlib.closing(JSONLinesSink(log)) as sink:
        sink.write_many([b'{"n":1}'] * 20)
    result = check(log)
    assert result.ok
    assert result.unsigned == 20
    assert verify(read_lines([log]), [KEY.public], most_unsigned=20).ok
    (found,) = verify(read_lines([log]), [KEY.public], most_unsigned=19).findings
    assert "the last 20 records are not signed, more than 19" in found.problem


def test_a_chain_signed_anew_by_another_key_is_not_trusted(log: Path) -> None:
    log.unlink()
    write(log, key=OTHER)
    result = check(log)
    assert f"key {OTHER.id!r}, which is not trusted" in result.findings[0].problem
    assert result.proven == []


def test_a_stranger_who_names_our_key_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(path, key=OTHER)
    path.write_bytes(path.read_bytes().replace(OTHER.id.encode(), KEY.id.encode()))
    assert any("signature is wrong" in f.problem for f in check(path).findings)


def test_a_log_cut_at_its_end_is_told_by_a_witness(tmp_path: Path) -> None:
    path, witness = tmp_path / "audit.jsonl", tmp_path / "witness"
    write(path, witness=witness)
    heads = witnessed(witness.read_bytes().splitlines(), [KEY.public])
    assert check(path, heads=heads).ok
    lines = path.read_bytes().splitlines(keepends=True)
    for left in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:left]))
        result = check(path, heads=heads)
        assert "was cut off or replaced by an older one" in result.findings[-1].problem


def test_a_log_that_was_replaced_by_another_of_the_same_key_is_told(tmp_path: Path) -> None:
    path, witness = tmp_path / "audit.jsonl", tmp_path / "witness"
    write(path, witness=witness)
    heads = witnessed(witness.read_bytes().splitlines(), [KEY.public])
    path.unlink()
    write(path)
    assert check(path).ok
    assert "rewritten" in check(path, heads=heads).findings[0].problem


def test_a_witness_takes_only_what_a_trusted_key_signed(log: Path) -> None:
    line = log.read_bytes().splitlines()[-1]
    with pytest.raises(ValueError, match="no trusted key"):
        witnessed([line], [OTHER.public])
    with pytest.raises(ValueError, match="no trusted key"):
        witnessed([log.read_bytes().splitlines()[2]], [KEY.public])
    with pytest.raises(ValueError, match="canonical"):
        witnessed([b"junk"], [KEY.public])


def test_a_witness_may_be_a_function_and_may_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[bytes] = []
    failing = [True]

    def witness(line: bytes) -> None:
        if failing:
            raise ConnectionError("s3cret")
        told.append(line)

    sink = JSONLinesSink(tmp_path / "a", key=KEY, checkpoint_every=1, witness=witness)
    sink.write(b'{"n":1}')
    assert "s3cret" not in caplog.text
    failing.clear()
    sink.write(b'{"n":2}')
    assert len(told) == 3
    assert witnessed(told, [KEY.public])
    with pytest.raises(ConfigurationError, match="need key="):
        JSONLinesSink(tmp_path / "a", witness=witness)


@pytest.mark.parametrize("kind", ["jsonl", "db"])
def test_a_witness_hears_nothing_of_a_checkpoint_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Else a log whose disk was full for a moment would look rewritten for ever."""
    path, told = tmp_path / f"audit.{kind}", list[bytes]()
    make: Any = SQLiteSink if kind == "db" else JSONLinesSink
    sink = make(path, key=KEY, checkpoint_every=1, clock=Clock(), witness=told.append)
    sink.write(b'{"n":1}')
    before = len(told)

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError if kind == "db" else OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if kind == "db":
            patched.setattr(sqlite, "_put", full)
        else:
            patched.setattr(os, "write", full)
        with pytest.raises(OSError):
            sink.write(b'{"n":2}')
    assert len(told) == before > 0
    sink.write(b'{"n":3}')
    sink.write(b'{"n":4}')
    sink.close()
    assert len(told) == before + 2
    lines = database_lines(path) if kind == "db" else read_lines([path])
    assert verify(lines, [KEY.public], witnessed(told, [KEY.public])).ok


def test_a_log_that_was_forked_is_told_by_the_witness_of_both(tmp_path: Path) -> None:
    """Somebody has the key and shows one half to one, the other half to another."""
    path = tmp_path / "audit.jsonl"
    write(path, 2)
    fork = path.with_name("fork")
    fork.write_bytes(path.read_bytes())
    write(path, 4)
    write(fork, 5)
    told = [
        line
        for file in (path, fork)
        for line in file.read_bytes().splitlines()
        if b'"event":"checkpoint"' in line
    ]
    assert check(path).ok
    assert check(fork).ok
    with pytest.raises(Forked, match="was forked"):
        witnessed(told, [KEY.public])
    half = [line for line in path.read_bytes().splitlines() if b'"event":"checkpoint"' in line]
    assert "rewritten" in check(fork, heads=witnessed(half, [KEY.public])).findings[0].problem


def test_a_clock_that_was_put_back_is_told(tmp_path: Path) -> None:
    path, wall = tmp_path / "audit.jsonl", Clock(1_000_000.0)
    sink = JSONLinesSink(path, key=KEY, checkpoint_every=1, clock=Clock(), wall_clock=wall)
    sink.write(b'{"n":1}')
    wall.now -= 0.5  # a clock that is set right, a little
    sink.write(b'{"n":2}')
    assert check(path).notes == []
    wall.now -= 3600
    sink.write(b'{"n":3}')
    sink.close()
    result = check(path)
    assert result.ok
    assert result.notes == ["record 7: the clock was put back by 3600 seconds"]


@pytest.mark.parametrize("time", ["", "2026", "2026-01-01T00:00:00.xZ", 7, None, "9" * 400])
def test_a_time_that_is_none_is_no_crash(time: Any) -> None:
    chain = Chain.new()
    lines = [chain.opened(0), chain.link(canonical({"event": "rotated", "time": time}))]
    assert verify(Line("a", n, line) for n, line in enumerate(lines)).ok


def test_notes_are_bounded() -> None:
    chain = Chain.new()
    lines = [chain.opened(0), *(chain.event("recovered", 0) for _ in range(3000))]
    result = verify(Line("a", n, line) for n, line in enumerate(lines))
    assert result.ok
    assert len(result.notes) == 1000


def test_configurations_are_bounded() -> None:
    chain = Chain.new()
    starts = [
        {"event": "start", "configuration": f"{n}", "layers": [f"a {n}"]} for n in range(1100)
    ]
    lines = [chain.opened(0), *(chain.link(canonical(start)) for start in starts)]
    verifier = Verifier()
    for n, line in enumerate(lines):
        verifier.line(Line("a", n, line))
    assert len(verifier._configurations) == 1000


def test_the_end_of_a_log_that_is_not_signed_yet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path, key=KEY, checkpoint_every=4, clock=Clock())
    for n in range(6):
        sink.write(b'{"n":%d}' % n)
    result = check(path)
    assert result.ok
    assert result.proven == [(0, 6)]
    assert result.unsigned == 2
    assert result.notes[0].startswith("the last 2 records are chained but not signed")


@pytest.mark.parametrize("kind", ["jsonl", "db"])
def test_a_log_is_signed_from_its_beginning(tmp_path: Path, kind: str) -> None:
    """Else one whose process is killed in its first minute proves nothing."""
    path = tmp_path / f"audit.{kind}"
    lines = partial(database_lines, path) if kind == "db" else partial(read_lines, [path])
    make: Any = SQLiteSink if kind == "db" else JSONLinesSink
    unsigned = make(path)
    unsigned.write(b'{"n":1}')
    unsigned.close()
    assert not verify(lines(), [KEY.public]).ok
    sink = make(path, key=KEY)  # it takes on what nobody has signed
    sink.write(b'{"n":2}')
    assert verify(lines(), [KEY.public]).proven == [(0, 3)]
    again = make(path, key=KEY)
    again.write(b'{"n":3}')
    assert verify(lines(), [KEY.public]).checkpoints == 1
    again.close()
    sink.close()


def test_checkpoints_are_made_in_time_by_flush(tmp_path: Path) -> None:
    clock = Clock()
    sink = JSONLinesSink(tmp_path / "audit.jsonl", key=KEY, checkpoint_interval=60, clock=clock)
    sink.write(b'{"n":1}')
    sink.flush()
    assert check(tmp_path / "audit.jsonl").checkpoints == 1  # of its beginning
    clock.now = 60
    for _ in range(2):
        sink.flush()
        assert check(tmp_path / "audit.jsonl").checkpoints == 2


@pytest.mark.parametrize(
    "line", [b"junk", b"{}", b"[]", b"1", b'{"_prev":1,"_seq":1}', b'{"_prev":"","_seq":true}',
             b'{"_prev": "", "_seq": 1}', b"\xff", b"x" * (1 << 20), b"[" * 5000],
)  # fmt: skip
def test_a_line_that_is_no_record_is_told_and_the_rest_is_checked(log: Path, line: bytes) -> None:
    edit(log, lambda lines: lines.__setitem__(4, line + b"\n"))
    result = check(log)
    assert result.findings[0].problem == "the record is not canonical JSON: it was changed"
    assert result.findings[0].line == 5
    assert result.proven[-1][1] == 14


def test_findings_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"junk\n" * 1000)
    assert len(check(path).findings) == 100


def test_an_empty_log_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").touch()
    assert check(tmp_path / "audit.jsonl").findings[0].problem == "there is no record"


class TestFiles:
    @pytest.fixture
    def rotated(self, tmp_path: Path) -> Path:
        path = tmp_path / "audit.jsonl"
        write(path, rotate_size=700)
        assert len(segments(path)) > 4
        return path

    def test_files_go_on_from_each_other(self, rotated: Path) -> None:
        result = check(rotated)
        assert result.ok
        assert result.proven == [(0, result.last)]

    @pytest.mark.parametrize("strange", ["", "other", "junk"])
    def test_a_writer_that_missed_whole_files_does_not_fork_the_log(
        self, tmp_path: Path, strange: str
    ) -> None:
        """It was idle, and wakes up while another one is between two files."""
        path, clock = tmp_path / "audit.jsonl", Clock()
        idle, busy = (JSONLinesSink(path, key=KEY, clock=clock) for _ in range(2))
        for _ in range(3):
            idle.write(b'{"n":1}')
        for n in range(2):
            busy.write(b'{"n":%d}' % n)
            clock.now += 5
            busy._log._leave(busy._log._enter())
            busy._log.detach()
            if strange:  # of another log, by its name the newest
                write(tmp_path / "other", 1)
                if strange == "junk":
                    (tmp_path / "other").write_bytes(b"junk\n")
                (tmp_path / "other").rename(path.with_name(f"{path.name}.{10**15:016d}"))
                break
        idle.write(b'{"n":9}')
        idle.close()
        busy.close()
        if strange:
            path.with_name(f"{path.name}.{10**15:016d}").unlink()
        result = check(path)
        assert not result.findings
        assert result.proven == [(0, result.last)]

    def test_a_missing_file_is_found(self, rotated: Path) -> None:
        for missing in segments(rotated)[:-1]:
            data = missing.read_bytes()
            missing.unlink()
            assert not check(rotated).ok
            missing.write_bytes(data)
        assert check(rotated).ok

    def test_swapped_files_are_found(self, rotated: Path) -> None:
        first, second, *_ = segments(rotated)
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)
        assert not check(rotated).ok

    def test_a_file_of_another_log_is_found(self, rotated: Path, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        other = tmp_path / "other" / "audit.jsonl"
        write(other, rotate_size=700)
        segments(rotated)[1].write_bytes(segments(other)[1].read_bytes())
        problems = [finding.problem for finding in check(rotated).findings]
        assert "the file belongs to another log" in problems
        assert "the checkpoint belongs to another log" not in problems[:1]

    def test_what_is_left_after_pruning_is_proven(self, rotated: Path) -> None:
        for gone in segments(rotated)[:2]:
            gone.unlink()
        result = check(rotated)
        (finding,) = result.findings
        assert finding.problem.endswith("are not here, and no record tells")
        assert result.proven == [(result.first, result.last)]

    def test_who_cannot_sign_cannot_pass_a_deletion_off_as_pruning(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        write(path, rotate_size=700)
        sink = JSONLinesSink(path, key=KEY)
        last = int(segments(path)[2].name.rpartition(".")[2]) - 1
        # An appended line becomes part of the chain, and the next checkpoint signs it.
        sink.write(canonical({"event": "pruned", "files": [], "through": last, "v": 2}))
        sink.close()
        for gone in segments(path)[:2]:
            gone.unlink()
        problems = [finding.problem for finding in check(path).findings]
        assert "it is signed by key 'None', which is not trusted" in problems
        assert any("and no record tells" in problem for problem in problems)

    def test_a_signed_pruning_is_believed(self, tmp_path: Path) -> None:
        path, wall = tmp_path / "audit.jsonl", Clock(1_000_000.0)
        sink = JSONLinesSink(path, key=KEY, rotate_size=1, retention=60, wall_clock=wall)
        for n in range(4):
            sink.write(b'{"n":%d}' % n)
        for file in segments(path):
            os.utime(file, (wall.now, wall.now))
        wall.now += 61
        sink.write(b'{"n":4}')
        sink.close()
        result = check(path)
        assert not result.findings
        assert result.first
        assert "which a record tells" in result.notes[0]

    def test_a_frontier_that_was_changed_is_found(self, rotated: Path) -> None:
        for gone in segments(rotated)[:2]:
            gone.unlink()
        first = segments(rotated)[0]

        def change(lines: list[bytes]) -> None:
            record = json.loads(lines[0])
            record["frontier"] = ["00" * 32 for _ in record["frontier"]]
            lines[0] = canonical(record) + b"\n"

        edit(first, change)
        assert any("was changed" in finding.problem for finding in check(rotated).findings)

    def test_a_file_that_begins_with_something_else_is_no_log(self) -> None:
        with pytest.raises(Damaged):
            Chain.resume(canonical({"_prev": "0" * 64, "_seq": 0, "event": "exchange"}))

    @pytest.mark.parametrize("frontier", [None, 1, ["zz"], ["00"], ["00" * 32] * 9])
    def test_a_frontier_that_is_none_is_found(self, tmp_path: Path, frontier: Any) -> None:
        line = canonical({"_prev": "0" * 64, "_seq": 3, "event": "opened", "frontier": frontier})
        result = verify([Line("f", 1, line)], [KEY.public])
        assert result.findings[0].problem == "the file does not say how the tree goes on"
        with pytest.raises(Damaged):
            Chain.resume(line)

    def test_a_first_record_that_names_one_before_is_found(self) -> None:
        line = canonical({"_prev": "1" * 64, "_seq": 0, "event": "opened", "frontier": []})
        assert "names one before it" in verify([Line("f", 1, line)]).findings[0].problem

    def test_a_witness_of_what_was_pruned_is_a_note(self, rotated: Path) -> None:
        segments(rotated)[0].unlink()
        assert (
            "record 1, seen elsewhere, is no longer here" in check(rotated, heads={1: "00"}).notes
        )

    def test_a_tree_that_does_not_go_on_is_found(self) -> None:
        chain = Chain.new()
        lines = [chain.opened(0)]
        chain.tree.roots[0] = leaf_hash(b"another")
        lines.append(chain.opened(0))
        lines.append(chain.checkpoint(KEY, 0))
        result = verify(
            [Line("a", 1, lines[0]), Line("b", 1, lines[1]), Line("b", 2, lines[2])], [KEY.public]
        )
        assert "another tree" in result.findings[0].problem

    def test_a_checkpoint_over_another_tree_is_found(self) -> None:
        chain = Chain.new()
        lines = [chain.opened(0), chain.link(b'{"n":1}')]
        chain.tree.roots[0] = leaf_hash(b"another")
        lines.append(chain.checkpoint(KEY, 0))
        result = verify((Line("a", n, line) for n, line in enumerate(lines, 1)), [KEY.public])
        assert result.findings[0].problem == "the checkpoint signs another tree"

    def test_a_checkpoint_of_another_log_is_found(self) -> None:
        chain = Chain.new()
        lines = [chain.opened(0)]
        chain.log = "another"
        lines.append(chain.checkpoint(KEY, 0))
        result = verify((Line("a", n, line) for n, line in enumerate(lines, 1)), [KEY.public])
        assert result.findings[0].problem == "the checkpoint belongs to another log"


class TestKeys:
    @pytest.fixture
    def key_file(self, tmp_path: Path) -> Path:
        path = tmp_path / "audit.key"
        SigningKey.generate().save(path)
        return path

    def test_a_rotation_is_a_record_and_writers_follow_it(
        self, tmp_path: Path, key_file: Path
    ) -> None:
        path, old = tmp_path / "audit.jsonl", SigningKey.load(key_file)
        sink = JSONLinesSink(path, key=key_file, checkpoint_every=2)
        sink.write(b'{"n":1}')
        assert rotate_key(path, key_file) == (old.id, SigningKey.load(key_file).id)
        for n in range(4):
            sink.write(b'{"n":%d}' % n)
        sink.close()
        # Who trusts the first key trusts those it introduced.
        result = check(path, old)
        assert result.ok
        assert result.unsigned == 0
        assert (tmp_path / f"audit.key.{old.id}.old").exists()
        assert (
            key_file.with_name("audit.key.pub").read_text().strip()
            == SigningKey.load(key_file).public
        )
        assert key_file.stat().st_mode & 0o777 == 0o600

    def test_a_retired_key_proves_nothing(self, tmp_path: Path, key_file: Path) -> None:
        path, old = tmp_path / "audit.jsonl", SigningKey.load(key_file)
        write(path, key=old)
        rotate_key(path, key_file)
        seen = path.read_bytes().splitlines()
        chain = Chain.resume(seen[0])
        for line in seen:
            chain.follow(line)
        with path.open("ab") as file:
            file.write(chain.checkpoint(old, 0) + b"\n")
        assert "which was retired before" in check(path, old).findings[0].problem

    def test_a_rotation_by_a_stranger_introduces_nobody(self, tmp_path: Path) -> None:
        chain = Chain.new()
        lines = [
            chain.opened(0),
            chain.signed("key-rotated", OTHER, 0, log=chain.log, new=OTHER.public),
            chain.checkpoint(OTHER, 0),
        ]
        result = verify((Line("a", n, line) for n, line in enumerate(lines, 1)), [KEY.public])
        assert [f.seq for f in result.findings] == [1, 2]

    def test_a_rotation_to_nothing_is_no_crash(self) -> None:
        chain = Chain.new()
        lines = [chain.opened(0), chain.signed("key-rotated", KEY, 0, log=chain.log, new=7)]
        assert verify((Line("a", n, line) for n, line in enumerate(lines)), [KEY.public]).ok

    def test_a_key_that_is_gone_is_told_and_the_log_goes_on(
        self, tmp_path: Path, key_file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "audit.jsonl"
        sink = JSONLinesSink(path, key=key_file)
        given = JSONLinesSink(path, key=SigningKey.load(key_file))
        sink.write(b'{"n":1}')
        given.write(b'{"n":1}')
        rotate_key(path, key_file)
        key_file.unlink()
        sink.write(b'{"n":2}')
        given.write(b'{"n":2}')
        sink.close()
        assert "the audit log is not signed any more" in caplog.text

    def test_a_key_is_its_owners(self, key_file: Path) -> None:
        assert key_file.stat().st_mode & 0o777 == 0o600
        assert SigningKey.load(key_file).id == key_id(SigningKey.load(key_file).public)
        assert "PRIVATE" not in repr(SigningKey.load(key_file))
        key_file.chmod(0o644)
        with pytest.raises(ConfigurationError, match="chmod 600"):
            SigningKey.load(key_file)

    def test_without_cryptography_a_key_says_what_to_install(
        self, key_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "cryptography.hazmat.primitives.asymmetric.ed25519"
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delattr("cryptography.hazmat.primitives.asymmetric.ed25519")
        with pytest.raises(MissingDependency, match=r"pip install 'ringwall\[audit\]'"):
            JSONLinesSink(key_file.with_name("log"), key=key_file)

    def test_a_key_is_never_overwritten(self, key_file: Path) -> None:
        with pytest.raises(ConfigurationError, match="File exists"):
            KEY.save(key_file)

    def test_what_is_no_key_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "k"
        with pytest.raises(ConfigurationError, match="ringwall audit keygen"):
            SigningKey.load(path)
        path.write_text("junk")
        path.chmod(0o600)
        with pytest.raises(ConfigurationError, match="no Ed25519 private key"):
            SigningKey.load(path)
        with pytest.raises(ConfigurationError, match="there is no audit log"):
            rotate_key(tmp_path / "none", path)


class TestProofs:
    def test_every_signed_record_can_be_proven(self, log: Path) -> None:
        for seq in range(13):
            proof = prove(read_lines([log]), str(seq))
            assert check_proof(json.loads(json.dumps(proof)), [KEY.public])["_seq"] == seq
        assert check_proof(prove(read_lines([log]), "r-3"), [KEY.public])["n"] == 3

    def test_a_record_is_proven_after_pruning(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        write(path, 40, rotate_size=2000)
        for gone in segments(path)[:3]:
            gone.unlink()
        proof = prove(read_lines(segments(path)), "r-35")
        assert check_proof(proof, [KEY.public])["n"] == 35

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda p: p.update(record=p["record"].replace('"n":3', '"n":4')), "not in the tree"),
            (lambda p: p.update(path=p["path"][1:]), "not in the tree"),
            (lambda p: p.update(path=["zz"]), "no proof"),
            (lambda p: p.update(record=1), "no proof"),
            (lambda p: p.pop("path"), "no proof"),
            (lambda p: p.update(checkpoint=p["checkpoint"].replace('"v":2', '"v":3')), "signature"),
            (lambda p: p.update(checkpoint=p["record"]), "no proof"),
            (lambda p: p.update(checkpoint="{"), "no proof"),
        ],
    )
    def test_a_proof_that_was_changed_proves_nothing(
        self, log: Path, change: Any, reason: str
    ) -> None:
        proof = prove(read_lines([log]), "r-3")
        change(proof)
        with pytest.raises(ValueError, match=reason):
            check_proof(proof, [KEY.public])

    def test_a_proof_by_another_key_proves_nothing(self, log: Path) -> None:
        with pytest.raises(ValueError, match="not trusted"):
            check_proof(prove(read_lines([log]), "r-3"), [OTHER.public])

    def test_what_cannot_be_proven_is_told(self, tmp_path: Path, log: Path) -> None:
        with pytest.raises(ValueError, match="no such record"):
            prove(read_lines([log]), "none")
        path = tmp_path / "unsigned.jsonl"
        write(path, key=None)
        with path.open("ab") as file:
            file.write(b'{"_prev"')
        with pytest.raises(ValueError, match="no checkpoint has signed"):
            prove(read_lines([path]), "r-3")
        edit(path, lambda lines: lines.__delitem__(2))
        with pytest.raises(ValueError, match="broken at record 2"):
            prove(read_lines([path]), "r-3")
