"""Generated layers, apps and requests."""

from __future__ import annotations

from hypothesis import strategies as st

from core_support import ASGIBehaviour, Script, WSGIBehaviour
from ringwall.testing import Request, SampleApp

NAMES = [b"x-a", b"x-b", b"content-type", b"set-cookie"]
names = st.sampled_from(NAMES)
edits = st.one_of(
    st.tuples(st.sampled_from(["add", "set", "setdefault", "remove"]), names),
    st.sampled_from([("status", b""), ("raise", b"")]),
)
HOOKS = ["on_request", "on_response", "on_complete"]


def scripts(
    request=(
        "pass pass pass refuse authenticate deauthenticate raise garbage io io-refuse io-raise"
        " io-caught io-garbage read read read-lenient read-replace"
    ),
    edit=edits,
    reading="untouched same upper refuse raise garbage raise-head refuse-head garbage-head",
):
    return st.builds(
        Script,
        request=st.sampled_from(request.split()),
        response=st.lists(edit, max_size=2).map(tuple),
        complete=st.sampled_from(["nothing", "note", "note", "raise", "io", "io-raise"]),
        constant=st.lists(st.tuples(names, st.sampled_from([b"1", b"2"])), max_size=2).map(tuple),
        adds=st.lists(st.tuples(names, st.sampled_from([b"3", b"4"])), max_size=2).map(tuple),
        reading=st.sampled_from(["", "", *reading.split()]),
        limit=st.sampled_from([0, 3, 5, 100]),
        observes=st.booleans(),
        tolerant=st.booleans(),
        by_path=st.booleans(),
        seldom=st.booleans(),
        hooks=st.sets(st.sampled_from(HOOKS)).map(frozenset) | st.just(frozenset(HOOKS)),
    )


# No fewer than one: a stack of none is the boundary alone.
stacks = st.lists(scripts(), min_size=1, max_size=4)

targets = st.sampled_from(
    [b"/", b"/v1/orders", b"/v1/orders?a=1", b"//evil", b"/a/../b", b"/a%2fb", b"/a;b", b"*", b"",
     b"http://evil/x", b"/%ff", b"/a%0a", b"/%e2%82%ac", b"/a%252e", b"\\x"]
)  # fmt: skip
hosts = st.sampled_from(
    [
        ((b"host", b"api.example.com"),),
        ((b"host", b"api.example.com:8443"),),
        ((b"host", b"a b"),),
        ((b"host", b"a"), (b"host", b"b")),
        (),
    ]
)
extra = st.lists(
    st.tuples(
        st.sampled_from([b"x-want", b"x-other", b"cookie"]), st.sampled_from([b"1", b"\xe9"])
    ),
    max_size=3,
).map(tuple)


_never, _perhaps = st.just(False), st.booleans()


def requests(*, websocket=_never, cut=_perhaps):
    return st.builds(
        Request,
        method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "get", "PURGE", "WEBSOCKET"]),
        target=targets,
        headers=st.builds(lambda host, more: host + more, hosts, extra),
        body=st.lists(st.sampled_from([b"", b"ab", b"cdef"]), max_size=3).map(tuple),
        scheme=st.sampled_from(["http", "https"]),
        client=st.sampled_from(["192.0.2.7", "::ffff:192.0.2.7", "2001:DB8::1", None]),
        websocket=websocket,
        denial=st.booleans(),
        cut=cut,
    )


app_headers = st.lists(
    st.tuples(names.map(bytes.title) | names, st.sampled_from([b"app", b"app2"])), max_size=3
).map(tuple)

asgi_apps = st.builds(
    ASGIBehaviour,
    acts=st.sampled_from(
        [
            ("start", "body", "end"),
            ("start", "end"),
            ("start", "body", "empty", "body", "end"),
            ("hint", "start", "end"),
            ("bare-start", "end"),
            ("iterated-start", "end"),
            ("raise",),
            ("start", "raise"),
            ("start", "body", "raise"),
            ("start", "end", "raise"),
            ("start", "start", "end"),
            (),
        ]
    ),
    headers=app_headers,
    status=st.sampled_from([200, 204, 304, 404, 500]),
    reads=st.booleans(),
)
wsgi_apps = st.builds(
    WSGIBehaviour,
    style=st.sampled_from(["list", "tuple", "iterator", "lazy", "write", "restart", "empty"]),
    headers=app_headers.map(lambda lines: tuple((n.decode(), v.decode()) for n, v in lines)),
    status=st.sampled_from(["200 OK", "204 No Content", "404 Gone fishing", "500 Oops"]),
    fails=st.sampled_from(["", "", "call", "before", "first", "within", "close"]),
    reads=st.booleans(),
)
sample_apps = st.builds(
    SampleApp,
    status=st.sampled_from([200, 204, 404, 500]),
    headers=app_headers,
    chunks=st.lists(st.sampled_from([b"", b"one", b"two"]), max_size=3),
    reads=st.booleans(),
    fails=st.sampled_from([None, None, "before", "after"]),
)
