"""The queue before a sink: bounded, in order, and never in the way of a request."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_support import Lines, WSGIApp, call_wsgi
from ringwall import Audit
from ringwall._errors import ConfigurationError
from ringwall.audit import JSONLinesSink, QueuedSink
from ringwall.audit import queued as queued_module
from ringwall.audit._lifetime import close_all
from ringwall.audit._segments import segments
from ringwall.audit.queued import QueueFull
from ringwall.audit.verify import read_lines, verify


class Gate(Lines):
    """A sink that takes nothing until it is opened, and tells when it was tried."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = threading.Event()
        self.opened = threading.Event()

    def write(self, record: bytes) -> None:
        self.tried.set()
        self.opened.wait(30)
        super().write(record)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued_module, "_RETRY", 0.001)
    monkeypatch.setattr(queued_module, "_IDLE", 0.001)


def record(n: int) -> bytes:
    return b'{"n":%d}' % n


def test_records_arrive_in_order_and_in_groups(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    sink = QueuedSink(JSONLinesSink(path, fsync="always"), group=7, interval=0.001)
    for n in range(100):
        sink.write(record(n))
    sink.close()
    sink.close()
    assert repr(sink) == f"<QueuedSink <JSONLinesSink {str(path)!r}>>"
    result = verify(read_lines(segments(path)))
    assert result.ok
    assert result.records == 101
    with pytest.raises(ValueError, match="closed"):
        sink.write(record(1))


def test_a_full_queue_drops_what_comes_and_tells_it() -> None:
    gate = Gate()
    audit = Audit(QueuedSink(gate, size=3, group=1, interval=0.001))
    app = audit.wsgi(WSGIApp())
    call_wsgi(app)
    assert gate.tried.wait(30)  # one is in its hand
    for _ in range(10):
        assert call_wsgi(app)[0] == "200 OK"
    assert audit.lost >= 7
    lost = audit.lost
    gate.opened.set()
    while len(gate.lines) < 4 and len(gate.lines) + len(gate.life) < 4:
        gate.tried.wait(0.001)
    call_wsgi(app)
    audit.close()
    counts = [entry["count"] for entry in gate.records if entry["event"] == "records-lost"]
    exchanges = [entry for entry in gate.records if entry["event"] == "exchange"]
    assert sum(counts) == lost == audit.lost
    assert len(exchanges) + lost == 12


def test_a_full_queue_blocks_until_there_is_a_place() -> None:
    gate = Gate()
    sink = QueuedSink(gate, size=1, group=1, interval=0.001, policy="block", timeout=30)
    sink.write(record(0))
    assert gate.tried.wait(30)
    sink.write(record(1))
    done = threading.Thread(target=sink.write, args=(record(2),))
    done.start()
    gate.opened.set()
    done.join(30)
    assert not done.is_alive()
    sink.close()
    assert gate.lines == [record(n) for n in range(3)]


def test_a_record_on_its_way_to_the_sink_waits_all_the_time() -> None:
    """Else whoever waits until all is on disk could go on a moment too early."""
    waiting: list[int] = []

    class Watched(deque[bytes]):
        def popleft(self) -> bytes:
            first = super().popleft()
            waiting.append(sink._waiting())
            return first

    lines = Lines()
    sink = QueuedSink(lines, interval=0.001)
    sink._queue = Watched([record(0), record(1)])
    sink.write(record(2))
    sink.commit()
    sink.close()
    assert len(lines.lines) == 3
    assert waiting == [3, 3, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # an autouse one
@given(
    size=st.integers(1, 5),
    group=st.integers(1, 5),
    steps=st.lists(st.one_of(st.just("write"), st.integers(0, 4)), max_size=30),
)
def test_each_record_that_was_taken_arrives_once_in_order(size, group, steps) -> None:
    """Whenever the sink fails, and however much it has taken by then."""
    arrived: list[bytes] = []
    takes = 0

    class Failing(Lines):
        def write(self, record: bytes) -> None:
            nonlocal takes
            if not takes:
                raise OSError
            takes -= 1
            arrived.append(record)

    sink = QueuedSink(Failing(), size=size, group=group)
    sink._start = lambda: None  # type: ignore[method-assign]  # no thread: the steps hand over
    taken: list[bytes] = []
    for n, step in enumerate(steps):
        if step == "write":
            waits = len(sink._queue)
            try:
                sink.write(record(n))
            except QueueFull:
                assert waits == size
            else:
                taken.append(record(n))
        else:
            takes = step
            assert sink._hand_over() == (not sink._hand)
        assert len(sink._queue) <= size
        assert len(sink._hand) <= group
        assert arrived + sink._hand + list(sink._queue) == taken
    sink.renew()
    sink.close()


def test_blocking_has_an_end() -> None:
    gate = Gate()
    sink = QueuedSink(gate, size=1, group=1, interval=0.001, policy="block", timeout=0.01)
    sink.write(record(0))
    assert gate.tried.wait(30)
    sink.write(record(1))
    with pytest.raises(QueueFull):
        sink.write(record(2))
    gate.opened.set()


def test_what_a_sink_does_not_take_is_tried_again_in_order() -> None:
    lines = Lines()
    lines.failing = OSError("s3cret")
    tried = threading.Event()

    class Telling(Lines):
        def write(self, record: bytes) -> None:
            tried.set()
            lines.write(record)

    sink = QueuedSink(Telling(), group=3, interval=0.001)
    for n in range(5):
        sink.write(record(n))
    assert tried.wait(30)
    lines.failing = None
    sink.close()
    assert lines.lines == [record(n) for n in range(5)]


def test_fail_closed_answers_503_as_long_as_the_sink_fails() -> None:
    lines = Lines()
    sink = QueuedSink(lines, policy="fail_closed", interval=0.001)
    audit = Audit(sink)
    inner = WSGIApp()
    app = audit.wsgi(inner)
    assert call_wsgi(app)[0] == "200 OK"
    lines.failing = OSError()
    while not sink._failing:
        call_wsgi(app)
    call_wsgi(app)  # its loss, if none was before, shows that the sink fails
    calls = inner.calls
    assert call_wsgi(app)[0] == "503 Service Unavailable"
    assert inner.calls == calls
    lines.failing = None
    while sink._failing:
        threading.Event().wait(0.001)
    assert call_wsgi(app)[0] == "200 OK"
    audit.close()
    assert lines.records[-2]["event"] == "records-lost"


def test_a_sink_that_fails_to_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    lines = Lines()
    lines.failing = OSError("s3cret")
    sink = QueuedSink(lines, interval=0.001)
    sink.write(record(1))
    sink.close()
    assert lines.closed
    assert caplog.messages[-1] == "the audit sink failed to the end; records are lost: 1"
    assert "s3cret" not in caplog.text


def test_a_sink_that_hangs_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    sink = QueuedSink(gate, group=1, interval=0.001, timeout=0.01)
    sink.write(record(1))
    assert gate.tried.wait(30)
    sink.close()
    assert caplog.messages == ["the audit sink hangs; records are lost: 1"]
    gate.opened.set()


def test_an_idle_queue_lets_the_sink_sign_and_sync(caplog: pytest.LogCaptureFixture) -> None:
    flushed = threading.Event()

    class Flushing(Lines):
        def flush(self) -> None:
            flushed.set()
            raise OSError("s3cret")

    sink = QueuedSink(Flushing(), interval=0.001)
    sink.write(record(1))
    assert flushed.wait(30)
    sink.close()
    assert "s3cret" not in caplog.text
    assert "the audit sink failed with OSError" in caplog.messages


def test_a_busy_thread_is_neither_waked_nor_started_again() -> None:
    sink = QueuedSink(Lines())
    sink._thread = running = threading.Thread(target=lambda: None)
    sink._idle = False
    sink.write(record(1))
    sink._start()
    assert sink._thread is running
    assert sink._bell.locked()
    sink.renew()
    sink.close()


def test_a_queue_that_was_never_used_is_closed() -> None:
    lines = Lines()
    QueuedSink(lines).close()
    assert lines.closed


def test_a_forked_process_does_not_write_what_its_parent_queued() -> None:
    gate = Gate()
    sink = QueuedSink(gate, group=1, interval=0.001)
    sink.write(record(1))
    assert gate.tried.wait(30)
    sink.write(record(2))
    sink.renew()
    assert not sink._queue
    assert sink._thread is None
    gate.opened.set()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "dropp"}, "did you mean 'drop'"),
        ({"size": 0}, "size=0 must be more than 0"),
        ({"interval": -1}, "interval=-1 must be more than 0"),
    ],
)
def test_what_cannot_work_is_told_at_construction(options: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        QueuedSink(Lines(), **options)
    with pytest.raises(ConfigurationError, match="takes a sink"):
        QueuedSink("audit.jsonl")  # type: ignore[arg-type]


SCRIPT = """
import sys
from ringwall import Audit
from ringwall.audit import JSONLinesSink, QueuedSink

audits = []
for path in sys.argv[1:]:
    inner = QueuedSink(JSONLinesSink(path))
    audits.append(Audit(QueuedSink(inner), copies=[JSONLinesSink(path + ".copy")]))
    audits.append(Audit(inner))  # one sink for two stacks
for audit in audits:
    audit.event("configuration")
"""


def test_last_words_reach_every_file_at_exit(tmp_path: Path) -> None:
    """In a process of its own, at its normal end, behind queues: what was made last is closed
    first. Many, because a wrong order may be right by chance."""
    paths = [str(tmp_path / f"{n}.jsonl") for n in range(8)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *paths], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    for path in paths:
        assert Path(path).read_text().count('"event":"stop"') == 2
        assert Path(path + ".copy").read_text().count('"event":"stop"') == 1


def test_a_sink_is_closed_once() -> None:
    class Once(Lines):
        def close(self) -> None:
            assert not self.closed
            super().close()

    sink = Once()
    audit = Audit(sink)
    audit.event("configuration")
    audit.on_shutdown()  # it has nothing to commit
    audit.close()
    audit.close()
    close_all()
    assert sink.closed
    assert len(sink.life) == 2
