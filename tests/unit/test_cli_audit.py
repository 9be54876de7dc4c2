"""`ringwall audit`: logs for people, and their proofs."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from audit_support import Clock, Gate, WSGIApp, call_wsgi, environ
from ringwall import Audit, Stack
from ringwall.audit import JSONLinesSink, SigningKey, SQLiteSink
from ringwall.audit.canonical import canonical
from ringwall.audit.chain import Chain
from ringwall.audit.statistics import Statistics
from ringwall.cli import main
from ringwall.cli.audit import reading


@pytest.fixture
def log(tmp_path: Path) -> Path:
    key = tmp_path / "audit.key"
    assert main(["audit", "keygen", str(key)]) == 0
    path = tmp_path / "audit.jsonl"
    sink = JSONLinesSink(path, key=key, witness=tmp_path / "witness")
    audit = Audit(sink, clock=Clock(), wall_clock=Clock(1_700_000_000))
    app = Stack(audit, Gate()).wsgi(WSGIApp())
    for target in ("/yes", "/no", "/yes", "/a\x1b[31m\n"):
        call_wsgi(app, environ(target))
    audit.close()
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    capsys.readouterr()
    status = main(["audit", *map(str, words)])
    return status, "".join(capsys.readouterr())


def test_verify_a_log_that_is_intact(log: Path, capsys: Any) -> None:
    public, witness = f"{log.parent}/audit.key.pub", log.parent / "witness"
    status, out = run(capsys, "verify", log, "--key", public, "--witness", witness)
    assert status == 0
    assert "the log is intact" in out
    assert "proven: records 0 to 8" in out


def test_verify_tells_the_first_bad_record(log: Path, capsys: Any) -> None:
    assert "note: no public key" in run(capsys, "verify", log)[1]
    log.write_bytes(log.read_bytes().replace(b'"status":403', b'"status":200'))
    status, out = run(capsys, "verify", log, "--key", f"{log.parent}/audit.key.pub")
    assert status == 1
    assert "BAD audit.jsonl:6: record 4 was changed: the next one names another" in out
    assert "proven: records 5 to 8" in out
    assert "THE LOG IS NOT INTACT" in out


def test_verify_an_empty_log(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "audit.jsonl").touch()
    status, out = run(capsys, "verify", tmp_path / "audit.jsonl")
    assert status == 1
    assert "BAD there is no record" in out
    assert "head" not in out


def test_verify_needs_keys_that_are_keys(log: Path, capsys: Any) -> None:
    for words, said in (
        (["--key", "nofile"], "cannot read the public key"),
        (["--key", str(log.parent / "audit.key")], "is no public key"),
        (["--key", "zz" * 32], "is no public key"),
        (["--key", "00" * 31 + " " * 2], "is no public key"),
        (["--witness", str(log)], "name the key with --key"),
        (["--key", f"{log.parent}/audit.key.pub", "--witness", str(log)], "is no witness"),
        (["--key", f"{log.parent}/audit.key.pub", "--witness", "nofile"], "cannot read 'nofile'"),
    ):
        assert run(capsys, "verify", log, *words)[0] == 2
        _, out = run(capsys, "verify", log, *words)
        assert said in out
    assert "there is no audit log" in run(capsys, "verify", log.parent / "none")[1]
    assert "there is no file" in run(capsys, "verify", log, log.parent / "none")[1]


def test_an_unreadable_log_is_told(log: Path, capsys: Any, monkeypatch: Any) -> None:
    def fail(paths: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ringwall.cli.audit._log.read_lines", fail)
    assert run(capsys, "show", log) == (
        2, "ringwall: cannot read the audit log (Permission denied)\n",
    )  # fmt: skip


def test_prove_one_record_without_the_log(log: Path, capsys: Any, tmp_path: Path) -> None:
    record = json.loads(log.read_bytes().splitlines()[4])
    status, out = run(capsys, "prove", record["id"], log)
    assert status == 0
    proof, public = tmp_path / "proof.json", f"{log.parent}/audit.key.pub"
    proof.write_text(out)
    log.unlink()
    status, out = run(capsys, "check-proof", proof, "--key", public)
    assert status == 0
    assert record["id"] in out
    proof.write_text(
        proof.read_text().replace('status\\":403', 'status\\":200').replace("403", "200")
    )
    status, out = run(capsys, "check-proof", proof, "--key", public)
    assert status == 1
    assert "NOT PROVEN" in out
    proof.write_text("junk")
    assert run(capsys, "check-proof", proof, "--key", public)[0] == 2
    assert "there is no audit log" in run(capsys, "prove", "x", log)[1]


def test_prove_tells_what_it_cannot(log: Path, capsys: Any) -> None:
    assert "cannot prove it: there is no such record" in run(capsys, "prove", "x", log)[1]


def test_show_is_one_line_for_each_record(log: Path, capsys: Any) -> None:
    status, out = run(capsys, "show", log)
    assert status == 0
    lines = out.splitlines()
    assert "opened log=" in lines[0]
    assert " 200 success GET /{name} anonymous from 192.0.2.1 0.0ms " in lines[3]
    assert " 403 denied GET /{name} " in lines[4]
    assert "[gate: list, forbidden]" in lines[4]
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--outcome", "denied"], 2),
        (["--status", "4xx"], 2),
        (["--status", "403"], 1),
        (["--refused-by", "gate"], 1),
        (["--refused-by", "authz"], 0),
        (["--rule", "list"], 3),
        (["--event", "exchange"], 4),
        (["--event", "exchange", "--client", "192.0.2.1", "--method", "GET"], 4),
        (["--event", "exchange", "--client", "192.0.2.2"], 0),
        (["--route", "/{name}"], 3),
        (["--subject", "alice"], 0),
        (["--id", "x"], 0),
        (["--event", "exchange", "--since", "2023-11-14"], 4),
        (["--event", "exchange", "--since", "2023-11-15"], 0),
        (["--event", "exchange", "--until", "2023-11-15"], 4),
    ],
)
def test_show_is_filtered(log: Path, capsys: Any, words: list[str], count: int) -> None:
    status, out = run(capsys, "show", log, *words, "--json")
    assert status == 0
    assert len(out.splitlines()) == count
    assert all(json.loads(line) for line in out.splitlines())


def test_tail_shows_the_last(log: Path, capsys: Any) -> None:
    _, out = run(capsys, "tail", log, "-n", 1, "--event", "exchange", "--json")
    (line,) = out.splitlines()
    assert json.loads(line)["_seq"] == 6


def test_tail_follows_also_through_a_rotation(log: Path, capsys: Any, monkeypatch: Any) -> None:
    todo = ["write", "nothing", "part", "rest", "rotate", "write", "stop"]
    sink = JSONLinesSink(log, clock=(clock := Clock()))

    def sleep(seconds: float) -> None:
        act = todo.pop(0)
        if act == "write":
            sink.write(b'{"event":"more"}')
        elif act == "part":
            with log.open("ab") as file:
                file.write(b'{"event":')
        elif act == "rest":
            with log.open("ab") as file:
                file.write(b'"part"}\n')
        elif act == "rotate":
            log.rename(log.with_name("moved"))
            sink._log.detach()
            clock.now += 5
        elif act == "stop":
            raise KeyboardInterrupt

    monkeypatch.setattr(reading.time, "sleep", sleep)
    status, out = run(capsys, "tail", log, "-n", 0, "-f")
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()] == ["more", "part", "opened", "more"]


def test_tail_takes_no_line_without_end(log: Path, capsys: Any, monkeypatch: Any) -> None:
    """Nor does it take the end of one for a record."""

    def more(_: float) -> None:
        if written:
            with log.open("ab") as file:
                file.write(written.pop())
            return
        raise KeyboardInterrupt

    good = canonical({"event": "good", "id": "x"}) + b"\n"
    written = [good, b"x" * (1 << 20) + good, b"x" * (3 << 20)]
    monkeypatch.setattr(reading.time, "sleep", more)
    status, out = run(capsys, "tail", log, "-n", "0", "-f")
    assert status == 0
    assert out.split() == ["-", "good", "id=x"]


def test_tail_follows_no_database(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "audit.db"
    SQLiteSink(path).close()
    status, out = run(capsys, "tail", path, "-f")
    assert status == 2
    assert "asked again" in out


def test_tail_waits_for_a_file_that_is_gone(log: Path, capsys: Any, monkeypatch: Any) -> None:
    def more(_: float) -> None:
        if log.exists():
            log.unlink()
            return
        raise KeyboardInterrupt

    monkeypatch.setattr(reading.time, "sleep", more)
    assert run(capsys, "tail", log, "-n", "0", "-f") == (0, "")


def test_a_report_follows_no_link(log: Path, capsys: Any) -> None:
    """Whoever may write beside the log lays one to a file that only its reader may write."""
    victim, output = log.parent / "victim", log.parent / "audit.html"
    victim.write_text("precious")
    output.symlink_to(victim)
    assert run(capsys, "report", log, "-o", output)[0] == 0
    assert victim.read_text() == "precious"
    assert not output.is_symlink()
    assert output.stat().st_mode & 0o777 == 0o600
    assert [*log.parent.glob(".*")] == []
    status, out = run(capsys, "report", log, "-o", log.parent / "none" / "audit.html")
    assert status == 2
    assert "cannot write" in out


def test_stats_count_what_an_auditor_asks_first(log: Path, capsys: Any) -> None:
    status, out = run(capsys, "stats", log)
    assert status == 0
    assert "         2  success" in out
    assert "         1  gate: list, forbidden" in out
    assert "         3  GET /{name}" in out


def test_a_log_with_anything_in_it_is_shown_without_harm(log: Path, capsys: Any) -> None:
    """Whoever changed the log could put terminal escapes into it."""
    decisions = [1, {"layer": ["\x1b[31m"], "outcome": "deny"}]
    odd: list[Any] = [
        1,
        [],
        {"event": "exchange", "actor": 1, "decisions": 1},
        {"event": "exchange", "decisions": decisions},
        {"event": "\x1b[31m", "\u202e": "\r"},
    ]
    with log.open("ab") as file:
        for value in odd:
            file.write(
                json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            )
        file.write(b"junk\n")
    for words in (
        ["show"],
        ["stats"],
        ["tail"],
        ["show", "--rule", "x"],
        ["show", "--subject", "x"],
    ):
        status, out = run(capsys, words[0], log, *words[1:])
        assert status == 0
        assert not set(out) & {"\x1b", "\u202e", "\r"}


@pytest.mark.parametrize("mark", ["\u202e", "\x9b", "\u2028", "\x7f"])
def test_lines_as_they_are_turn_no_text_around(log: Path, capsys: Any, mark: str) -> None:
    """JSON need not escape them; our own lines hold none."""
    given = {"a": mark, "event": "\u00e9"}
    with log.open("ab") as file:
        file.write(canonical(given) + b"\n")
    status, out = run(capsys, "show", log, "--json", "--event", "\u00e9")
    assert status == 0
    assert out.strip().isprintable()
    assert json.loads(out) == given
    assert "\u00e9" in out
    status, out = run(capsys, "show", log, "--json", "--event", "exchange")
    assert out.encode() == b"".join(
        line + b"\n" for line in log.read_bytes().splitlines() if b'"event":"exchange"' in line
    )


def test_verify_tells_a_log_that_was_forked(log: Path, capsys: Any) -> None:
    chain = Chain.new()
    key = SigningKey.load(log.parent / "audit.key")
    chain.opened(0)
    other = chain.copy()
    witness = log.parent / "witness"
    witness.write_bytes(b"\n".join([chain.checkpoint(key, 0), other.checkpoint(key, 9)]))
    status, out = run(capsys, "verify", log, "--key", key.public, "--witness", witness)
    assert status == 1
    assert "BAD witness: it holds two records 1" in out
    assert "NOT INTACT" in out


def test_verify_without_a_key_says_no_more_than_it_knows(log: Path, capsys: Any) -> None:
    status, out = run(capsys, "verify", log)
    assert status == 0
    assert "the log is intact" not in out
    assert "who wrote it is not known" in out


def test_verify_bounds_what_may_be_unsigned(log: Path, capsys: Any) -> None:
    public = SigningKey.load(log.parent / "audit.key").public
    with closing(JSONLinesSink(log)) as sink:
        sink.write_many([b'{"n":1}'] * 20)
    assert run(capsys, "verify", log, "--key", public)[0] == 0
    assert run(capsys, "verify", log, "--key", public, "--unsigned", "19")[0] == 1


def test_a_reader_that_has_seen_enough_is_no_crash(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with os.fdopen(writing_end, "w", buffering=1) as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["audit", "show", str(log)]) == 141
        out.write("what is written at exit goes nowhere\n")


def test_names_that_clients_choose_do_not_fill_the_memory() -> None:
    statistics = Statistics()
    for n in range(10_100):
        statistics.add({"event": "exchange", "method": f"M{n}"})
    assert len(statistics.routes) == 10_001
    assert statistics.routes["(others)"] == 100


def test_rotate_key(log: Path, capsys: Any) -> None:
    public = (log.parent / "audit.key.pub").read_text().strip()
    status, out = run(capsys, "rotate-key", log, log.parent / "audit.key")
    assert status == 0
    assert "is retired" in out
    assert run(capsys, "verify", log, "--key", public)[0] == 0
    assert run(capsys, "keygen", log.parent / "audit.key")[0] == 2
