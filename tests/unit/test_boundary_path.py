"""The path matrix: what two readers could read differently never reaches an app whose stack
decides by path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_support import Script, Scripted
from ringwall import ConfigurationError, Stack
from ringwall._boundary.path import RELAXATIONS, PathCheck
from ringwall.testing import Request, SampleApp, drive, run

PLAIN = [
    b"/",
    b"/v1/orders",
    b"/v1/orders/",
    b"/a.b/c..d/...",
    b"/a%20b",
    b"/%e2%82%ac",
    b"/~a_b-c",
]
AMBIGUOUS = [
    b"//admin/users",
    b"///admin/users",
    b"/admin//users",
    b"/admin/users//",
    b"/admin%2fusers",
    b"/admin%2Fusers",
    b"/admin%5cusers",
    b"/admin%5Cusers",
    b"/admin\\users",
    b"/\\evil.example",
    b"/admin/users%0a",
    b"/admin/users%0d",
    b"/admin/users%00",
    b"/admin/users%09",
    b"/admin/users%7f",
    b"/admin/users%c2%85",
    b"/admin/../users",
    b"/admin/..",
    b"/admin/./users",
    b"/.",
    b"/..",
    b"/%2e%2e/users",
    b"/%2e/users",
    b"/.%2e/users",
    b"/admin;x/users",
    b"/admin/users;a=1",
    b"/admin/..;/users",
    b"/admin%3bx",
    b"/admin%252fusers",
    b"/admin%252e%252e/users",
    b"/100%25",
    b"/%ff",
    b"/%c0%af",
    b"/%ed%a0%80",
    b"/a#b",
    b"/a%",
    b"/%zz",
    b"admin/users",
    b"",
    b"*",
    b"?a",
    b"@evil.example",
    b".evil.example/x",
    b"http://api.example.com/admin/users",
    b"evil.example:443",
]
by_path = Script(by_path=True)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("target", AMBIGUOUS)
def test_an_ambiguous_path_is_refused_before_a_layer_that_decides_by_path(interface, target):
    app = SampleApp()
    done = run(interface, [Scripted("by path", by_path)], app, Request(target=target))
    assert done.result.status == 400
    assert app.seen == []
    assert [decision.layer for decision in done.decisions] == ["boundary"]
    assert done.decisions[0][1:4] == ("deny", "strict", "ambiguous-path")
    shown = target.strip(b"/.*?%")
    assert len(shown) < 4 or shown not in done.result.body


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("target", PLAIN)
def test_a_plain_path_passes(interface, target):
    app = SampleApp()
    assert (
        run(interface, [Scripted("p", by_path)], app, Request(target=target)).result.status == 200
    )
    assert len(app.seen) == 1


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("target", AMBIGUOUS)
def test_layers_that_do_not_decide_by_path_are_transparent_to_odd_paths(interface, target):
    app = SampleApp()
    run(interface, [Scripted("not by path", Script())], app, Request(target=target))
    assert len(app.seen) == 1


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("target", AMBIGUOUS)
def test_strict_refuses_them_whatever_the_layers_are(interface, target):
    app = SampleApp()
    for layers in ([], [Scripted("a", Script())], [Scripted("a", Script(tolerant=True))]):
        stack = Stack(*layers, paths="strict")
        wrapped = getattr(stack, interface)(getattr(app, interface))
        assert drive(interface, wrapped, Request(target=target)).status == 400
    assert app.seen == []


@pytest.mark.parametrize("target", [b"/100%25", b"/a%252fb", b"/%zz"])
def test_without_a_raw_path_a_percent_sign_tells_of_a_second_encoding(target):
    """wsgiref and waitress keep the raw path to themselves."""
    app = SampleApp()
    environ = Request(target=target).environ()
    del environ["RAW_URI"]
    statuses = []
    wrapped = Scripted("by path", by_path).wsgi(app.wsgi)
    list(wrapped(environ, lambda status, *rest: statuses.append(status)))
    assert statuses == ["400 Bad Request"]
    assert app.seen == []


@pytest.mark.parametrize(
    ("name", "path", "raw"),
    [
        ("double-slash", "/a//b", b"/a//b"),
        ("double-slash", "//", b"//"),
        ("semicolon", "/a;x=1/b", b"/a;x=1/b"),
        ("backslash", "/a\\b", b"/a\\b"),
        ("encoded-backslash", "/a\\b", b"/a%5Cb"),
        ("encoded-slash", "/a/b", b"/a%2Fb"),
        ("encoded-percent", "/a%b", b"/a%25b"),
    ],
)
def test_each_relaxation_lets_through_what_it_names_and_nothing_else_does(name, path, raw):
    assert PathCheck([name])(path, raw)
    others = RELAXATIONS - {name} - ({"encoded-backslash"} if name == "backslash" else set())
    others -= {"backslash"} if name == "encoded-backslash" and b"%" not in raw else set()
    assert not PathCheck(others)(path, raw)


@pytest.mark.parametrize("name", sorted(RELAXATIONS))
@pytest.mark.parametrize(
    "path", ["/a/../b", "/..;/b", "/..\\b", "/.;x/b", "/a\x00", "a", "", "/a\n"]
)
def test_no_relaxation_lets_dot_segments_or_controls_through(name, path):
    """Nor in the guise of path parameters: "..;" is a dot segment to some routers."""
    assert not PathCheck([name])(path, None)
    assert not PathCheck(RELAXATIONS)(path, None)


def test_a_path_beyond_ascii_is_judged_with_and_without_its_raw_form():
    check = PathCheck()
    assert check("/caf\xe9", None)
    assert check("/caf\xe9", b"/caf%C3%A9")
    assert not check("/caf\xe9", b"/caf%C3%A9%2f")
    assert not check("/caf\ufffd", None)


def test_an_unknown_relaxation_is_a_configuration_error_that_teaches():
    with pytest.raises(ConfigurationError, match="did you mean 'semicolon'"):
        PathCheck(["semicolons"])
    assert Stack(relax="semicolon")._boundary is not None


def test_the_root_of_a_mounted_app_is_a_path_and_an_empty_target_is_not():
    layer = Scripted("by path", by_path)
    for interface in ("asgi", "wsgi"):
        mounted = Request(target=b"/api", root="/api")
        assert run(interface, [layer], SampleApp(), mounted).result.status == 200
        assert run(interface, [layer], SampleApp(), Request(target=b"")).result.status == 400


@given(st.text(), st.none() | st.binary())
def test_whatever_passes_has_one_reading(path, raw):
    if PathCheck()(path, raw):
        assert path.startswith("/")
        segments = path[1:].split("/")
        assert not {".", ".."} & set(segments)
        assert "" not in segments[:-1]
        assert not any(ord(character) < 32 or character in ";\\%\x7f\ufffd" for character in path)
        assert raw is None or not {b"%2f", b"%5c", b"%00", b"%25"} & {
            raw[i : i + 3].lower() for i in range(len(raw))
        }
