"""The log in a database: the same chain, and SQL."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from audit_support import Clock, WSGIApp, call_wsgi
from ringwall import Audit
from ringwall._errors import ConfigurationError
from ringwall.audit import SigningKey, SQLiteSink
from ringwall.audit import sqlite as module
from ringwall.audit.chain import Chain
from ringwall.audit.rotate import rotate_key
from ringwall.audit.verify import Verification, database_lines, verify
from ringwall.cli import main

KEY = SigningKey.generate()


def check(path: Path) -> Verification:
    return verify(database_lines(path), [KEY.public])


def test_it_is_chained_signed_and_can_be_asked(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "audit.db"
    sink = SQLiteSink(path, key=KEY, fsync="always")
    audit = Audit(sink)
    app = audit.wsgi(WSGIApp())
    for _ in range(3):
        call_wsgi(app)
    audit.close()
    sink.close()
    sink.flush()
    result = check(path)
    assert result.ok
    assert result.proven == [(0, 7)]
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT status, subject FROM exchanges").fetchall()
    connection.close()
    assert rows == [(200, None)] * 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert repr(sink) == f"<SQLiteSink {str(path)!r}>"
    assert main(["audit", "verify", str(path), "--key", KEY.public]) == 0
    assert "proven: records 0 to 7" in capsys.readouterr().out
    with pytest.raises(ValueError, match="closed"):
        sink.write(b'{"n":1}')


def test_several_writers_share_a_database(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    one, two = SQLiteSink(path, key=KEY), SQLiteSink(path, key=KEY)
    for n in range(5):
        one.write(b'{"n":%d}' % n)
        two.write_many([b'{"n":%d}' % n] * 2)
    pid = os.fork()
    if pid == 0:
        one.write(b'{"n":9}')
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    one.renew()
    one.write(b'{"n":10}')
    one.close()
    two.close()
    result = check(path)
    assert not result.findings
    assert result.records == 1 + 15 + 2 + 2  # signed at its beginning, and at its end
    one._abandoned[0].close()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET line = replace(line, '\"n\":1', '\"n\":3') WHERE seq = 3",
        "DELETE FROM records WHERE seq = 3",
        "UPDATE records SET line = 'junk' WHERE seq = 3",
        "UPDATE records SET line = X'00FF' WHERE seq = 3",
    ],
)
def test_a_change_is_found(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "audit.db"
    sink = SQLiteSink(path, key=KEY)
    for n in range(5):
        sink.write(b'{"n":%d}' % n)
    sink.close()
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    assert not check(path).ok


@pytest.mark.parametrize(
    "script",
    [
        # Without an end.
        "CREATE VIEW records AS WITH RECURSIVE n(seq) AS (SELECT 0 UNION ALL SELECT seq + 1 FROM n)"
        " SELECT seq, 'x' AS line FROM n;",
        "CREATE TABLE other (seq, line);",
    ],
)
def test_a_database_that_somebody_else_made_is_no_log(tmp_path: Path, script: str) -> None:
    path = tmp_path / "audit.db"
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    with pytest.raises(OSError, match="the database failed"):
        check(path)


def test_a_line_of_any_length_is_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    SQLiteSink(path, key=KEY).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO records VALUES (0, ?)", ("x" * (3 << 20),))
    connection.commit()
    connection.close()
    (line,) = database_lines(path)
    assert len(line.data) == 1 << 20
    assert not check(path).ok


def test_what_is_missing_at_the_end_is_noticed_by_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    sink = SQLiteSink(path)
    sink.write(b'{"n":1}')
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM records WHERE seq = 1")
    connection.commit()
    with pytest.raises(OSError, match="missing from the database"):
        sink.write(b'{"n":2}')
    connection.execute("DROP TABLE records")
    connection.commit()
    with pytest.raises(OSError, match="failed with OperationalError"):
        sink.write(b'{"n":2}')
    connection.close()
    with pytest.raises(OSError, match="failed"):
        sink.close()
    with pytest.raises(OSError, match="failed"):
        check(path)


def test_old_records_are_deleted_which_is_a_record_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_OPEN_EVERY", 4)
    path, wall = tmp_path / "audit.db", Clock(1_000_000.0)
    sink = SQLiteSink(path, key=KEY, retention=60, wall_clock=wall)
    for n in range(12):
        sink.write(b'{"n":%d}' % n)
        wall.now += 10
    sink.close()
    result = check(path)
    assert not result.findings
    assert result.first
    assert "which a record tells" in result.notes[0]


def test_checkpoints_come_in_time(tmp_path: Path) -> None:
    clock = Clock()
    sink = SQLiteSink(tmp_path / "audit.db", key=KEY, clock=clock)
    sink.flush()
    for n in range(2):
        sink.write(b'{"n":%d}' % n)
        sink.flush()
        assert check(tmp_path / "audit.db").checkpoints == 1  # of its beginning
    clock.now = 60
    sink.flush()
    assert check(tmp_path / "audit.db").checkpoints == 2
    sink.close()


def test_a_sink_that_was_never_used_is_closed(tmp_path: Path) -> None:
    sink = SQLiteSink(tmp_path / "audit.db")
    sink.renew()
    sink.close()
    sink._abandoned[0].close()  # type: ignore[union-attr]


def test_what_cannot_work_is_told_at_construction(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'always'"):
        SQLiteSink(tmp_path / "a", fsync="alway")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="cannot open the audit database"):
        SQLiteSink(tmp_path)
    (tmp_path / "junk").write_bytes(b"junk" * 1000)
    with pytest.raises(ConfigurationError, match="DatabaseError"):
        SQLiteSink(tmp_path / "junk")


class TestKeys:
    @pytest.fixture
    def key_file(self, tmp_path: Path) -> Path:
        SigningKey.generate().save(tmp_path / "audit.key")
        return tmp_path / "audit.key"

    def test_a_rotation_is_a_record_and_writers_follow_it(
        self, tmp_path: Path, key_file: Path, capsys: Any
    ) -> None:
        path, old = tmp_path / "audit.db", SigningKey.load(key_file)
        running = SQLiteSink(path, key=key_file, checkpoint_every=2)
        late = SQLiteSink(path, key=key_file, checkpoint_every=2)  # it has not written yet
        running.write(b'{"n":1}')
        assert main(["audit", "rotate-key", str(path), str(key_file)]) == 0
        new = SigningKey.load(key_file)
        assert new.id != old.id
        for sink in (running, late, running):
            for n in range(3):
                sink.write(b'{"n":%d}' % n)
        running.close()
        late.close()
        result = verify(database_lines(path), [old.public])
        assert result.ok, result.findings
        assert result.unsigned == 0
        assert result.checkpoints > 3
        assert not verify(database_lines(path), [new.public]).ok  # nobody introduced it to us
        assert main(["audit", "verify", str(path), "--key", f"{key_file}.{old.id}.old"]) == 2
        capsys.readouterr()
        assert main(["audit", "verify", str(path), "--key", old.public]) == 0
        assert "1 key-rotated" in _stats(path, capsys)

    def test_a_rotation_of_an_empty_log_begins_it(self, tmp_path: Path, key_file: Path) -> None:
        path, old = tmp_path / "audit.db", SigningKey.load(key_file)
        SQLiteSink(path).close()
        rotate_key(path, key_file)
        assert verify(database_lines(path), [old.public]).ok

    def test_a_change_that_is_not_committed_changes_nothing(
        self, tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, old = tmp_path / "audit.db", SigningKey.load(key_file)
        sink = SQLiteSink(path, key=key_file)
        sink.write(b'{"n":1}')

        def full(*_: Any) -> None:
            raise sqlite3.OperationalError

        with monkeypatch.context() as patched:
            patched.setattr(module, "_put", full)
            with pytest.raises(ConfigurationError, match="the key was not changed"):
                rotate_key(path, key_file)
        sink.write(b'{"n":2}')
        sink.close()
        assert SigningKey.load(key_file).id == old.id
        assert verify(database_lines(path), [old.public]).ok
        assert not any(b"key-rotated" in line.data for line in database_lines(path))

    def test_a_retired_key_proves_nothing(self, tmp_path: Path, key_file: Path) -> None:
        path, old = tmp_path / "audit.db", SigningKey.load(key_file)
        SQLiteSink(path, key=old).close()
        rotate_key(path, key_file)
        seen = [line.data for line in database_lines(path)]
        chain = Chain.resume(seen[0])
        for line in seen:
            chain.follow(line)
        connection = sqlite3.connect(path)
        forged = chain.checkpoint(old, 0).decode()
        connection.execute("INSERT INTO records VALUES (?, ?)", (len(seen), forged))
        connection.commit()
        connection.close()
        findings = verify(database_lines(path), [old.public]).findings
        assert "which was retired before" in findings[0].problem


def _stats(path: Path, capsys: Any) -> str:
    capsys.readouterr()
    assert main(["audit", "stats", str(path)]) == 0
    return " ".join(capsys.readouterr().out.split())
