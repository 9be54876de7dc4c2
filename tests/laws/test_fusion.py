"""Law 1: one stack of layers equals the same layers wrapped one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_support import layers_of
from laws import strategies as our
from ringwall.testing import check_fusion

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@settings(deadline=None, max_examples=200)
@given(our.stacks, our.asgi_apps, our.requests(websocket=st.booleans()))
def test_a_stack_equals_its_layers_wrapped_one_by_one_under_asgi(scripts, app, request):
    check_fusion(lambda: layers_of(scripts), app, request, "asgi")


@settings(deadline=None, max_examples=200)
@given(our.stacks, our.wsgi_apps, our.requests())
def test_a_stack_equals_its_layers_wrapped_one_by_one_under_wsgi(scripts, app, request):
    check_fusion(lambda: layers_of(scripts), app, request, "wsgi")
