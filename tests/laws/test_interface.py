"""Law 2: the same request through ASGI and WSGI gives the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core_support import layers_of
from laws import strategies as our
from ringwall.testing import check_interface


@settings(deadline=None, max_examples=200)
@given(our.stacks, our.sample_apps, our.requests(cut=st.just(False)))
def test_both_interfaces_answer_a_request_alike(scripts, app, request):
    check_interface(lambda: layers_of(scripts), app, request)
