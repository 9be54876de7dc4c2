"""Law 2: the same request through ASGI and WSGI gives the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from core_support import layers_of
from laws import strategies as our
from ringwall.testing import check_interface


def without_ends(scripts):
    """What is inside of a layer that reads responses ends before it reads a WSGI body that is a
    list, and after it has read an ASGI one: who notes an end there notes it at another place."""
    for number, script in enumerate(scripts):
        if number and any(outer.reading for outer in scripts[:number]):
            script = replace(script, complete="nothing")
        yield script


@settings(deadline=None, max_examples=200)
@given(our.stacks, our.sample_apps, our.requests(cut=st.just(False)))
def test_both_interfaces_answer_a_request_alike(scripts, app, request):
    scripts = list(without_ends(scripts))
    check_interface(lambda: layers_of(scripts), app, request)
