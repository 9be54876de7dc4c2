"""A process that audits as fast as it can, to be killed. It says what was kept, after it was.

python audit_writer.py LOG KEY never|interval|queued|sqlite
"""

from __future__ import annotations

import sys
import threading

from audit_support import WSGIApp, call_wsgi
from ringwall import Audit
from ringwall.audit import JSONLinesSink, QueuedSink, Sink, SQLiteSink


def open_sink(path: str, key: str, mode: str) -> Sink:
    """Small files and many checkpoints: a kill shall hit them, too."""
    if mode == "sqlite":
        return SQLiteSink(path, key=key, checkpoint_every=50)
    log = JSONLinesSink(
        path, key=key, checkpoint_every=50, rotate_size=200_000,
        fsync="interval" if mode == "interval" else "never", fsync_interval=0.05,
    )  # fmt: skip
    return QueuedSink(log, interval=0.002) if mode == "queued" else log


def main() -> None:
    app = Audit(open_sink(*sys.argv[1:4])).wsgi(WSGIApp())

    def load() -> None:
        while True:
            head = call_wsgi(app)
            sys.stdout.write(head[1]["x-request-id"] + "\n")

    for _ in range(3):
        threading.Thread(target=load, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
