"""How long each layer took, in a share of the records."""

from __future__ import annotations

from typing import Any

import pytest

from audit_support import ASGIApp, Clock, Gate, Lines, WSGIApp, call_asgi, call_wsgi, scope
from ringwall import Audit, Authorization, Layer, Stack, public
from ringwall._errors import ConfigurationError
from ringwall._pending import Call
from ringwall.audit.canonical import canonical, parse
from ringwall.problem import problem

TEAPOT = problem(418, "No.", code="no")


class Slow(Layer):
    """Takes its time, by the clock of the test: at once, and then in I/O."""

    def __init__(self, name: str, clock: Clock, at_once: float, later: float = 0.0) -> None:
        self.name = name
        self._clock, self._at_once, self._later = clock, at_once, later

    def on_request(self, exchange: Any) -> Any:
        self._clock.now += self._at_once
        if exchange.path == "/bug":
            raise RuntimeError
        if exchange.path == "/refused":
            return TEAPOT
        return self._wait(exchange) if self._later else None

    def _wait(self, exchange: Any) -> Any:
        yield Call(self._sleep, self._asleep)
        return TEAPOT if exchange.path == "/late" else None

    def _sleep(self) -> None:
        self._clock.now += self._later

    async def _asleep(self) -> None:
        self._sleep()


def stack(lines: Lines, clock: Clock, timings: float = 1.0) -> Stack:
    audit = Audit(lines, timings=timings, clock=clock)
    slow = [Slow("one", clock, 1.0), Slow("two", clock, 2.0, 3.0), Slow("one", clock, 4.0)]
    return Stack(audit, Gate(), *slow)


def app(clock: Clock) -> Any:
    def wsgi(environ: Any, start_response: Any) -> Any:
        clock.now += 0.5
        return WSGIApp()(environ, start_response)

    return wsgi


def test_each_layer_has_its_time_and_the_app_the_rest() -> None:
    lines, clock = Lines(), Clock()
    call_wsgi(stack(lines, clock).wsgi(app(clock)))
    told = lines.only["timings"]
    assert told == {"app": 500_000, "gate": 0, "one": 5_000_000, "two": 5_000_000}
    assert sum(told.values()) == lines.only["duration_us"]
    assert canonical(parse(lines.lines[0])) == lines.lines[0]

    lines, clock = Lines(), Clock()
    call_asgi(stack(lines, clock).asgi(ASGIApp()))
    assert lines.only["timings"] == {"app": 0, "gate": 0, "one": 5_000_000, "two": 5_000_000}


@pytest.mark.parametrize("path", ["/bug", "/refused", "/late", "/no"])
def test_a_request_that_is_refused_has_the_times_so_far(path: str) -> None:
    lines, clock = Lines(), Clock()
    served = ASGIApp()
    call_asgi(stack(lines, clock).asgi(served), scope(path))
    assert served.calls == 0
    expected = {"/no": {"gate"}, "/late": {"gate", "one", "two"}}.get(path, {"gate", "one"})
    assert lines.only["timings"].keys() == expected, "and the app has none"


def test_what_the_boundary_refuses_is_no_time_of_the_app() -> None:
    lines, clock = Lines(), Clock()
    served = ASGIApp()
    walled = Stack(Audit(lines, timings=1, clock=clock), Authorization(public("*", "/**")))
    call_asgi(walled.asgi(served), scope("//a"))
    assert served.calls == 0
    assert lines.only["status"] == 400
    assert lines.only["timings"] == {}


def test_a_share_of_the_records_tells() -> None:
    lines, clock = Lines(), Clock()
    walled = stack(lines, clock, 0.25).wsgi(WSGIApp())
    for _ in range(9):
        call_wsgi(walled)
    told = ["timings" in record for record in lines.records]
    assert told == [True, False, False, False, True, False, False, False, True]


def test_without_the_option_no_hook_is_wrapped() -> None:
    lines, clock = Lines(), Clock()
    walled = stack(lines, clock, 0).wsgi(WSGIApp())
    call_wsgi(walled)
    assert "timings" not in lines.only
    plan = walled.__ringwall__  # type: ignore[attr-defined]
    assert all(step.hook.__name__ != "timed" for step in plan.steps)


def test_a_layer_may_have_any_name() -> None:
    lines, clock = Lines(), Clock()
    names = ['a"\\', "app", "\ud800", "é\u202e"]
    layers = [Slow(name, clock, 1.0) for name in names]
    call_wsgi(Stack(Audit(lines, timings=1, clock=clock), *layers).wsgi(WSGIApp()))
    assert lines.only["timings"]["app"] == 1_000_000
    assert len(lines.only["timings"]) == 4
    assert canonical(parse(lines.lines[0])) == lines.lines[0]


@pytest.mark.parametrize("given", [-0.1, 1.1, True, "1", None, float("nan")])
def test_what_is_no_share_is_told_at_construction(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="write a share"):
        Audit(Lines(), timings=given)
