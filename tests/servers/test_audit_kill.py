"""Processes that are killed while they write: the log stays whole, and loses what it may."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audit_support import exchanges
from ringwall.audit import SigningKey
from ringwall.audit._segments import segments
from ringwall.audit.verify import read_lines, verify

WRITER = Path(__file__).parent / "audit_writer.py"
# By hand: RINGWALL_KILLS=100.
KILLS = int(os.environ.get("RINGWALL_KILLS", "1"))


def start(path: Path, key: Path, mode: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(WRITER.parents[1])}
    environment.pop("COVERAGE_PROCESS_START", None)
    environment.pop("COVERAGE_PROCESS_CONFIG", None)
    with path.with_name(f"out-{time.monotonic_ns()}").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-u", str(WRITER), str(path), str(key), mode],
            stdin=subprocess.PIPE,
            stdout=out,
            env=environment,
        )


def answers(folder: Path) -> int:
    """How many answers were given so far."""
    return sum(file.stat().st_size for file in folder.glob("out-*")) // 33


def written(path: Path) -> int:
    """How long the log is, in bytes."""
    return sum(file.stat().st_size for file in segments(path))


@pytest.mark.parametrize("mode", ["direct", "queued"])
def test_a_log_survives_kill_9_under_load(tmp_path: Path, mode: str) -> None:
    path, key_file = tmp_path / "audit.jsonl", tmp_path / "key"
    key = SigningKey.generate()
    key.save(key_file)
    order = random.Random(7)
    for _ in range(KILLS):
        before, length = answers(tmp_path), written(path)
        workers = [start(path, key_file, mode) for _ in range(2)]
        try:
            deadline = time.monotonic() + 60
            # A queue has written its first group: a kill before that leaves nothing to verify.
            while answers(tmp_path) < before + 100 or written(path) < length + 5000:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(order.random() / 20)
        finally:
            for worker in workers:
                worker.send_signal(signal.SIGKILL)
            for worker in workers:
                worker.wait()
                worker.stdin.close()  # type: ignore[union-attr]
        result = verify(read_lines(segments(path)), [key.public])
        assert not result.findings
        assert result.first == 0
    recorded = {record["request_id"] for file in segments(path) for record in exchanges(file)}
    answered = set[str]()
    for file in tmp_path.glob("out-*"):
        answered |= {line for line in file.read_text().splitlines(True) if line.endswith("\n")}
    lost = {one.strip() for one in answered} - recorded
    assert len(answered) > 20 * KILLS
    if mode == "direct":
        assert not lost  # a record is the kernel's before its answer counts as given
    else:
        assert len(lost) < len(answered)
