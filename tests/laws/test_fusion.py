"""Law 1: one stack of layers equals the same layers wrapped one by one."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_support import Script, WSGIBehaviour, layers_of
from laws import strategies as our
from ringwall.testing import Request, SampleApp, check_fusion

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@settings(deadline=None, max_examples=200)
@given(our.stacks, our.asgi_apps, our.requests(websocket=st.booleans()))
def test_a_stack_equals_its_layers_wrapped_one_by_one_under_asgi(scripts, app, request):
    check_fusion(lambda: layers_of(scripts), app, request, "asgi")


@settings(deadline=None, max_examples=200)
@given(our.stacks, our.wsgi_apps, our.requests())
def test_a_stack_equals_its_layers_wrapped_one_by_one_under_wsgi(scripts, app, request):
    check_fusion(lambda: layers_of(scripts), app, request, "wsgi")


A, B = (b"x-a", b"3"), (b"x-b", b"4")
# Without a hook for the response, additions leave in one batch.
adding = functools.partial(Script, hooks=frozenset({"on_request", "on_complete"}))
SETS_A, FAILS = (("set", b"x-a"),), (("raise", b""),)


@pytest.mark.parametrize(
    "scripts",
    [
        # Generated stacks seldom hold these pairs: what layers add, beside those that could notice.
        pytest.param((adding(adds=(A,)), adding(adds=((b"x-a", b"4"), B))), id="the-same-name"),
        pytest.param((adding(adds=(A,)), adding("refuse", adds=(B,))), id="refused-further-in"),
        pytest.param((adding(adds=(A,)), adding("raise", adds=(B,))), id="failed-further-in"),
        pytest.param(
            (adding(adds=(A,)), Script(response=FAILS), adding(adds=(B,))), id="failed-on-response"
        ),
        pytest.param((adding(adds=(A,)), Script(response=SETS_A)), id="set-further-in"),
        pytest.param((Script(response=SETS_A), adding(adds=(A,))), id="set-further-out"),
        pytest.param(
            (adding(adds=(B,)), adding(adds=(A,)), Script(response=SETS_A)), id="not-in-one-batch"
        ),
        pytest.param(
            (Script(response=(("remove", b"x-a"),), seldom=True), adding(adds=(A,))), id="removed"
        ),
        pytest.param(
            (Script(constant=(A,)), adding(adds=((b"x-a", b"4"),))), id="constant-outside"
        ),
        pytest.param((adding(adds=(A,)), Script(constant=((b"x-a", b"4"),))), id="constant-inside"),
        pytest.param((adding(adds=(A,)), Script(reading="upper", adds=(B,))), id="read-further-in"),
    ],
)
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_what_layers_add(scripts, interface):
    apps = [SampleApp(), SampleApp(headers=((b"X-A", b"app"),)), SampleApp(fails="before")]
    for app in apps:
        check_fusion(lambda: layers_of(scripts), app, Request(), interface)


@pytest.mark.parametrize("fails", ["before", "first"])
@pytest.mark.parametrize(
    "scripts",
    [
        (Script(), Script()),
        (Script(reading="untouched"), Script(), Script()),
        (Script(), Script(reading="untouched"), Script(hooks=frozenset())),
        (Script(response=FAILS), Script()),
    ],
)
def test_an_app_that_raises_after_it_has_written_is_answered_by_one_attempt(scripts, fails):
    """The server refuses the second head. No stack further out makes the hooks see it again."""
    app = WSGIBehaviour(style="write", fails=fails)
    check_fusion(lambda: layers_of(scripts), app, Request(), "wsgi")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("reading", ["same", "upper", "untouched"])
@pytest.mark.parametrize("style", ["list", "tuple", "empty", "iterator", "lazy", "write"])
def test_readers_beside_layers_that_fail_on_the_response_under_wsgi(style, reading, method):
    """A list that is replaced ends its exchange at once, whatever yields when it is closed; and a
    body that is read has begun, even where nobody gets to see it."""
    reads, fails, passes = Script(reading=reading), Script(response=FAILS), Script()
    for scripts in ((reads, fails, passes), (fails, reads), (passes, fails, reads)):
        for failing in ("", "before", "first", "within", "close"):
            app = WSGIBehaviour(style=style, fails=failing)
            check_fusion(lambda scripts=scripts: layers_of(scripts), app, Request(method), "wsgi")
