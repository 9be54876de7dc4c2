"""Law 4: an exception inside an enforcing layer is a 500 problem and the app is not called; one
inside an observing layer never reaches the request."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_support import layers_of
from laws import strategies as our
from ringwall.testing import Request, SampleApp, check_closed, run


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@settings(deadline=None, max_examples=100)
@given(scripts=our.stacks, app=our.sample_apps, request=our.requests())
def test_a_failing_layer_closes_the_door_unless_it_observes(interface, scripts, app, request):
    check_closed(lambda: layers_of(scripts), app, request, interface)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@settings(deadline=None, max_examples=100)
@given(scripts=our.stacks, request=our.requests(cut=st.just(False)))
def test_the_app_is_not_called_when_an_enforcing_layer_has_failed(interface, scripts, request):
    """Whatever stands around it and however it fails: at once, after I/O, or by nonsense."""
    done = run(interface, layers_of(scripts), SampleApp(), request)
    failures = {"raise", "garbage", "io-raise", "io-garbage", "refuse", "io-refuse"}
    if any(
        "on_request" in script.hooks
        and script.request in failures
        and (not script.observes or script.request in ("refuse", "io-refuse"))
        for script in scripts
    ):
        assert done.seen == []
        assert done.result.status >= 400 or done.result.status == 299
        assert done.result.error is None


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_an_enforcing_layer_that_fails_on_the_response_replaces_it(interface):
    from core_support import Script

    done = run(interface, layers_of([Script(response=(("raise", b""),))]), SampleApp(), Request())
    assert done.result.status == 500
    assert dict(done.result.headers)[b"content-type"] == b"application/problem+json"
    assert b"hello" not in done.result.body
