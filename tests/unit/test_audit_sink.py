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
from ringwall.audit import Audit, DeviceSink, JSONLinesSink, Sink
from ringwall.audit._lifetime import renew_all
from ringwall.audit._segment import Segment
from ringwall.audit._segments import segments
from ringwall.audit.canonical import canonical
from ringwall.audit.chain import Damaged
from ringwall.audit.verify import read_lines, verify


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def events(path: Path) -> list[Any]:
    """What was written: the number of a record, or the event of the log itself."""
    return [line.get("n", line.get("event")) for line in lines(path)]


def assert_intact(path: Path) -> None:
    result = verify(read_lines(segments(path)))
    assert not result.findings
    assert result.first == 0


def test_each_record_is_one_line(tmp_path: Path) -> None:
    sink = JSONLinesSink(tmp_path / "audit.jsonl")
    sink.write(b'{"n":1}')
    sink.write(b'{"n":2}')
    assert events(tmp_path / "audit.jsonl") == ["opened", 1, 2]
    assert isinstance(sink, Sink)
    assert_intact(tmp_path / "audit.jsonl")


def test_a_new_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        JSONLinesSink(tmp_path / "audit.jsonl")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_an_existing_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    JSONLinesSink(path).write(b'{"n":1}')
    JSONLinesSink(path).write(b'{"n":2}')
    assert events(path) == ["opened", 1, 2]
    assert_intact(path)


@pytest.mark.parametrize("torn", [b'{"_prev":"00', b"\0" * 100, b"\xff\xfe"])
def test_a_line_torn_by_a_crash_is_taken_off_and_told(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "audit.jsonl"
    JSONLinesSink(path).write(b'{"n":1}')
    with path.open("ab") as file:
        file.write(torn)
    assert "unfinished" in verify(read_lines([path])).notes[0]
    sink = JSONLinesSink(path)
    sink.write(b'{"n":2}')
    sink.write(b'{"n":3}')
    assert events(path) == ["opened", 1, "recovered", 2, 3]
    assert lines(path)[2]["octets"] == len(torn)
    assert "\0" not in lines(path)[2]["fragment"]
    assert_intact(path)


def test_a_file_torn_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"_prev":"00')
    JSONLinesSink(path).write(b'{"n":1}')
    assert events(path) == ["opened", 1]


def test_a_write_cut_short_is_told_and_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes part of a line."""
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)
    sink.write(b'{"n":0}')
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, line: write(fd, line[:4]))
    with pytest.raises(OSError, match="in part"):
        sink.write(b'{"n":1}')
    with pytest.raises(OSError, match="in part"):
        sink.write_many([b'{"n":1}'])
    monkeypatch.undo()
    sink.write(b'{"n":2}')
    assert events(path) == ["opened", 0, 2]
    assert_intact(path)


def test_a_full_device_raises() -> None:
    sink = DeviceSink("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        sink.write(b"{}")
    sink.close()


def test_a_file_that_was_moved_is_left_for_a_new_one_within_a_second(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    sink, other = JSONLinesSink(path, clock=clock), JSONLinesSink(path, clock=Clock())
    sink.write(b'{"n":0}')
    other.write(b'{"n":0}')
    path.rename(tmp_path / "audit.jsonl.1")
    sink.write(b'{"n":1}')
    clock.now = 1.0
    sink.write(b'{"n":2}')
    other.write(b'{"n":3}')
    assert events(tmp_path / "audit.jsonl.1") == ["opened", 0, 0, 1, "rotated"]
    assert events(path) == ["opened", 2, 3]
    assert not verify(read_lines([tmp_path / "audit.jsonl.1", path])).findings


def test_a_file_replaced_by_an_empty_one_is_followed(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    sink = JSONLinesSink(path, clock=clock)
    path.rename(tmp_path / "audit.jsonl.1")
    path.write_bytes(b"")
    clock.now = 1.0
    sink.write(b'{"n":1}')
    assert events(path) == ["opened", 1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, 100),
        lambda path: path.write_bytes(path.read_bytes() + b"junk\n"),
        lambda path: path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(True)[-1]),
    ],
)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_file_changed_by_others_is_kept_and_a_new_one_begun(
    tmp_path: Path, damage: Any, fresh: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path, wall_clock=Clock(5.0))
    sink.write(b'{"n":1}')
    damage(path)
    evidence = path.read_bytes()
    if fresh:
        sink = JSONLinesSink(path, wall_clock=Clock(5.0))
        if evidence in (b"", evidence[:100]):
            return  # an empty file, or one line that is torn, is what a crash could leave
    sink.write(b'{"n":2}')
    assert events(path) == ["opened", 2]
    assert (tmp_path / "audit.jsonl.damaged-5000000").read_bytes() == evidence
    assert caplog.messages[0].startswith("the audit file was tampered with or damaged: ")


def test_a_file_that_is_no_log_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"n":1}\n')
    JSONLinesSink(path, wall_clock=Clock(5.0)).write(b'{"n":2}')
    assert (tmp_path / "audit.jsonl.damaged-5000000").read_bytes() == b'{"n":1}\n'
    assert_intact(path)


def test_a_file_that_cannot_be_opened_anew_keeps_the_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "logs" / "audit.jsonl", Clock()
    path.parent.mkdir()
    sink = JSONLinesSink(path, clock=clock)
    sink.write(b'{"n":1}')
    path.parent.rename(tmp_path / "moved")
    clock.now = 1.0
    sink.write(b'{"n":2}')
    assert events(tmp_path / "moved" / "audit.jsonl") == ["opened", 1, 2]
    assert caplog.messages == ["the audit file cannot be opened anew: No such file or directory"]


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_signal_in_the_midst_of_a_write_breaks_no_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, group: bool
) -> None:
    """Servers end a worker by an exception that comes anywhere."""
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)
    sink.write(b'{"n":1}')
    write = os.write

    def interrupted(fd: int, data: bytes) -> int:
        if at == "after":
            write(fd, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sink.write_many([b'{"n":2}', b'{"n":3}']) if group else sink.write(b'{"n":2}')
    monkeypatch.undo()
    sink.write(b'{"n":4}')
    sink.write(b'{"n":5}')
    between = ([2, 3] if group else [2]) if at == "after" else []
    assert events(path) == ["opened", 1, *between, 4, 5]
    assert_intact(path)


def test_each_record_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sink = JSONLinesSink(tmp_path / "audit.jsonl", fsync="always")
    for n in range(3):
        sink.write(b'{"n":%d}' % n)
        assert len(synced) == n + 1


def test_a_record_that_fills_the_file_is_followed_by_the_next_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path, rotate_size=2000)
    for n in range(40):
        sink.write(b'{"n":%d}' % n)
    for file in segments(path)[:-1]:
        assert 2000 <= len(file.read_bytes()) < 2400
    assert_intact(path)


def test_a_file_whose_folder_is_gone_takes_no_records(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What would be written to it could be read by nobody."""
    path, clock = tmp_path / "logs" / "audit.jsonl", Clock()
    path.parent.mkdir()
    audit = Audit(JSONLinesSink(path, clock=clock))
    audit.event("configuration")
    path.unlink()
    path.parent.rmdir()
    clock.now = 1.0
    audit.close()
    assert caplog.messages == ["the end of the audit was not recorded: FileNotFoundError"]
    audit.event("configuration")
    assert audit.lost == 1


def test_rotation_closes_the_old_file(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    sink = JSONLinesSink(path, clock=clock)
    before = open_files()
    for n in range(20):
        path.unlink()
        clock.now += 1
        sink.write(b'{"n":%d}' % n)
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
    sink.write(b'{"n":1}')
    assert events(tmp_path / "audit.jsonl") == ["opened", 1]


def test_a_pipe_takes_records(tmp_path: Path) -> None:
    """As standard output does, in a container."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    sink = Audit(tmp_path / "pipe")._recorder.sink
    assert isinstance(sink, DeviceSink)
    sink.write(b"1")
    sink.write(b"2")
    assert os.read(reader, 100) == b"1\n2\n"
    os.close(reader)
    assert repr(sink) == f"<DeviceSink {str(tmp_path / 'pipe')!r}>"
    sink.close()
    with pytest.raises(ConfigurationError, match="cannot open"):
        DeviceSink(tmp_path)


def test_a_pipe_that_takes_part_of_a_line_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    sink = DeviceSink(tmp_path / "pipe")
    os.set_blocking(sink._file.fileno(), False)
    with pytest.raises(OSError, match="in part"):
        sink.write(b"x" * 1_000_000)
    sink.close()
    os.close(reader)


def test_a_closed_sink_takes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    sink = JSONLinesSink(tmp_path / "audit.jsonl", clock=clock)
    before = open_files()
    sink.close()
    sink.close()
    assert open_files() == before - 1
    clock.now = 5.0
    sink.flush()
    with pytest.raises(ValueError, match="closed"):
        sink.write(b'{"n":1}')
    assert (tmp_path / "audit.jsonl").read_bytes() == b""


@pytest.mark.parametrize(("fsync", "times"), [("never", 0), ("interval", 3), ("always", 3)])
def test_fsync_is_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: Any, times: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    clock = Clock(100.0)
    sink = JSONLinesSink(tmp_path / "audit.jsonl", fsync=fsync, clock=clock)
    sink.flush()
    sink.write(b'{"n":1}')
    sink.write_many([b'{"n":2}', b'{"n":3}'])
    sink.flush()
    clock.now += 1
    sink.flush()
    sink.flush()
    assert len(synced) == (2 if fsync != "never" else 0)
    sink.write(b'{"n":4}')
    sink.close()
    assert len(synced) == times


def test_forked_workers_and_threads_share_a_file_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)

    def work(worker: int) -> None:
        for n in range(200):
            sink.write(canonical({"worker": worker, "n": n, "pad": "x" * 300}))

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
    records = lines(path)[1:]
    assert_intact(path)
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


@pytest.mark.parametrize("name", ["fsync_interval", "rotate_size", "retention", "checkpoint_every"])
def test_a_number_that_cannot_work_is_told_at_construction(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}=0 must be more than 0"):
        JSONLinesSink(tmp_path / "audit.jsonl", **{name: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize("group", [False, True])
def test_a_record_made_by_the_collector_in_the_midst_of_another_finds_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: bool
) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path)
    write, once = os.write, [b'{"n":2}']

    def collecting(fd: int, data: bytes) -> int:
        if once:
            sink.write_many([once.pop()]) if group else sink.write(once.pop())
        return write(fd, data)

    monkeypatch.setattr(os, "write", collecting)
    sink.write(b'{"n":1}')
    assert events(path) == ["opened", 1, 2]
    assert_intact(path)


class TestRotation:
    def test_a_full_file_is_renamed_to_its_first_number(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        sink, other = JSONLinesSink(path, rotate_size=600), JSONLinesSink(path, rotate_size=600)
        for n in range(3):
            sink.write(b'{"n":%d}' % (2 * n))
            other.write(b'{"n":%d}' % (2 * n + 1))
        assert_intact(path)
        written = [n for file in segments(path) for n in events(file) if isinstance(n, int)]
        assert written == [0, 1, 2, 3, 4, 5]
        assert segments(path)[0].name == "audit.jsonl.0000000000000000"
        assert events(segments(path)[0])[-1] == "rotated"

    def test_a_file_is_renamed_after_a_time(self, tmp_path: Path) -> None:
        path, clock = tmp_path / "audit.jsonl", Clock()
        sink = JSONLinesSink(path, rotate_interval=60, clock=clock)
        sink.write(b'{"n":0}')
        clock.now = 60
        sink.write(b'{"n":1}')
        sink.write(b'{"n":2}')
        assert [events(file) for file in segments(path)] == [
            ["opened", 0, 1, "rotated"],
            ["opened", 2],
        ]

    def test_a_crash_between_the_end_of_a_file_and_its_renaming(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        sink = JSONLinesSink(path, rotate_size=1)
        sink.write(b'{"n":0}')
        path.unlink()
        segments(path)[0].rename(path)
        JSONLinesSink(path).write(b'{"n":1}')
        assert [events(file) for file in segments(path)] == [
            ["opened", 0, "rotated"],
            ["opened", 1],
        ]
        assert_intact(path)

    def test_a_crash_before_the_next_file_is_begun(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        JSONLinesSink(path, rotate_size=1).write(b'{"n":0}')
        path.unlink()
        JSONLinesSink(path).write(b'{"n":1}')
        assert_intact(path)

    def test_a_file_that_cannot_be_renamed_still_keeps_each_record_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "audit.jsonl"
        sink = JSONLinesSink(path, rotate_size=1)

        def fail(*_: Any) -> Any:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("ringwall.audit._logfile.set_aside", fail)
        sink.write(b'{"n":0}')
        assert "cannot be rotated: OSError" in caplog.text
        monkeypatch.undo()
        sink.write(b'{"n":1}')
        written = [n for file in segments(path) for n in events(file) if isinstance(n, int)]
        assert written == [0, 1]
        assert_intact(path)

    def test_an_old_file_that_was_changed_is_not_gone_on_from(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        JSONLinesSink(path, rotate_size=1).write(b'{"n":0}')
        path.unlink()
        old = segments(path)[0]
        old.write_bytes(old.read_bytes().replace(b'"n":0', b'"n":9'))
        sink = JSONLinesSink(path, rotate_size=1)
        sink.write(b'{"n":1}')
        # A log of its own, whose first file does not take the place of the old one.
        assert events(old) == ["opened", 9, "rotated"]
        assert [events(file) for file in segments(path)][1:] == [
            ["opened", 1, "rotated"],
            ["opened"],
        ]

    def test_old_files_are_deleted_which_is_a_record_too(self, tmp_path: Path) -> None:
        path, wall = tmp_path / "audit.jsonl", Clock(1_000_000.0)
        sink = JSONLinesSink(path, rotate_size=1, retention=3600, wall_clock=wall)
        for n in range(4):
            sink.write(b'{"n":%d}' % n)
        for file in segments(path)[:-1]:
            os.utime(file, (wall.now, wall.now))
        wall.now += 3601
        assert len(segments(path)) == 5
        sink.write(b'{"n":4}')
        # The newest of those whose time is over says where the log goes on: it stays for now.
        assert [events(file) for file in segments(path)] == [
            ["opened", 4, "rotated"],
            ["opened", "pruned"],
        ]
        result = verify(read_lines(segments(path)))
        assert not result.findings
        assert result.notes[0] == "records 0 to 11 are not here, which a record tells"


def test_a_forked_process_opens_the_file_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink, closed = JSONLinesSink(path), JSONLinesSink(path)
    closed.close()
    sink.write(b'{"n":1}')
    lock = sink._lock
    renew_all()
    assert sink._lock is not lock
    sink.write(b'{"n":2}')
    assert events(path) == ["opened", 1, 2]


def test_a_device_is_no_log() -> None:
    with pytest.raises(ConfigurationError, match="no regular file"):
        JSONLinesSink("/dev/null")


def test_a_file_that_shrinks_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    JSONLinesSink(path).write(b'{"n":1}')
    segment = Segment(path)
    with pytest.raises(Damaged, match="empty"):
        segment.fork()
    monkeypatch.setattr(os, "pread", lambda fd, size, position: b"")
    with pytest.raises(Damaged, match="shorter"):
        segment.catch_up()


def test_a_file_that_cannot_be_read_is_not_left_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    JSONLinesSink(path).write(b'{"n":1}')
    sink = JSONLinesSink(path)

    def fail(fd: int, size: int, position: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(OSError, match="Input/output error"):
        sink.write(b'{"n":2}')
    monkeypatch.undo()
    JSONLinesSink(path).write(b'{"n":3}')
    assert events(path) == ["opened", 1, 3]


def test_a_file_that_is_damaged_and_gone_is_replaced(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    sink = JSONLinesSink(path, clock=clock)
    sink.write(b'{"n":1}')
    os.truncate(path, 0)
    path.unlink()
    clock.now = 1
    sink.write(b'{"n":2}')
    assert events(path) == ["opened", 2]


def test_a_file_replaced_again_and_again_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JSONLinesSink(tmp_path / "audit.jsonl")
    monkeypatch.setattr(Segment, "is_at", lambda *_: False)
    with pytest.raises(OSError, match="again and again"):
        sink.write(b'{"n":1}')
