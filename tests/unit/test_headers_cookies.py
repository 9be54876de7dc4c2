"""Set-Cookie on its way out: read as browsers read it, completed, and nothing else changed."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headers_support import INTERFACES, send, values
from ringwall._errors import ConfigurationError
from ringwall.headers import Cookies, SecurityHeaders

ALL = b"; Secure; HttpOnly; SameSite=Lax"
upgrade = Cookies().upgrade


@pytest.mark.parametrize(
    ("line", "added"),
    [
        (b"id=1", ALL),
        (b"id=1;", ALL),
        (b"id=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=3", ALL),
        (b"id=1; Secure", b"; HttpOnly; SameSite=Lax"),
        (b"id=1;SECURE ;\thttponly", b"; SameSite=Lax"),
        (b"id=1; Secure=false; HttpOnly=0", b"; SameSite=Lax"),  # there, whatever its value
        (b"id=1; samesite=STRICT", b"; Secure; HttpOnly"),
        (b"id=1; SameSite=None", b"; Secure; HttpOnly"),
        (b"id=1; SameSite = lax ", b"; Secure; HttpOnly"),
        (b"id=1; Secure; HttpOnly; SameSite=Lax; Partitioned", b""),
        (b"", None),
        (b"csrftoken=1", b"; Secure; SameSite=Lax"),
        (b" XSRF-TOKEN =1", b"; Secure; SameSite=Lax"),
        (b"CSRFTOKEN=1", ALL),  # another cookie: names are case-sensitive
    ],
)
def test_only_what_is_missing_is_appended(line, added):
    assert upgrade(line, secure=True) == (None if added is None else line + added)


@pytest.mark.parametrize(
    "line",
    [
        b"secure=httponly",  # a name and a value are no attributes
        b"id=secure,httponly,samesite=lax",
        b"id=1; Path=/secure; Comment=HttpOnly",
        b"id=1; NotSecure; XHttpOnly; SameSiteX=Lax",
        b"id=1; Secure=" + b"x" * 1025 + b"; HttpOnly=" + b"x" * 1025,  # too long: browsers skip it
        b"id=1; SameSite",
        b"id=1; SameSite=",
        b"id=1; SameSite=Relaxed",
        b"id=1; SameSite=Lax; SameSite=Nonsense",  # the last one counts
        b"id=\xe9; Path=/\xff",
    ],
)
def test_what_only_looks_like_an_attribute_is_none(line):
    assert upgrade(line, secure=True) == line + ALL


@pytest.mark.parametrize("line", [b'id="a; Secure; HttpOnly; SameSite=Lax; b"'])
def test_a_semicolon_ends_the_value_whatever_the_quotes(line):
    assert upgrade(line, secure=True) == line


@pytest.mark.parametrize(
    "line",
    [
        b"=__Host-id=evil",  # comes back as `__Host-id=evil`
        b"__Host-id",
        b"  =id=1",
        b"\t=1; Secure",
        b"id; Path=/",
        b"; Secure",
        b"=",
    ],
)
@pytest.mark.parametrize("secure", [True, False])
def test_a_cookie_without_a_name_would_come_back_as_another_one(line, secure):
    assert upgrade(line, secure) is None


@pytest.mark.parametrize("control", [b"\r\nset-cookie: a=b", b"\n", b"\0", b"\x1f", b"\x7f"])
def test_a_cookie_with_control_characters_does_not_leave(control):
    assert upgrade(b"id=1" + control, secure=True) is None
    assert upgrade(b"id=1; Path=/" + control, secure=True) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"__Host-id=1", b"__Host-id=1; Path=/"),
        (b"__Host-id=1; Path=/", b"__Host-id=1; Path=/"),
        (b"__Host-id=1; Path=/admin; Max-Age=3", b"__Host-id=1; Max-Age=3; Path=/"),
        (b"__Host-id=1; Path=/; Domain=example.com", b"__Host-id=1; Path=/"),
        (b"__Host-id=1; dOmAiN =.example.com;path", b"__Host-id=1; Path=/"),
        (b"__Host-id=1; Path=/; Path=/admin", b"__Host-id=1; Path=/"),  # the last one counts
        (b"__Host-id=1; Domain=", b"__Host-id=1; Path=/"),
        (b"__hOST-id=1; Domain=example.com", b"__hOST-id=1; Path=/"),
        (b"__Host-=1; Domain=x", b"__Host-=1; Path=/"),
        (b"__Secure-id=1; Path=/a; Domain=b.example", None),
        (b"__SECURE-id=1; Path=/a; Domain=b.example", None),
        (b"__Http-id=1; Path=/a", None),
        (b"__Host-Http-id=1; Domain=b.example", b"__Host-Http-id=1; Path=/"),
    ],
)
@pytest.mark.parametrize("secure", [True, False])
def test_a_prefix_gets_what_it_promises_over_plain_http_too(line, expected, secure):
    assert upgrade(line, secure) == (expected or line) + ALL


@pytest.mark.parametrize("line", [b"__Hos-id=1; Domain=a", b"x__Host-id=1; Domain=a", b"__=1"])
def test_other_names_keep_their_scope(line):
    assert upgrade(line, secure=False) == line + b"; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize("name", [b"__Http-x", b"__Host-Http-x"])
def test_http_prefixes_are_never_readable(name):
    cookies = Cookies(readable=[name.decode()], http_only=False)
    assert b"; HttpOnly" in cookies.upgrade(name + b"=1", secure=True)


def test_over_plain_http_no_cookie_becomes_secure():
    assert upgrade(b"id=1", secure=False) == b"id=1; HttpOnly; SameSite=Lax"
    assert upgrade(b"id=1; Secure", secure=False) == b"id=1; Secure; HttpOnly; SameSite=Lax"


def test_each_attribute_can_be_configured():
    assert Cookies(http_only=False, same_site=None).upgrade(b"a=1", True) == b"a=1; Secure"
    assert Cookies(same_site="Strict").upgrade(b"a=1", False) == b"a=1; HttpOnly; SameSite=Strict"
    assert Cookies(readable=["a"]).upgrade(b"a=1", False) == b"a=1; SameSite=Lax"
    assert Cookies(readable=()).upgrade(b"csrftoken=1", False).endswith(b"; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"http_only": "yes"}, "True or False"),
        ({"same_site": "lax"}, "did you mean 'Lax'"),
        ({"same_site": "None"}, "cookie by cookie"),
        ({"readable": "csrftoken"}, "takes names"),
        ({"readable": 3}, "takes names"),
        ({"readable": ["a b"]}, "no cookie name"),
        ({"readable": [""]}, "no cookie name"),
        ({"readable": [b"a"]}, "no cookie name"),
        ({"readable": ["a\r\n"]}, "no cookie name"),
    ],
)
def test_a_configuration_that_cannot_work_says_what_to_write(options, message):
    with pytest.raises(ConfigurationError, match=message):
        Cookies(**options)


def test_a_repr_tells_no_names():
    assert repr(Cookies(readable=["secret-name"])) == "<Cookies>"


@given(
    st.binary(max_size=60)
    | st.text("_Host-Secuhtp=; /abdomainPthSIL\t", max_size=60).map(str.encode),
    st.booleans(),
)
@example(b"a=1; ;; ; =; ==x; Secure", True)
def test_what_leaves_is_complete_and_stays_so(line, secure):
    once = upgrade(line, secure)
    if once is None:
        return
    assert upgrade(once, secure) == once  # two layers are as one
    assert once.partition(b";")[0] == line.partition(b";")[0]
    names = [part.partition(b"=")[0].strip(b" \t").lower() for part in once.split(b";")[1:]]
    assert b"httponly" in names or line.partition(b"=")[0].strip(b" \t") == b"csrftoken"
    assert b"samesite" in names
    prefix = line.strip(b" \t").lower()
    assert b"secure" in names or not (secure or prefix.startswith((b"__host-", b"__secure-")))
    if prefix.startswith(b"__host-"):
        assert b"domain" not in names and b"path" in names
    elif not prefix.startswith(b"__"):
        assert once.startswith(line)


@pytest.mark.parametrize("interface", INTERFACES)
def test_every_cookie_of_a_response_is_completed_in_order_duplicates_too(interface):
    lines = [
        (b"Set-Cookie", b"a=1"),
        (b"X-Other", b"\xe9"),
        (b"set-cookie", b"=nameless"),
        (b"SET-COOKIE", b"a=1"),
        (b"set-cookie", b"b=\xe9; Secure; HttpOnly; SameSite=None"),
    ]
    assert send(SecurityHeaders(), interface, *lines)[:4] == [
        (b"Set-Cookie", b"a=1" + ALL),
        (b"X-Other", b"\xe9"),
        (b"SET-COOKIE", b"a=1" + ALL),
        (b"set-cookie", b"b=\xe9; Secure; HttpOnly; SameSite=None"),
    ]


@pytest.mark.parametrize("interface", INTERFACES)
def test_over_plain_http_cookies_get_all_but_secure(interface):
    headers = send(SecurityHeaders(), interface, (b"set-cookie", b"a=1"), scheme="http")
    assert values(headers, b"set-cookie") == [b"a=1; HttpOnly; SameSite=Lax"]


@pytest.mark.parametrize("interface", INTERFACES)
def test_cookies_can_be_left_alone(interface):
    lines = [(b"set-cookie", b"=1"), (b"set-cookie", b"a=1")]
    assert send(SecurityHeaders(cookies=None), interface, *lines)[:2] == lines
