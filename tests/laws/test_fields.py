"""The laws, held against rules that say what may be read and written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz_support import ADMIN, ALICE, As
from core_support import Script, Scripted
from ringwall import Authorization, allow, fields, role
from ringwall.testing import Request, SampleApp, check_closed, check_fusion, check_interface

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
JSON = (b"content-type", b"application/json")
LAYER = Authorization(
    allow("GET", "/a", reads=["/id", fields("/pay", when=role("admin"))]),
    allow("POST", "/a", writes=["/id"], reads=["/id"], unreadable="refuse"),
    allow("PATCH", "/a", writes=["/id"], unwritable="strip"),
    response_limit=40,
)
texts = st.sampled_from(
    [b"", b"1", b'{"id": 1}', b'{"id": 1, "pay": 2}', b'{"id": {"pay": 1}}', b"{", b"x" * 41]
)
apps = st.builds(
    SampleApp,
    status=st.sampled_from([200, 200, 204, 206, 304, 404, 500]),
    headers=st.sampled_from([(JSON,), (JSON, (b"etag", b"x")), ((b"content-type", b"a/b"),), ()]),
    chunks=st.lists(texts, max_size=2),
)
requests = st.builds(
    Request,
    method=st.sampled_from(["GET", "HEAD", "POST", "PATCH"]),
    target=st.sampled_from([b"/a", b"/b"]),
    headers=st.sampled_from([((b"host", b"a"), JSON), ((b"host", b"a"),)]),
    body=st.lists(texts, max_size=2).map(tuple),
)
around = st.tuples(
    st.sampled_from([ALICE, ADMIN, None]),
    st.sampled_from(["pass", "read-lenient", "refuse", "io"]),
)


def layers(who, inner):
    return [As(who), LAYER, Scripted("inner", Script(inner, complete="nothing"))]


@INTERFACES
@settings(deadline=None, max_examples=60)
@given(around=around, app=apps, request=requests)
def test_fusion(interface, around, app, request):
    check_fusion(lambda: layers(*around), app, request, interface)


@settings(deadline=None, max_examples=100)
@given(around=around, app=apps, request=requests)
def test_interface(around, app, request):
    check_interface(lambda: layers(*around), app, request)


@INTERFACES
@settings(deadline=None, max_examples=40)
@given(around=around, app=apps, request=requests)
def test_closed(interface, around, app, request):
    check_closed(lambda: layers(*around), app, request, interface)
