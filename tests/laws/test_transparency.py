"""Law 3: a layer that does not refuse is invisible."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_support import layers_of
from laws import strategies as our
from ringwall.testing import check_transparency

# Layers that let everything pass, and add what they declare.
passing = our.scripts(
    request="pass pass io io-caught authenticate deauthenticate read-lenient",
    edit=st.tuples(st.sampled_from(["add", "set", "setdefault", "remove"]), our.names),
    reading="untouched",
).map(lambda script: script.__class__(**{**script.__dict__, "tolerant": True, "by_path": False}))
stacks = st.lists(passing, max_size=4)
well_formed = our.requests(cut=st.just(False)).filter(
    lambda request: request.method not in ("get", "WEBSOCKET") and len(request.headers) > 0
)


def is_plain(request):
    hosts = [value for name, value in request.headers if name == b"host"]
    return len(hosts) < 2 and b"a b" not in hosts


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@settings(deadline=None, max_examples=100)
@given(scripts=stacks, app=our.sample_apps, request=well_formed.filter(is_plain))
def test_layers_that_let_pass_cannot_be_seen(interface, scripts, app, request):
    check_transparency(lambda: layers_of(scripts), app, request, interface)


@settings(deadline=None, max_examples=100)
@given(scripts=stacks, app=our.asgi_apps, request=well_formed.filter(is_plain))
def test_every_asgi_message_passes_in_its_order(scripts, app, request):
    check_transparency(lambda: layers_of(scripts), app, request, "asgi")


@settings(deadline=None, max_examples=100)
@given(scripts=stacks, app=our.wsgi_apps, request=well_formed.filter(is_plain))
def test_every_wsgi_chunk_passes_in_its_order(scripts, app, request):
    check_transparency(lambda: layers_of(scripts), app, request, "wsgi")
