"""URLs that the app will fetch: none leads inside."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall import BodyValidation, ConfigurationError
from ringwall.validation import public_url
from validation_support import ask

LISTED = public_url(hosts=["hooks.example.com", "*.example.org"])
ANY = public_url(ports=[443, 8443], schemes=["https", "http"])

INSIDE = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
    "https://0x7f.1/", "https://0177.0.0.1/", "https://127.0.0.1./", "https://0/",
    "https://0.0.0.0/", "https://10.0.0.7/", "https://172.16.0.1/", "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://224.0.0.1/",
    "https://255.255.255.255/", "https://[::1]/", "https://[::]/", "https://[::ffff:7f00:1]/",
    "https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/", "https://[fd00::1]/",
    "https://[fe80::1]/", "https://[ff02::1]/", "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[fe80::1%25eth0]/", "https://localhost/", "https://a.localhost/", "https://db/",
    "https://printer.local/", "https://metadata.google.internal/", "https://x.home.arpa/",
]  # fmt: skip
AMBIGUOUS = [
    "https://hooks.example.com@evil.example/", "https://evil.example\\@hooks.example.com/",
    "https://hooks.example.com:443:80/", "https://hooks.example.com:0443/",
    "https://hooks.example.com:8080/", "https://hooks.example.com:/", "https:/hooks.example.com/",
    "https:hooks.example.com", "//hooks.example.com/", "hooks.example.com",
    " https://hooks.example.com/", "https://hooks.example.com/\r\nHost: x",
    "https://hooks.example.com/\n", "https://hooks.example.com./", "https://h\u00f6oks.example.com/",
    "https://hooks.example\u3002com/", "https://hooks%2eexample.com/",
    "https://hooks.example.com/a b", "javascript://hooks.example.com/", "file:///etc/passwd",
    "gopher://hooks.example.com:443/", "http://hooks.example.com/", "https:///etc", "",
    "https://hooks.example.com/" + "x" * 2048, "https://[hooks.example.com]/",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_no_address_leads_inside(url: str) -> None:
    assert not ANY(url)
    assert not LISTED(url)


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_what_two_readers_read_differently_is_none(url: str) -> None:
    assert not LISTED(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com", "https://hooks.example.com:443/a?b=c#d",
        "HTTPS://HOOKS.example.com/", "https://a.b.example.org/x",
    ],
)  # fmt: skip
def test_listed_hosts_pass(url: str) -> None:
    assert LISTED(url)


@pytest.mark.parametrize(
    "url", ["https://example.org/", "https://evilexample.org/", "https://8.8.8.8/"]
)
def test_others_do_not(url: str) -> None:
    assert not LISTED(url)


@pytest.mark.parametrize(
    "url",
    ["https://8.8.8.8/", "https://[2606:4700::1]/", "https://example.com:8443/"],
)
def test_public_ones_pass_where_none_is_listed(url: str) -> None:
    assert ANY(url)
    assert not ANY("http://example.com/")  # its port is 80


@given(st.text())
def test_no_text_crashes_it(text: str) -> None:
    assert LISTED(text) in (True, False)
    assert ANY(f"https://{text}/") in (True, False)


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_a_body_that_asks_for_the_metadata_service_is_refused(interface: str) -> None:
    schema = {"properties": {"callback": {"type": "string", "format": "uri"}}}
    layer = BodyValidation({"POST /v1/orders": schema}, formats={"uri": LISTED})
    answer = ask(layer, interface, b'{"callback": "https://169.254.169.254/"}')
    assert answer.refused(422, "invalid-body")
    assert b"169" not in answer.body
    assert ask(layer, interface, b'{"callback": "https://hooks.example.com/"}').called


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hosts": "example.com"}, "hosts is a list"),
        ({"hosts": ["https://example.com"]}, "is no host"),
        ({"hosts": ["*"]}, "is no host"),
        ({"hosts": [7]}, "is no host"),
        ({"schemes": ["file"]}, "lead to files"),
        ({"schemes": []}, "lead to files"),
        ({"ports": [0]}, "from 1 to 65535"),
        ({"ports": ["443"]}, "from 1 to 65535"),
    ],
)
def test_arguments_that_cannot_work_teach(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        public_url(**options)
