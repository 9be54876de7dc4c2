"""API keys in a TOML or JSON file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from ..._errors import ConfigurationError
from ..._fingerprint import Configured
from .._files import FileUnusable, WatchedFile
from . import _writing
from ._document import Records, format_of
from .record import APIKeyRecord


class FileStore(Configured):
    """Records in a TOML or JSON file: a table `keys` with one entry per id. Read when it changes.

    It suits some thousands of keys: the file is read as a whole, by the request that notices the
    change. When keys were used is noted in another file beside it, `<path>.used`.

    Parameters:
        path: ends with .toml or .json. Others must not be able to write it.
        missing_ok: True: a file that is not there yet counts as empty, for `add`.
        clock: monotonic seconds.

    Raises:
        ConfigurationError: the file cannot be read or holds something else.
    """

    immediate = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        missing_ok: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._format = format_of(os.fspath(path))
        # What is replaced is the file, not a link to it.
        self._path = Path(os.path.realpath(path))
        self._used = self._path.with_name(self._path.name + ".used")
        self._file = WatchedFile(path, self._format.read, clock=clock)
        if not (missing_ok and not self._path.exists()):
            try:
                self._file.get()
            except FileUnusable as error:
                raise ConfigurationError(f"store: {error}") from None

    def __repr__(self) -> str:
        return "<FileStore>"

    def find(self, key_id: str) -> APIKeyRecord | None:
        return self._file.get().get(key_id)

    # Management

    def records(self) -> Iterator[APIKeyRecord]:
        _, records = self._read()
        used = self._read_used()
        for id, record in records.items():
            at = used.get(id)
            yield (
                record
                if at is None
                else record.replace(last_used=datetime.fromtimestamp(at, timezone.utc))
            )

    def add(self, record: APIKeyRecord) -> None:
        """Keep a new one.

        Raises:
            ConfigurationError: its id is taken, or the file cannot be changed.
        """
        with _writing.locked(self._path):
            text, records = self._read()
            if record.id in records:
                raise ConfigurationError(f"there is a key {record.id} already")
            self._write(text, records, [record])

    def succeed(self, predecessor: APIKeyRecord, successor: APIKeyRecord) -> bool:
        with _writing.locked(self._path):
            text, records = self._read()
            now = records.get(predecessor.id)
            if now is None or now.replaced_by is not None or now.revoked is not None:
                return False
            self._write(text, records, [predecessor.replace(last_used=now.last_used), successor])
        return True

    def revoke(self, key_id: str, at: datetime) -> bool:
        with _writing.locked(self._path):
            text, records = self._read()
            record = records.get(key_id)
            if record is None:
                return False
            if record.revoked is None:
                self._write(text, records, [record.replace(revoked=at)])
        return True

    def touch(self, used: Mapping[str, float]) -> None:
        with _writing.locked(self._used):
            known = self._read_used()
            known |= {id: max(at, known.get(id, at)) for id, at in used.items()}
            _writing.replace(self._used, json.dumps(known))

    def _read(self) -> tuple[str, Records]:
        try:
            text = self._path.read_text("utf-8")
            return text, self._format.read(text.encode())
        except FileNotFoundError:
            return "", {}
        except OSError as error:
            raise ConfigurationError(f"{self._path}: {error.strerror}") from None
        except ValueError as error:
            raise ConfigurationError(f"{self._path}: {error}") from None

    def _write(self, text: str, records: Records, changed: Sequence[APIKeyRecord]) -> None:
        edited = self._format.edit(text, changed)
        expected = {**records, **{record.id: record for record in changed}}
        try:
            found = self._format.read(edited.encode())
        except ValueError:
            found = {}
        # Whoever lays out tables in another way than we do edits them by hand: nothing is lost.
        if _plain(found) != _plain(expected):
            raise ConfigurationError(
                f"{self._path} is laid out otherwise than the command writes it: put each key into"
                " a table [keys.ID] of its own, or edit the file by hand"
            )
        try:
            _writing.replace(self._path, edited)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: {error.strerror}") from None

    def _read_used(self) -> dict[str, float]:
        try:
            used = json.loads(self._used.read_bytes())
        except (OSError, ValueError):
            return {}  # it serves a report: what is not known reads as never
        if not isinstance(used, dict):
            return {}
        return {id: at for id, at in used.items() if isinstance(at, (int, float))}


def _plain(records: Records) -> dict[str, object]:
    return {id: record.as_dict() for id, record in records.items()}
