"""A file that processes share: open once in each, changed by one thread of one at a time."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from .._errors import MissingDependency

try:
    import fcntl

    import lmdb
except ImportError:
    raise MissingDependency("lmdb", "lmdb", "A store in LMDB (on POSIX systems)") from None

from ._complaint import Complaint
from .store import StoreUnavailable

T = TypeVar("T")

# An entry takes about 70 bytes, the pages of a B+ tree are two thirds full on average, and each
# transaction copies the pages that it changes. The file is sparse.
_BYTES_PER_KEY = 256
_SPARE = 4 << 20


def boot_id(path: str = "/proc/sys/kernel/random/boot_id") -> str:
    """Names this run of the machine, where the system tells (Linux); else always the same."""
    try:
        return Path(path).read_text("ascii").strip()
    except OSError:
        return "0"


class SharedFile:
    """The open file, and the right to change it, which one thread of one process has at a time.

    LMDB's own lock would do, but it waits without end for a process that is stopped.
    """

    def __init__(self, folder: str, max_keys: int) -> None:
        name = f"counts-{boot_id()}.mdb"
        # Written without fsync, which the kill of a process cannot harm but a crash of the machine
        # can: a file from before the last start is not even looked at.
        for old in Path(folder).glob("counts-*.mdb*"):
            if not old.name.startswith(name):
                old.unlink(missing_ok=True)
        self.threads = Lock()
        self.max_keys: int = max_keys
        self._failed = Complaint("the LMDB store fails (%s)")
        with ExitStack() as undo:  # each request tries again: a failure must leave nothing open
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock = os.open(Path(folder, "lock"), flags, 0o600)
            undo.callback(os.close, self._lock)
            self._environment: Any = lmdb.open(
                str(Path(folder, name)),
                map_size=max_keys * _BYTES_PER_KEY + _SPARE,
                subdir=False,
                mode=0o600,
                sync=False,
                metasync=False,
                readahead=False,
                writemap=True,
            )
            undo.callback(self._environment.close)
            # Written through the map: a full disk must fail here, not as SIGBUS in a request.
            if hasattr(os, "posix_fallocate"):  # all but macOS
                file = os.open(Path(folder, name), os.O_RDWR | os.O_CLOEXEC)
                try:
                    os.posix_fallocate(file, 0, max_keys * _BYTES_PER_KEY + _SPARE)
                finally:
                    os.close(file)
            undo.pop_all()

    def close(self) -> None:
        self._environment.close()
        os.close(self._lock)

    def enter(self) -> bool:
        """Whether it is now ours; `run` gives it back."""
        if not self.threads.acquire(blocking=False):
            return False
        try:
            # A record lock: the system frees it when the process ends, and a fork has no part.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.threads.release()
            return False
        return True

    def run(self, work: Callable[..., tuple[T, bool]], args: Any) -> T:
        """Do the work in a transaction, which is kept where it says so."""
        try:
            try:
                txn = self._environment.begin(write=True)
            except lmdb.MapResizedError:  # by a process that holds more keys
                self._environment.set_mapsize(0)
                txn = self._environment.begin(write=True)
            try:
                result, keep = work(txn, *args)
            except BaseException:
                txn.abort()
                raise
            if keep:
                txn.commit()
            else:
                txn.abort()
        except (lmdb.Error, struct.error) as error:  # or an entry that is none of ours
            self._failed(type(error).__name__)
            raise StoreUnavailable from None
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
            self.threads.release()
        return result


# LMDB forbids to open a file twice in a process, and to use what a fork inherited.
_files: dict[str, SharedFile] = {}
_complaints: dict[str, Complaint] = {}
_opening = Lock()


def open_file(folder: str, max_keys: int) -> SharedFile:
    file = _files.get(folder)
    if file is None:
        with _opening:
            file = _files.get(folder)
            if file is None:
                try:
                    file = _files[folder] = SharedFile(folder, max_keys)
                except (OSError, lmdb.Error) as error:
                    complaint = Complaint("the LMDB store cannot be opened (%s)")
                    _complaints.setdefault(folder, complaint)(type(error).__name__)
                    raise StoreUnavailable from None
    return file


def _before_fork() -> None:
    """No thread is amid a transaction then, so that the child inherits none."""
    _opening.acquire()
    for file in _files.values():
        file.threads.acquire()


def _after_fork_in_parent() -> None:
    for file in _files.values():
        file.threads.release()
    _opening.release()


def _after_fork_in_child() -> None:
    for file in _files.values():
        file.close()
    _files.clear()
    _opening.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
