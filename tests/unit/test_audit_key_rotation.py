"""Changes of the key that are interrupted: whatever the step, the log verifies, and is signed."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ringwall._errors import ConfigurationError
from ringwall.audit import JSONLinesSink, SigningKey, SQLiteSink, _keyfile, rotate_key
from ringwall.audit._segments import segments
from ringwall.audit.canonical import canonical
from ringwall.audit.chain import Chain
from ringwall.audit.verify import Line, Verification, database_lines, read_lines, verify
from ringwall.cli import main

KEY = SigningKey.generate()
# A crash between two lines of these is a crash between any two effects of a change of keys.
STEPS = {"_keyfile.py", "keys.py", "rotate.py", "sqlite.py", "_logfile.py", "_segment.py"}
EFFECTS = {"begin", "save", "take", "_put", "rotate_key", "change", "put", "_change", "_insert",
           "append", "_write", "sync", "unlock", "close", "commit"}  # fmt: skip
# By hand: RINGWALL_CRASHES=1, at each line.
EVERY = int(os.environ.get("RINGWALL_CRASHES", "4"))
KINDS = pytest.mark.parametrize("kind", ["jsonl", "db"])


class Hasty(sqlite3.Connection):
    def execute(self, sql: str, *given: Any) -> Any:
        asks = sql.startswith("PRAGMA synchronous")
        return super().execute("PRAGMA synchronous=OFF" if asks else sql, *given)


def open_sink(path: Path, key: Any, **more: Any) -> Any:
    return (SQLiteSink if path.suffix == ".db" else JSONLinesSink)(path, key=key, **more)


def lines(path: Path) -> Iterator[Line]:
    return database_lines(path) if path.suffix == ".db" else read_lines(segments(path))


def check(path: Path, key: SigningKey = KEY) -> Verification:
    return verify(lines(path), [key.public])


def begun(folder: Path, kind: str) -> tuple[Path, Path]:
    """A log with a record, and the file of its key."""
    folder.mkdir(exist_ok=True)
    path, key_file = folder / f"audit.{kind}", folder / "key"
    KEY.save(key_file)
    sink = open_sink(path, key_file)
    sink.write(b'{"n":1}')
    sink.close()
    return path, key_file


def killed_at(step: int, path: Path, key_file: Path) -> bool:
    """Change the key in a process that is killed so many lines after it began to; False: it came to
    the end."""
    left, begun = step, False

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left, begun
        code = frame.f_code
        if code.co_name not in EFFECTS or Path(code.co_filename).name not in STEPS:
            return None
        begun = begun or code is _keyfile.KeyFile.begin.__code__
        if event == "line" and begun:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    pid = os.fork()
    if pid == 0:
        try:
            sys.settrace(trace)
            rotate_key(path, key_file)
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL


@KINDS
def test_a_crash_at_any_step_leaves_a_log_that_verifies_and_is_signed(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The disk is not asked: a process dies here, not the machine.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Hasty))
    came = set()
    for step in itertools.count(1, EVERY):
        path, key_file = begun(tmp_path / str(step), kind)
        running = open_sink(path, key_file)
        running.write(b'{"n":2}')
        was_killed = killed_at(step, path, key_file)
        came.add(SigningKey.load(key_file).id == KEY.id)
        running.write(b'{"n":3}')  # it knew the old key
        running.close()
        late = open_sink(path, key_file)
        late.write(b'{"n":4}')
        late.close()
        result = check(path)
        assert not result.findings, step
        assert result.unsigned == 0, step
        # Nobody but the key that is in its place now goes on.
        rotate_key(path, key_file)
        again = check(path)
        assert not again.findings, step
        assert again.unsigned == 0, step
        if not was_killed:
            break
    assert step > 30
    assert came == {True, False}


@KINDS
def test_a_change_that_was_interrupted_is_finished_by_the_next_writer(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, key_file = begun(tmp_path, kind)
    with monkeypatch.context() as patched:
        patched.setattr(_keyfile.KeyFile, "_put", lambda *_: None)
        with pytest.raises(ConfigurationError, match="could not be put in its place"):
            rotate_key(path, key_file)
    assert SigningKey.load(key_file).id == KEY.id
    sink = open_sink(path, key_file)
    sink.write(b'{"n":2}')
    sink.close()
    assert SigningKey.load(key_file).id != KEY.id
    assert (tmp_path / f"key.{KEY.id}.old").stat().st_mode & 0o777 == 0o600
    public = SigningKey.load(key_file).public
    assert (tmp_path / "key.pub").read_text().strip() == public
    assert not list(tmp_path.glob("key.new*"))
    assert check(path).ok


@KINDS
def test_a_key_that_waits_is_used_where_it_lies(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server may not write where its key lies."""
    path, key_file = begun(tmp_path, kind)

    def forbidden(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", forbidden)
        assert main(["audit", "rotate-key", str(path), str(key_file)]) == 2
        sink = open_sink(path, key_file)
        sink.write(b'{"n":2}')
        sink.close()
    assert "stays at" in caplog.text
    result = check(path)
    assert result.ok
    assert result.unsigned == 0


def test_a_change_of_an_older_file_is_finished_by_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who has the key has read the record."""
    path, key_file = begun(tmp_path, "jsonl")
    with monkeypatch.context() as patched:
        patched.setattr(_keyfile.KeyFile, "_put", lambda *_: None)
        with pytest.raises(ConfigurationError):
            rotate_key(path, key_file)
    without_key = JSONLinesSink(path, rotate_size=1)
    without_key.write(b'{"n":2}')
    without_key.close()
    rotate_key(path, key_file)
    result = check(path)
    assert result.ok
    assert result.unsigned == 0


@KINDS
def test_what_is_left_of_a_change_that_no_record_tells_is_replaced(
    tmp_path: Path, kind: str
) -> None:
    path, key_file = begun(tmp_path, kind)
    left = SigningKey.generate()
    left.save(tmp_path / "key.new")
    rotate_key(path, key_file)
    assert SigningKey.load(key_file).id not in (KEY.id, left.id)
    (tmp_path / "key.new").write_bytes(b"half")
    rotate_key(path, key_file)
    assert check(path).ok


def test_a_change_in_a_file_that_a_process_never_saw_is_followed(tmp_path: Path) -> None:
    path, key_file = begun(tmp_path, "jsonl")
    sleeping = JSONLinesSink(path, key=key_file)
    sleeping.write(b'{"n":2}')
    busy = JSONLinesSink(path, key=key_file, rotate_size=1)
    busy.write(b'{"n":3}')
    rotate_key(path, key_file)
    busy.write(b'{"n":4}')
    sleeping.write(b'{"n":5}')
    busy.close()
    sleeping.close()
    result = check(path)
    assert not result.findings
    assert result.unsigned == 0


def test_a_key_that_cannot_be_read_any_more_signs_on(tmp_path: Path) -> None:
    """Workers may have given up the right to read it."""
    path, key_file = begun(tmp_path, "jsonl")
    sink = JSONLinesSink(path, key=key_file)
    key_file.unlink()
    sink.write(b'{"n":2}')
    sink.close()
    assert check(path).unsigned == 0


@KINDS
def test_a_retired_key_that_was_given_as_an_object_signs_no_more(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, key_file = begun(tmp_path, kind)
    sink = open_sink(path, KEY, checkpoint_every=1)
    sink.write(b'{"n":2}')
    rotate_key(path, key_file)
    sink.write(b'{"n":3}')
    sink.close()
    assert "is retired" in caplog.text
    result = check(path)
    assert result.ok
    assert result.unsigned == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"new": "00" * 32},
        {"new": "zz" * 32},
        {"new": "00"},
        {"new": 7},
        {"new": "00" * 32, "key": KEY.id, "sig": "AAAA"},
        {"new": "00" * 32, "key": KEY.id},
    ],
)
@pytest.mark.parametrize("by", ["file", "object"])
def test_a_change_that_somebody_else_wrote_stops_nobody_from_signing(
    tmp_path: Path, by: str, forged: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    path, key_file = begun(tmp_path, "jsonl")
    sink = JSONLinesSink(path, key=key_file if by == "file" else KEY)
    sink.write(b'{"n":2}')
    with caplog.at_level(logging.ERROR):
        other = JSONLinesSink(path)
        other.write(canonical({"event": "key-rotated", **forged}))
        other.close()
        sink.write(b'{"n":3}')
        sink.close()
    assert not caplog.records
    result = check(path)
    assert result.findings[0].seq is not None
    assert result.unsigned == 0


@KINDS
def test_a_key_that_is_not_the_logs_own_is_refused(tmp_path: Path, kind: str, capsys: Any) -> None:
    path, _ = begun(tmp_path, kind)
    SigningKey.generate().save(tmp_path / "other")
    other = open_sink(path, None)
    for junk in (
        b'{"event":"checkpoint",',
        b'{"event":"key-rotated","key":"a","new":7}',
        b'{"a":1}',
    ):
        other.write(junk)
    other.close()
    assert main(["audit", "rotate-key", str(path), str(tmp_path / "other")]) == 2
    told = capsys.readouterr().err
    assert KEY.id in told.partition("is signed by key")[2].partition("and not by")[0]
    assert sum(b"key-rotated" in line.data for line in lines(path)) == 1


def test_a_line_that_is_no_json_changes_no_key(tmp_path: Path) -> None:
    path, key_file = begun(tmp_path, "jsonl")
    sink = JSONLinesSink(path, key=key_file)
    sink.write(b'{"n":2}')
    other = JSONLinesSink(path)
    other.write(b'{"event":"key-rotated"')
    other.close()
    sink.write(b'{"n":3}')
    sink.close()
    assert check(path).unsigned == 0


def test_a_trusted_key_that_introduces_nonsense_is_no_crash() -> None:
    chain = Chain.new()
    told = [chain.opened(0), chain.signed("key-rotated", KEY, 0, log=chain.log, new="zz" * 32)]
    assert verify((Line("a", n, line) for n, line in enumerate(told)), [KEY.public]).ok


def test_a_failure_to_write_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path, key_file = begun(tmp_path, "jsonl")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        patched.setattr(os, "write", full)
        assert main(["audit", "rotate-key", str(path), str(key_file)]) == 2
    assert "the key was not changed" in capsys.readouterr().err
    assert SigningKey.load(key_file).id == KEY.id
    rotate_key(path, key_file)
    assert check(path).ok


def test_the_new_key_belongs_to_whom_the_old_one_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, key_file = begun(tmp_path, "jsonl")
    given: list[Any] = []
    real = Path.stat

    class Owned:
        def __init__(self, found: os.stat_result) -> None:
            self.found = found
            self.st_uid, self.st_gid = 4321, 4322

        def __getattr__(self, name: str) -> Any:
            return getattr(self.found, name)

    def stat(self: Path, **more: Any) -> Any:
        found = real(self, **more)
        return Owned(found) if self == key_file else found

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(os, "chown", lambda *those: given.append(those))
    rotate_key(path, key_file)
    assert given == [(tmp_path / "key.new", 4321, 4322)]
