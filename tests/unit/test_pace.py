"""Bodies that come too slowly: 408 before the app, and no timer where nothing waits."""

from __future__ import annotations

import asyncio
import io
import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing

from ringwall import BodyValidation, ConfigurationError
from ringwall._pace import UNHURRIED, Pace, Within

SCHEMA = {"POST /v1/orders": True}
HEADERS = [(b"content-type", b"application/json")]


class Clock:
    """Goes on by one step whenever it is looked at."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 100.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


async def ask(layer: BodyValidation, receive: Any) -> tuple[int, bool]:
    sent: list[Any] = []
    called = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal called
        called = True
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/v1/orders",
        "query_string": b"",
        "headers": HEADERS,
        "client": ("192.0.2.1", 40000),
    }
    await layer.asgi(app)(scope, receive, send)
    return sent[0]["status"], called


def messages(*bodies: bytes) -> Any:
    """The bodies, and then nothing for ever."""
    waiting = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


@pytest.mark.parametrize("bodies", [(), (b"[1,",), (b"[", b"1", b",")])
def test_a_body_that_stops_is_408(bodies: tuple[bytes, ...]) -> None:
    layer = BodyValidation(SCHEMA, timeout=0.01)
    assert asyncio.run(ask(layer, messages(*bodies))) == (408, False)


@pytest.mark.parametrize("bodies", [(), (b"[1,",), (b"[", b"1", b",")])
def test_a_body_that_stops_is_408_under_trio(bodies: tuple[bytes, ...]) -> None:
    """Its clock jumps to whatever is waited for."""
    waiting = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]

    async def receive() -> Any:
        if not waiting:
            await trio.sleep_forever()
        return waiting.pop(0)

    async def run() -> tuple[tuple[int, bool], float]:
        begin = trio.current_time()
        return await ask(BodyValidation(SCHEMA), receive), trio.current_time() - begin

    answer, seconds = trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert answer == (408, False)
    assert 9 < seconds < 10.1


def test_a_result_in_time_and_a_cancellation_stay_what_they_are_under_trio() -> None:
    async def later() -> str:
        await trio.sleep(1)
        return "done"

    async def run() -> tuple[str, str, bool]:
        in_time = await Within(later, 2)
        no_hurry = await Within(later, math.inf)
        with trio.move_on_after(1) as outer:
            await Within(trio.sleep_forever, 60)
        return in_time, no_hurry, outer.cancelled_caught

    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(run, clock=clock) == ("done", "done", True)


def test_a_body_that_drips_is_408() -> None:
    """Each byte takes a second of the clock; ten are given, and then the rate counts."""
    dripped = 0

    async def receive() -> Any:
        nonlocal dripped
        dripped += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b" ", "more_body": True}

    layer = BodyValidation(SCHEMA, clock=Clock(1.0), minimum_rate="1 kB")
    assert asyncio.run(ask(layer, receive)) == (408, False)
    assert dripped < 20


def test_a_get_whose_body_never_comes_is_408() -> None:
    layer = BodyValidation({"GET /v1/orders": True}, timeout=0.01)
    assert asyncio.run(ask(layer, messages())) == (408, False)


def test_a_wsgi_body_that_drips_is_408() -> None:
    class Dripping(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b" "

    called = []
    status = []
    layer = BodyValidation(SCHEMA, clock=Clock(1.0))
    app = layer.wsgi(lambda environ, start_response: called.append(1) or [])
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/orders",
        "wsgi.url_scheme": "https",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "1000",
        "wsgi.input": Dripping(),
    }
    b"".join(app(environ, lambda line, headers, exc_info=None: status.append(line[:3])))
    assert (status, called) == (["408"], [])


def test_the_pace_grows_with_what_has_come() -> None:
    pace = Pace(timeout=60, rate=1000, grace=10, clock=lambda: 0.0)
    assert pace.left(0.0, 0) == 10
    assert pace.left(0.0, 5000) == 15
    assert pace.left(0.0, 10**9) == 60
    assert UNHURRIED.left(0.0, 0) == math.inf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout=0: write seconds"),
        ({"timeout": "60"}, "write seconds"),
        ({"timeout": True}, "write seconds"),
        ({"minimum_rate": "fast"}, "no size"),
    ],
)
def test_a_pace_that_is_none_teaches(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        BodyValidation(SCHEMA, **options)


class Step:
    """An awaitable of so many steps, outside of any event loop."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.thrown: list[BaseException] = []

    def __await__(self) -> Iterator[Any]:
        for _ in range(self.steps):
            try:
                yield None
            except RuntimeError as error:
                self.thrown.append(error)
        return "done"


def drive(awaitable: Any) -> Any:
    steps = awaitable.__await__()
    try:
        while True:
            steps.send(None)
    except StopIteration as done:
        return done.value


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("loaded", [trio, None])
def test_without_a_loop_there_is_no_timer(
    steps: int, loaded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trio", loaded)
    assert drive(Within(lambda: Step(steps), 1.0)) == "done"


def test_what_is_thrown_reaches_what_is_awaited() -> None:
    step = Step(3)
    running = Within(lambda: step, 1.0).__await__()
    running.send(None)
    error = RuntimeError("from outside")
    running.throw(error)
    assert step.thrown == [error]


def test_what_is_there_starts_no_timer() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        loop.call_later = None  # type: ignore[assignment,method-assign]
        return await Within(lambda: Step(0), 1.0)

    assert asyncio.run(main()) == "done"


def test_a_result_in_time_and_no_hurry() -> None:
    async def soon() -> str:
        await asyncio.sleep(0)
        return "done"

    async def main(seconds: float) -> str:
        return await Within(soon, seconds)

    assert asyncio.run(main(60)) == "done"
    assert asyncio.run(main(math.inf)) == "done"


def test_a_cancellation_by_somebody_else_stays_one() -> None:
    async def main() -> None:
        async def wait() -> None:
            await Within(asyncio.Event().wait, 60)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_time_that_is_over_is_no_cancellation() -> None:
    async def main() -> str:
        with pytest.raises(asyncio.TimeoutError):
            await Within(asyncio.Event().wait, 0)
        await asyncio.sleep(0)  # would raise, were the task still to be cancelled
        return "alive"

    assert asyncio.run(main()) == "alive"


class Plain:
    """An awaitable of a server that is no generator: it has no send and no throw (Granian's)."""

    def __init__(self, waits_for):
        self._waits_for = waits_for
        self._begun = False

    def __await__(self):
        return self

    __iter__ = __await__

    def __next__(self):
        if not self._begun:
            self._begun = True
            self._waits_for._asyncio_future_blocking = True
            return self._waits_for
        raise StopIteration("done")


def test_a_plain_iterator_is_awaited():
    async def run():
        ready = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(ready.set_result, None)
        return await Within(lambda: Plain(ready), 60.0)

    assert asyncio.run(run()) == "done"


def test_a_plain_iterator_that_takes_too_long_is_left():
    async def run():
        never = asyncio.get_running_loop().create_future()
        await Within(lambda: Plain(never), 0.0)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(run())


def test_a_length_counts_however_the_server_writes_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against ASGI, whose names are in lower case: the body that came is not the one declared."""
    monkeypatch.setattr(sys.modules[__name__], "HEADERS", [*HEADERS, (b"Content-Length", b"99")])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    assert asyncio.run(ask(BodyValidation(SCHEMA), receive)) == (400, False)
