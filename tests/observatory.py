"""The public scoring rules of Mozilla's HTTP Observatory, version 4 of its algorithm.

Source: the documentation of the HTTP Observatory on MDN, "Tests and scoring". Each test of a scan
ends with one result, and each result moves the score; points above 100 count only if without them
the score is 90 or more.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlsplit

MODIFIERS = {
    "csp": {
        "no-unsafe-default-src-none": 10,
        "no-unsafe": 5,
        "unsafe-in-style-src-only": 0,
        "insecure-scheme-in-passive-content-only": -10,
        "unsafe-eval": -10,
        "unsafe-inline": -20,
        "insecure-scheme": -20,
        "invalid": -25,
        "not-implemented": -25,
    },
    "cookies": {
        "secure-with-httponly-sessions-and-samesite": 5,
        "secure-with-httponly-sessions": 0,
        "not-found": 0,
        "without-secure-but-hsts": -5,
        "session-without-secure-but-hsts": -10,
        "without-secure": -20,
        "samesite-invalid": -20,
        "anticsrf-without-samesite": -20,
        "session-without-httponly": -30,
        "session-without-secure": -40,
    },
    "cors": {"not-implemented": 0, "public": 0, "restricted": 0, "universal-access": -50},
    "redirection": {
        "to-https": 0,
        "not-needed": 0,
        "off-host": -5,
        "not-to-https-first": -10,
        "not-to-https": -20,
        "missing": -20,
    },
    "referrer-policy": {"private": 5, "not-implemented": 0, "unsafe": -5, "invalid": -5},
    "hsts": {
        "at-least-six-months": 0,
        "less-than-six-months": -10,
        "not-implemented": -20,
        "invalid": -20,
    },
    "sri": {
        "all-scripts-secure": 5,
        "external-scripts-secure": 5,
        "no-html": 0,
        "no-scripts": 0,
        "all-scripts-from-here": 0,
        "external-scripts-without-integrity": -5,
        "external-scripts-insecure": -20,
        "external-scripts-insecure-without-integrity": -50,
    },
    "x-content-type-options": {"nosniff": 0, "not-implemented": -5, "invalid": -5},
    "x-frame-options": {
        "via-csp": 5,
        "sameorigin-or-deny": 0,
        "allow-from": 0,
        "not-implemented": -20,
        "invalid": -20,
    },
    "corp": {"same-origin": 10, "same-site": 10, "cross-origin": 0, "not-implemented": 0}
    | {"invalid": -5},
}
GRADES = {100: "A+", 90: "A", 85: "A-", 80: "B+", 70: "B", 65: "B-", 60: "C+", 50: "C", 45: "C-"}
GRADES |= {40: "D+", 30: "D", 25: "D-", 0: "F"}
LEAST_FOR_EXTRA_CREDIT = 90
SIX_MONTHS = 15_552_000
ORIGIN = "https://http-observatory.security.mozilla.org"

_BROAD = {"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"}
_UNSAFE = {"'unsafe-inline'", "data:"}
_PRIVATE = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
_LEAKY = {"origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"}


class Page(NamedTuple):
    """What a scan fetched.

    headers: of the page over TLS, by lower-case name. body: the page. cookies: Set-Cookie lines of
    all answers. redirects: the URLs on the way from http://, the first one included; none: there is
    nobody at port 80. preflight: headers of the answer to a preflight from `ORIGIN`.
    """

    headers: dict[str, list[str]]
    body: str
    cookies: list[str]
    redirects: list[str]
    preflight: dict[str, list[str]]


class Score(NamedTuple):
    points: int
    grade: str
    results: dict[str, str]


def score(page: Page) -> Score:
    """Points, grade, and the result of each test."""
    results = {
        "csp": _csp(page),
        "cookies": _cookies(page),
        "cors": _cors(page),
        "redirection": _redirection(page.redirects),
        "referrer-policy": _referrer_policy(page),
        "hsts": _hsts(page),
        "sri": _sri(page),
        "x-content-type-options": _content_type_options(page),
        "x-frame-options": _frame_options(page),
        "corp": _corp(page),
    }
    modifiers = [MODIFIERS[test][result] for test, result in results.items()]
    points = 100 + sum(modifier for modifier in modifiers if modifier < 0)
    if points >= LEAST_FOR_EXTRA_CREDIT:
        points += sum(modifier for modifier in modifiers if modifier > 0)
    points = max(points, 0)
    return Score(points, next(grade for least, grade in GRADES.items() if points >= least), results)


def _first(page: Page, name: str) -> str | None:
    values = page.headers.get(name)
    return values[0].strip().lower() if values else None


def _policy(page: Page) -> dict[str, set[str]] | None:
    """The directives of the one policy; None: a directive stands there twice, or there are two
    policies with it, which the original would intersect."""
    directives: dict[str, set[str]] = {}
    for value in page.headers.get("content-security-policy", []):
        for directive in filter(None, map(str.split, value.lower().split(";"))):
            if directive[0] in directives:
                return None
            directives[directive[0]] = set(directive[1:]) or {"'none'"}
    return directives


def _csp(page: Page) -> str:
    policy = _policy(page)
    if not policy:
        return "invalid" if policy is None else "not-implemented"
    fallback = policy.get("default-src", {"*"})
    scripts, styles = (policy.get(name, fallback) for name in ("script-src", "style-src"))
    objects = policy.get("object-src", fallback)
    for sources in (scripts, styles):
        if any(re.match("'(nonce|sha256|sha384|sha512)-", source) for source in sources):
            sources.discard("'unsafe-inline'")
    passive = {"img-src", "media-src"}
    active = set().union(*(policy[name] for name in policy.keys() - passive))
    shown = set().union(*(policy.get(name, fallback) for name in passive))
    if scripts & (_BROAD | _UNSAFE) or objects & _BROAD:
        return "unsafe-inline"
    if any(source.startswith(("http:", "ftp:")) for source in active):
        return "insecure-scheme"
    if "'unsafe-eval'" in scripts | styles:
        return "unsafe-eval"
    if any(source.startswith(("http:", "ftp:")) for source in shown):
        return "insecure-scheme-in-passive-content-only"
    if styles & (_BROAD | _UNSAFE):
        return "unsafe-in-style-src-only"
    return "no-unsafe-default-src-none" if fallback == {"'none'"} else "no-unsafe"


def _cookies(page: Page) -> str:
    if not page.cookies:
        return "not-found"
    found = ["secure-with-httponly-sessions-and-samesite"]
    protected = _hsts(page) == "at-least-six-months"
    for line in page.cookies:
        pair, *rest = line.lower().split(";")
        name = pair.partition("=")[0].strip()
        attributes = dict(part.strip().partition("=")[::2] for part in rest)
        session = "login" in name or "sess" in name
        same_site = attributes.get("samesite")
        secure = "secure" in attributes
        if same_site is None:
            found.append("secure-with-httponly-sessions")
            if "csrf" in name:
                found.append("anticsrf-without-samesite")
        elif same_site not in ("lax", "strict", "none") or (same_site == "none" and not secure):
            found.append("samesite-invalid")
        if not secure:
            what = ("session-" if session else "") + "without-secure"
            found.append(what + ("-but-hsts" if protected else ""))
        if session and "httponly" not in attributes:
            found.append("session-without-httponly")
    return min(found, key=MODIFIERS["cookies"].__getitem__)


def _cors(page: Page) -> str:
    allowed = page.preflight.get("access-control-allow-origin", [""])[0]
    if not allowed:
        return "not-implemented"
    if allowed == "*":
        return "public"
    credentials = page.preflight.get("access-control-allow-credentials", [""])[0].lower()
    return "universal-access" if allowed == ORIGIN and credentials == "true" else "restricted"


def _redirection(redirects: list[str]) -> str:
    if not redirects:
        return "not-needed"
    if len(redirects) == 1:
        return "missing"
    first, second, last = (urlsplit(redirects[position]) for position in (0, 1, -1))
    if last.scheme != "https":
        return "not-to-https"
    if second.scheme != "https":
        return "not-to-https-first"
    return "to-https" if first.hostname == second.hostname else "off-host"


def _referrer_policy(page: Page) -> str:
    value = _first(page, "referrer-policy")
    if value is None:
        return "not-implemented"
    known = [word.strip() for word in value.split(",") if word.strip() in _PRIVATE | _LEAKY]
    if not known:
        return "invalid"
    return "private" if known[-1] in _PRIVATE else "unsafe"


def _hsts(page: Page) -> str:
    value = _first(page, "strict-transport-security")
    if value is None:
        return "not-implemented"
    found = re.search(r"(?:^|;)\s*max-age=([0-9]+)", value)
    if found is None or "," in value:
        return "invalid"
    return "at-least-six-months" if int(found[1]) >= SIX_MONTHS else "less-than-six-months"


def _sri(page: Page) -> str:
    if not (_first(page, "content-type") or "text/html").startswith("text/html"):
        return "no-html"
    scripts = _Scripts()
    scripts.feed(page.body)
    if not scripts.found:
        return "no-scripts"
    worst = "all-scripts-from-here"
    for attributes in scripts.found:
        source = attributes.get("src") or ""
        if source.startswith(("//", "http:", "https:")):
            secure = source.startswith("https:")
            if attributes.get("integrity"):
                result = "external-scripts-secure" if secure else "external-scripts-insecure"
            else:
                result = "external-scripts-without-integrity"
                result = result if secure else "external-scripts-insecure-without-integrity"
            worst = min(worst, result, key=MODIFIERS["sri"].__getitem__)
    return worst


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.found.append(dict(attrs))


def _content_type_options(page: Page) -> str:
    value = _first(page, "x-content-type-options")
    return {None: "not-implemented", "nosniff": "nosniff"}.get(value, "invalid")


def _frame_options(page: Page) -> str:
    if "frame-ancestors" in (_policy(page) or {}):
        return "via-csp"
    value = _first(page, "x-frame-options")
    if value is None:
        return "not-implemented"
    if value in ("deny", "sameorigin"):
        return "sameorigin-or-deny"
    return "allow-from" if value.startswith("allow-from") else "invalid"


def _corp(page: Page) -> str:
    value = _first(page, "cross-origin-resource-policy") or "not-implemented"
    return value if value in MODIFIERS["corp"] else "invalid"
