"""The file sink: whole lines, one owner, across processes, rotation, crashes and full disks."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from audit_support import Clock
from ringwall._errors import ConfigurationError
from ringwall.audit import JSONLinesSink, Sink


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_each_record_is_one_line(tmp_path: Path) -> None:
    sink = JSONLinesSink(tmp_path / "audit.jsonl")
    sink.write(b'{"n":1}')
    sink.write(b'{"n":2}')
    assert (tmp_path / "audit.jsonl").read_bytes() == b'{"n":1}\n{"n":2}\n'
    assert isinstance(sink, Sink)


def test_a_new_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        JSONLinesSink(tmp_path / "audit.jsonl")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_an_existing_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"n":1}\n')
    JSONLinesSink(path).write(b'{"n":2}')
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


def test_a_line_torn_by_a_crash_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":')
    sink = JSONLinesSink(path)
    sink.write(b'{"n":2}')
    sink.write(b'{"n":3}')
    assert path.read_bytes() == b'{"n":1}\n{"n":\n{"n":2}\n{"n":3}\n'


def test_a_write_cut_short_is_told_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes part of a line."""
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, line: write(fd, line[:4]))
    with pytest.raises(OSError, match="in part"):
        sink.write(b'{"n":1}')
    monkeypatch.undo()
    sink.write(b'{"n":2}')
    assert path.read_bytes() == b'{"n"\n{"n":2}\n'


def test_a_full_device_raises() -> None:
    sink = JSONLinesSink("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        sink.write(b"{}")


def test_a_rotated_file_is_left_for_a_new_one_within_a_second(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    sink = JSONLinesSink(path, clock=clock)
    path.rename(tmp_path / "audit.jsonl.1")
    sink.write(b"1")
    clock.now = 1.0
    sink.write(b"2")
    sink.write(b"3")
    assert (tmp_path / "audit.jsonl.1").read_bytes() == b"1\n"
    assert path.read_bytes() == b"2\n3\n"


def test_a_file_replaced_by_another_is_followed(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    sink = JSONLinesSink(path, clock=clock)
    path.rename(tmp_path / "audit.jsonl.1")
    path.write_bytes(b"")
    clock.now = 1.0
    sink.write(b"1")
    assert path.read_bytes() == b"1\n"


def test_a_file_truncated_in_place_is_written_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)
    sink.write(b"1")
    os.truncate(path, 0)
    sink.write(b"2")
    assert path.read_bytes() == b"2\n"


def test_a_file_that_cannot_be_opened_anew_keeps_the_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "logs" / "audit.jsonl", Clock()
    path.parent.mkdir()
    sink = JSONLinesSink(path, clock=clock)
    path.parent.rename(tmp_path / "moved")
    clock.now = 1.0
    sink.write(b"1")
    assert (tmp_path / "moved" / "audit.jsonl").read_bytes() == b"1\n"
    assert caplog.messages == ["the audit file cannot be opened anew: No such file or directory"]


def test_rotation_closes_the_old_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    sink = JSONLinesSink(path, clock=clock)
    before = open_files()
    for n in range(20):
        path.unlink()
        clock.now += 1
        sink.write(b"%d" % n)
    assert open_files() == before


def test_a_change_of_directory_does_not_move_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clock = Clock()
    sink = JSONLinesSink("audit.jsonl", clock=clock)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    clock.now = 1.0
    sink.write(b"1")
    assert (tmp_path / "audit.jsonl").read_bytes() == b"1\n"


def test_a_pipe_takes_records(tmp_path: Path) -> None:
    """As standard output does, in a container."""
    clock = Clock()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    sink = JSONLinesSink(tmp_path / "pipe", clock=clock)
    sink.write(b"1")
    clock.now = 1.0
    sink.write(b"2")
    assert os.read(reader, 100) == b"1\n2\n"
    os.close(reader)
    assert repr(sink) == f"<JSONLinesSink {str(tmp_path / 'pipe')!r}>"


def test_a_closed_sink_takes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    sink = JSONLinesSink(tmp_path / "audit.jsonl", clock=clock)
    before = open_files()
    sink.close()
    sink.close()
    assert open_files() == before - 1
    clock.now = 5.0
    with pytest.raises(ValueError, match="closed"):
        sink.write(b"1")
    assert (tmp_path / "audit.jsonl").read_bytes() == b""


@pytest.mark.parametrize(("fsync", "times"), [("never", 0), ("always", 2)])
def test_fsync_is_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: Any, times: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sink = JSONLinesSink(tmp_path / "audit.jsonl", fsync=fsync)
    sink.write(b"1")
    sink.write(b"2")
    assert len(synced) == times


def test_forked_workers_and_threads_share_a_file_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)

    def work(worker: int) -> None:
        for n in range(200):
            sink.write(json.dumps({"worker": worker, "n": n, "pad": "x" * 300}).encode())

    children = []
    for worker in range(3):
        pid = os.fork()
        if pid == 0:
            work(worker)
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    threads = [threading.Thread(target=work, args=(worker,)) for worker in (3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert sorted((r["worker"], r["n"]) for r in records) == [
        (worker, n) for worker in range(6) for n in range(200)
    ]


def test_a_directory_that_is_not_there_is_told_at_construction(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No such file or directory\); make its"):
        JSONLinesSink(tmp_path / "none" / "audit.jsonl")
    with pytest.raises(ConfigurationError, match="cannot open the audit file"):
        JSONLinesSink(tmp_path)


def test_an_unknown_fsync_is_told_at_construction(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown fsync='alway'; did you mean 'always'"):
        JSONLinesSink(tmp_path / "audit.jsonl", fsync="alway")  # type: ignore[arg-type]
    assert not (tmp_path / "audit.jsonl").exists()
