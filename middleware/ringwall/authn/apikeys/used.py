"""When keys were last used: noted roughly, in batches, beside the requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..._pending import Call, Pending, perform
from .._background import in_background

_log = logging.getLogger("ringwall.authn")

_MOST = 65_536


class LastUsed:
    """Notes each key at most once per `every` seconds, and writes at most once in that time.

    A write goes on in the background; if it fails, the log says so and the requests do not. What
    was noted since the last write is lost when the process ends: it is for finding keys that
    nobody uses, not for billing.

    Parameters:
        touch, atouch: write times by id, in the two colours.
        every: seconds.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        touch: Callable[[Mapping[str, float]], object] | None,
        atouch: Callable[[Mapping[str, float]], Any] | None,
        every: float,
        clock: Callable[[], float],
    ) -> None:
        self._touch, self._atouch = touch, atouch
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}
        self._dirty: dict[str, float] = {}
        self._next_write = float("-inf")

    def __repr__(self) -> str:
        return "<LastUsed>"

    def note(self, id: str, interface: str) -> None:
        now = self._clock()
        if now - self._noted.get(id, float("-inf")) < self._every:
            return  # nearly always
        with self._lock:
            if len(self._noted) >= _MOST:
                self._noted.clear()
            self._noted[id] = self._dirty[id] = now
            if now < self._next_write and len(self._dirty) < _MOST:
                return
            self._next_write = now + self._every
            batch, self._dirty = self._dirty, {}
        # What has no port of this colour has one of the other (a store in a file): in a thread.
        colour = interface if self._has(interface) else "wsgi"
        in_background(self._write(batch), colour)

    def _has(self, interface: str) -> bool:
        return self._atouch is not None if interface == "asgi" else self._touch is not None

    def _write(self, batch: Mapping[str, float]) -> Pending[None]:
        try:
            yield from perform(Call(self._touch, self._atouch, batch))
        except Exception as error:  # noqa: BLE001  no request may fail for want of a note
            _log.warning("when API keys were last used was not noted: %s", type(error).__name__)
