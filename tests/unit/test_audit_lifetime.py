"""What is closed at the end of a process, and when a signal ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ringwall.audit import _lifetime, close_on_sigterm


def test_what_is_open_is_closed_at_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    before = signal.signal(signal.SIGTERM, lambda *_: done.append("before"))
    try:
        monkeypatch.setattr(_lifetime, "close_all", lambda: done.append("closed"))
        close_on_sigterm()
        signal.raise_signal(signal.SIGTERM)
        assert done == ["closed", "before"]
    finally:
        signal.signal(signal.SIGTERM, before)


ENDING = """
import os, signal, sys, time
from ringwall.audit import JSONLinesSink, close_on_sigterm
from ringwall.audit.recorder import Recorder

class Signalled(JSONLinesSink):
    def write(self, record):
        if f'"event":"{sys.argv[2]}"'.encode() in record:
            os.kill(os.getpid(), signal.SIGTERM)
        super().write(record)

sink = Signalled(sys.argv[1])
close_on_sigterm()
recorder = Recorder(sink, (), {}, time.time)
recorder.keep(b"{}")
if sys.argv[3] == "pause":
    recorder.pause()
"""


@pytest.mark.parametrize("end", ["pause", "exit"])
@pytest.mark.parametrize("event", ["start", "stop"])
def test_a_signal_waits_for_the_first_and_the_last_word(
    tmp_path: Path, event: str, end: str
) -> None:
    """Found with hypercorn, which signals its workers when the first of them has ended."""
    log = tmp_path / "audit.jsonl"
    done = subprocess.run([sys.executable, "-c", ENDING, log, event, end], check=False, timeout=60)
    assert done.returncode == -signal.SIGTERM
    text = log.read_text()
    assert text.count('"event":"start"') == text.count('"event":"stop"') == 1


def test_a_signal_waits_for_the_last_word_of_another_thread() -> None:
    done: list[Any] = []
    before = signal.signal(signal.SIGTERM, lambda *_: done.append("before"))
    begun, told = threading.Event(), threading.Event()

    def speak() -> None:
        with _lifetime.uninterrupted():
            begun.set()
            told.wait(60)
            done.append("word")

    speaker = threading.Thread(target=speak)
    try:
        close_on_sigterm()
        speaker.start()
        begun.wait(60)
        signal.raise_signal(signal.SIGTERM)
        assert done == []
        told.set()
        speaker.join(60)
        assert done == ["word", "before"]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_forked_process_waits_for_nobody() -> None:
    code = """
import os
from ringwall.audit import _lifetime
with _lifetime.uninterrupted():
    child = os.fork()
    if not child:
        os._exit(len(_lifetime._speaking))
    raise SystemExit(os.waitpid(child, 0)[1])
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
