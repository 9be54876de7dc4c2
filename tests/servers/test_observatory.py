"""A scan of the demo by the public scoring rules of an HTTP observatory, over real sockets."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from observatory import ORIGIN, Page, score
from ringwall import HTTPS, SecurityHeaders, Stack
from ringwall.cli.demo.session import Session
from ringwall.testing import Request, drive

BEST = {
    "csp": "no-unsafe",
    "cookies": "secure-with-httponly-sessions-and-samesite",
    "cors": "not-implemented",
    "redirection": "to-https",
    "referrer-policy": "private",
    "hsts": "at-least-six-months",
    "sri": "all-scripts-from-here",
    "x-content-type-options": "nosniff",
    "x-frame-options": "via-csp",
    "corp": "same-origin",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, ssl.SSLContext]]:
    folder = tmp_path_factory.mktemp("demo")
    with Session(folder, None, "browser", say=lambda *_: None) as session:
        yield session, ssl.create_default_context(cafile=str(folder / "ca.pem"))


def fetch(
    url: str, context: ssl.SSLContext, method: str = "GET", **headers: str
) -> tuple[int, dict[str, list[str]], str]:
    """One request, followed nowhere; the certificate must be right."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection = http.client.HTTPConnection(host, port, timeout=10)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    lines = {"Accept": "text/html", **{key.replace("_", "-"): v for key, v in headers.items()}}
    connection.request(method, parts.path, headers=lines)
    response = connection.getresponse()
    found: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        found.setdefault(name.lower(), []).append(value)
    body = response.read().decode()
    connection.close()
    return response.status, found, body


def scan(https: int, plain: int, context: ssl.SSLContext) -> Page:
    """What a scanner asks: the page, the way from http:// to it, robots.txt, and a preflight."""
    origin = f"https://localhost:{https}"
    status, headers, body = fetch(f"{origin}/", context)
    assert status == 200
    url = f"http://localhost:{plain}/"
    redirects, cookies = [url], list(headers.get("set-cookie", []))
    for _ in range(5):
        status, found, _ = fetch(url, context)
        cookies += found.get("set-cookie", [])
        if status not in (301, 302, 307, 308):
            break
        url = found["location"][0]
        redirects.append(url)
    _, robots, _ = fetch(f"{origin}/robots.txt", context)
    cookies += robots.get("set-cookie", [])
    preflight = {"Access_Control_Request_Method": "GET", "Origin": ORIGIN}
    _, answer, _ = fetch(f"{origin}/", context, "OPTIONS", **preflight)
    return Page(headers, body, cookies, redirects, answer)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_demo_gets_the_top_grade(demo: tuple[Session, ssl.SSLContext], interface: str) -> None:
    session, context = demo
    asgi, wsgi, plain, _ = session.ports
    page = scan(asgi if interface == "asgi" else wsgi, plain, context)
    points, grade, results = score(page)
    # For localhost the demo asks browsers to remember HTTPS for five minutes only.
    assert results == BEST | {"hsts": "less-than-six-months"}
    assert (points, grade) == (120, "A+")
    assert "server" not in page.headers
    assert page.headers["set-cookie"] == ["visited=yes; Secure; HttpOnly; SameSite=Lax"]


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_page_s_own_tags_have_the_nonce_of_the_request_and_the_injected_one_has_none(
    demo: tuple[Session, ssl.SSLContext], interface: str
) -> None:
    session, context = demo
    port = session.ports[interface == "wsgi"]
    nonces = set()
    for _ in range(2):
        _, headers, body = fetch(f"https://localhost:{port}/", context)
        [policy] = headers["content-security-policy"]
        tags = re.findall(r"<(?:script|style)([^>]*)>", body)
        nonce = re.findall(r"'nonce-([^']+)'", policy)[0]
        assert tags == [f' nonce="{nonce}"'] * 2 + [""]
        nonces.add(nonce)
    assert len(nonces) == 2


def test_the_tour_passes_with_the_page(tmp_path: Path) -> None:
    said: list[str] = []
    with Session(tmp_path, None, "browser", say=said.append) as session:
        session.explain()
        assert session.tour() == 0
    assert any(f"Open https://localhost:{session.ports[0]}/ in a browser" in line for line in said)


def test_the_api_preset_has_no_page(tmp_path: Path) -> None:
    with Session(tmp_path, None, say=lambda *_: None) as session:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        for port in session.ports[:2]:
            status, headers, _ = fetch(f"https://localhost:{port}/", context)
            assert status == 401
            assert headers["content-security-policy"][0].startswith("default-src 'none'")


def headers_of(stack: Stack) -> dict[str, list[str]]:
    def app(environ: object, start_response: object) -> list[bytes]:
        headers = [("Content-Type", "text/html"), ("Set-Cookie", "session=1")]
        start_response("200 OK", headers)  # type: ignore[operator]
        return [b""]

    lines = drive("wsgi", stack.wsgi(app), Request()).lines
    return {name.decode(): [v.decode() for v in values] for name, values in lines.items()}


WAY = ["http://api.example.com/", "https://api.example.com/"]


@pytest.mark.parametrize(
    ("preset", "csp", "points"), [("browser", "no-unsafe", 130), ("api", None, 135)]
)
def test_the_defaults_lose_no_point(preset: str, csp: str | None, points: int) -> None:
    stack = Stack(SecurityHeaders(preset), HTTPS(hosts=["api.example.com"]))  # type: ignore[arg-type]
    headers = headers_of(stack)
    got = score(Page(headers, "<script></script>", headers["set-cookie"], WAY, {}))
    assert got.results == BEST | {"csp": csp or "no-unsafe-default-src-none"}
    assert (got.points, got.grade) == (points, "A+")


# The rules themselves, or a scan that cannot fail would prove nothing.

GOOD = {
    "content-security-policy": ["default-src 'self'; frame-ancestors 'self'"],
    "cross-origin-resource-policy": ["same-origin"],
    "referrer-policy": ["no-referrer"],
    "strict-transport-security": ["max-age=63072000"],
    "x-content-type-options": ["nosniff"],
    "x-frame-options": ["DENY"],
    "content-type": ["text/html"],
}
POLICY = "content-security-policy"


def test_a_bare_page_fails() -> None:
    assert score(Page({}, "", [], ["http://localhost/"], {}))[:2] == (10, "F")


@pytest.mark.parametrize(
    ("test", "result", "change"),
    [
        ("csp", "no-unsafe", {}),
        ("csp", "invalid", {POLICY: ["img-src *; img-src 'self'"]}),
        ("csp", "unsafe-inline", {POLICY: ["script-src 'unsafe-inline'; object-src 'none'"]}),
        ("csp", "unsafe-inline", {POLICY: ["img-src 'self'"]}),
        ("csp", "insecure-scheme", {POLICY: ["default-src 'self' http://a.example"]}),
        ("csp", "unsafe-eval", {POLICY: ["default-src 'self' 'unsafe-eval'"]}),
        (
            "csp",
            "insecure-scheme-in-passive-content-only",
            {POLICY: ["default-src 'self'; img-src http://a.example"]},
        ),
        ("csp", "unsafe-in-style-src-only", {POLICY: ["default-src 'self'; style-src data:"]}),
        ("csp", "no-unsafe", {POLICY: ["default-src 'unsafe-inline' 'nonce-abc'"]}),
        ("x-frame-options", "sameorigin-or-deny", {POLICY: ["default-src 'self'"]}),
        ("x-frame-options", "allow-from", {POLICY: [], "x-frame-options": ["ALLOW-FROM x"]}),
        ("x-frame-options", "invalid", {POLICY: [], "x-frame-options": ["*"]}),
        ("x-frame-options", "not-implemented", {POLICY: [], "x-frame-options": []}),
        ("x-content-type-options", "invalid", {"x-content-type-options": ["sniff"]}),
        ("referrer-policy", "unsafe", {"referrer-policy": ["no-referrer, unsafe-url"]}),
        ("referrer-policy", "invalid", {"referrer-policy": ["none"]}),
        ("hsts", "invalid", {"strict-transport-security": ["max-age=1, max-age=2"]}),
        ("corp", "invalid", {"cross-origin-resource-policy": ["same"]}),
        ("sri", "no-html", {"content-type": ["application/json"]}),
    ],
)
def test_a_header_is_judged(test: str, result: str, change: dict[str, list[str]]) -> None:
    assert score(Page({**GOOD, **change}, "", [], WAY, {})).results[test] == result


@pytest.mark.parametrize(
    ("result", "cookie", "hsts"),
    [
        ("secure-with-httponly-sessions", "id=1; Secure", True),
        ("without-secure-but-hsts", "id=1; SameSite=Lax", True),
        ("without-secure", "id=1; SameSite=Lax", False),
        ("session-without-secure", "session=1; HttpOnly; SameSite=Lax", False),
        ("session-without-secure-but-hsts", "login=1; HttpOnly; SameSite=Lax", True),
        ("session-without-httponly", "session=1; Secure; SameSite=Lax", True),
        ("anticsrf-without-samesite", "csrf=1; Secure", True),
        ("samesite-invalid", "id=1; Secure; SameSite=Maybe", True),
        ("samesite-invalid", "id=1; SameSite=None", True),
    ],
)
def test_a_cookie_is_judged(result: str, cookie: str, hsts: bool) -> None:
    headers = GOOD if hsts else {**GOOD, "strict-transport-security": []}
    assert score(Page(headers, "", [cookie], WAY, {})).results["cookies"] == result


@pytest.mark.parametrize(
    ("result", "redirects"),
    [
        ("not-needed", []),
        ("missing", ["http://a.example/"]),
        ("not-to-https", ["http://a.example/", "http://b.example/"]),
        ("not-to-https-first", ["http://a.example/", "http://b.example/", "https://b.example/"]),
        ("off-host", ["http://a.example/", "https://b.example/"]),
    ],
)
def test_the_way_to_the_page_is_judged(result: str, redirects: list[str]) -> None:
    assert score(Page(GOOD, "", [], redirects, {})).results["redirection"] == result


@pytest.mark.parametrize(
    ("result", "allowed", "credentials"),
    [
        ("public", "*", ""),
        ("restricted", "https://a.example", "true"),
        ("restricted", ORIGIN, ""),
        ("universal-access", ORIGIN, "true"),
    ],
)
def test_the_preflight_is_judged(result: str, allowed: str, credentials: str) -> None:
    answer = {"access-control-allow-origin": [allowed]}
    answer |= {"access-control-allow-credentials": [credentials]}
    assert score(Page(GOOD, "", [], WAY, answer)).results["cors"] == result


@pytest.mark.parametrize(
    ("result", "tag"),
    [
        ("no-scripts", "<p>"),
        ("all-scripts-from-here", '<script src="/x.js">'),
        ("external-scripts-without-integrity", '<script src="https://b.example/x.js">'),
        ("external-scripts-insecure", '<script src="//b.example/x.js" integrity="sha256-x">'),
        ("external-scripts-insecure-without-integrity", '<script src="http://b.example/x.js">'),
    ],
)
def test_scripts_are_judged(result: str, tag: str) -> None:
    assert score(Page(GOOD, tag, [], WAY, {})).results["sri"] == result


def test_extra_credit_needs_90_points_without_it() -> None:
    without_hsts = {**GOOD, "strict-transport-security": []}
    assert score(Page(without_hsts, "", [], WAY, {}))[:2] == (80, "B+")
