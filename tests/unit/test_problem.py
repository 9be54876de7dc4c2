"""Problem documents, and the guard at every header that leaves."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall import Response
from ringwall.problem import check_header, problem, reason_phrase


def test_a_problem_is_a_document_of_rfc_9457_that_is_never_cached():
    response = problem(
        403, "Not you.", code="role", title="No", type="https://a/b", needed=["admin"],
        headers=[(b"www-authenticate", b"Bearer")],
    )  # fmt: skip
    assert json.loads(response.body) == {
        "type": "https://a/b",
        "title": "No",
        "status": 403,
        "detail": "Not you.",
        "code": "role",
        "needed": ["admin"],
    }
    assert response.headers == (
        (b"content-type", b"application/problem+json"),
        (b"cache-control", b"no-store"),
        (b"www-authenticate", b"Bearer"),
        (b"content-length", b"%d" % len(response.body)),
    )
    assert repr(response) == "<Response 403>"


def test_the_defaults_of_a_problem():
    document = json.loads(problem(429, "Wait.", code="rate").body)
    assert (document["type"], document["title"]) == ("about:blank", "Too Many Requests")
    assert reason_phrase(299) == "Unknown"


def test_a_problem_is_ascii_and_valid_json():
    body = problem(400, "\u2028 </script> \x00", code="x").body
    assert body.isascii()
    assert b"\\u2028" in body
    with pytest.raises(ValueError, match="JSON"):
        problem(400, "x", code="x", number=float("nan"))


def test_more_headers_make_another_response():
    first = Response(503, [(b"a", b"1")], b"body")
    second = first.with_headers([(b"retry-after", b"5")])
    assert second.headers == ((b"a", b"1"), (b"retry-after", b"5"), (b"content-length", b"4"))
    assert (second.status, second.body) == (503, b"body")
    assert len(first.headers) == 2


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, -1])
def test_a_status_that_ends_no_exchange_is_refused(status):
    with pytest.raises(ValueError, match="use 200 to 599"):
        Response(status)


@pytest.mark.parametrize(
    "header",
    [
        (b"", b"1"),
        (b"X-A", b"1"),
        (b"x a", b"1"),
        (b"x-a:", b"1"),
        (b"x\r\n", b"1"),
        (b"x-\xe9", b"1"),
        (b"x-a", b"a\r\nb: c"),
        (b"x-a", b"a\nb"),
        (b"x-a", b"a\rb"),
        (b"x-a", b"a\x00b"),
        (b"x-a", b"\x7f"),
        (b"x-a", b"\x1b[0m"),
    ],
)
def test_a_header_that_could_split_a_response_is_refused(header):
    with pytest.raises(ValueError, match="HTTP forbids"):
        Response(200, [header])


@given(st.binary(), st.binary())
def test_whatever_passes_stands_on_one_line(name, value):
    try:
        check_header(name, value)
    except ValueError:
        return
    line = name + b": " + value
    assert not set(line) & {0, 10, 13, 127}
    assert name == name.lower()
    assert name
