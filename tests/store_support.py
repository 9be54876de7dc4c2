"""What the tests of shared stores have in common: one operation in either colour."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ringwall._pending import asettle, settle


class Blocking:
    """Operations as a WSGI worker runs them."""

    def __call__(self, answer: Any) -> Any:
        return settle(answer) if hasattr(answer, "send") else answer


class Looping:
    """Operations as an ASGI server runs them, on one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __call__(self, answer: Any) -> Any:
        if hasattr(answer, "send"):
            return self.loop.run_until_complete(asettle(answer))
        return answer

    def close(self) -> None:
        """As `asyncio.run` ends."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


@pytest.fixture(params=["wsgi", "asgi"])
def run(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "wsgi":
        yield Blocking()
        return
    looping = Looping()
    yield looping
    looping.close()
