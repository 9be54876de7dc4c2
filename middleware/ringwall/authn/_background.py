"""Work that no request waits for: a task under ASGI, a thread under WSGI."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any

from .._pending import Pending, asettle, settle

# An event loop keeps only weak references to its tasks.
_tasks: set[asyncio.Task[None]] = set()


def in_background(work: Pending[None], interface: str) -> bool:
    """Start `work`, which raises nothing, beside the request; False: it cannot be started here.

    Parameters:
        work: driven in the colour of the interface. Closed if it is not started.
        interface: "asgi" or "wsgi".
    """
    try:
        if interface == "wsgi":
            # A daemon: the end of the process does not wait for an issuer.
            thread = threading.Thread(
                target=settle, args=(work,), name="ringwall-background", daemon=True
            )
            thread.start()
        else:
            loop = asyncio.get_running_loop()
            # An empty context: nothing of the request, such as its trace, goes along.
            contextvars.Context().run(_start, loop, asettle(work))
    except RuntimeError:  # no event loop of asyncio here, or no further thread to be had
        work.close()
        return False
    return True


def _start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    task = loop.create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
