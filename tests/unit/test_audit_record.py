"""The audit record is one line of canonical JSON, whatever clients send."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from ringwall._boundary import Boundary
from ringwall._exchange import ClientDisconnected, Decision, Exchange, Outcome
from ringwall.audit._course import course_of, outcome_of
from ringwall.audit.canonical import canonical as generic
from ringwall.audit.exchange import ExchangeForm
from ringwall.audit.record import (
    clean,
    error_type,
    timestamp,
)
from ringwall.principal import Principal

texts = st.text(st.characters(codec=None), max_size=600)


def exchange(
    method: str = "GET", path: str = "/", root: str = "", peer: str | None = "192.0.2.1"
) -> Exchange:
    return Exchange("asgi", method, "https", root, path, None, b"", {}, peer, Boundary())


def render(
    given: Exchange, outcome: Outcome | None = None, ids: tuple[str, str] = ("null", "null")
) -> bytes:
    outcome = outcome or Outcome(200)
    course = course_of(given, outcome)
    pieces = ExchangeForm()(
        given, outcome, course, "w-1", "00ff", started=1_790_000_000.25, duration=0.0015, ids=ids
    )
    return "".join(pieces).encode()


def canonical(document: Any) -> bytes:
    """RFC 8785 for documents without floats and with keys of the basic plane."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def test_a_record_has_every_field_an_auditor_asks_for() -> None:
    given = exchange(path="/v1/orders/1001")
    given.decisions += [
        Decision("https", "allow", "tls", "secure"),
        Decision("authorization", "deny", "GET /v1/orders/{id}", "not-owner"),
    ]
    given.authenticate(
        Principal("alice", scheme="bearer", issuer="https://id.example.com", credential_id="kid-1")
    )
    given.found_route("/v1/orders/{id:int}", {"id": 1001})
    line = render(given, Outcome(403), (f'"{"0a" * 16}"', f'"{"0b" * 8}"'))
    assert json.loads(line) == {
        "v": 2,
        "host": None,
        "observed": "2026-09-21T14:13:20.251500Z",
        "policy_version": None,
        "event": "exchange",
        "id": "w-1",
        "request_id": "00ff",
        "trace_id": "0a" * 16,
        "span_id": "0b" * 8,
        "time": "2026-09-21T14:13:20.250000Z",
        "duration_us": 1500,
        "kind": "http",
        "method": "GET",
        "scheme": "https",
        "route": "/v1/orders/{id:int}",
        "params": {"id": "1001"},
        "path": None,
        "client": "192.0.2.1",
        "peer": "192.0.2.1",
        "status": 403,
        "close_code": None,
        "error": None,
        "outcome": "denied",
        "actor": {
            "authenticated": True,
            "subject": "alice",
            "scheme": "bearer",
            "issuer": "https://id.example.com",
            "credential": "kid-1",
        },
        "decisions": [
            {"layer": "https", "outcome": "allow", "rule": "tls", "reason": "secure"},
            {
                "layer": "authorization",
                "outcome": "deny",
                "rule": "GET /v1/orders/{id}",
                "reason": "not-owner",
            },
        ],
    }
    assert line == canonical(json.loads(line))


@settings(deadline=None)
@given(texts, texts, texts, texts, st.dictionaries(texts, texts, max_size=4), st.booleans())
def test_any_text_gives_one_printable_canonical_line(
    path: str, method: str, subject: str, peer: str, params: dict[str, str], matched: bool
) -> None:
    """Log injection is impossible: not in the line, and not in what it decodes to."""
    given = exchange(method, path, peer=peer)
    given.authenticate(Principal(subject, scheme=subject, issuer=subject, credential_id=subject))
    given.decisions.append(Decision(subject, "allow", subject, subject))
    if matched:
        given.found_route("/{x}" + subject, params)
    line = render(given)
    document = json.loads(line)
    assert line.decode("utf-8").isprintable()
    assert all(text.isprintable() for text in strings(document))
    assert all(len(text) <= 512 * 10 + 1 for text in strings(document))
    assert line == generic(document)
    if all(ord(c) < 0xD800 for name in document["params"] for c in name):
        assert line == canonical(document)


def strings(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [*document, *(text for value in document.values() for text in strings(value))]
    if isinstance(document, list):
        return [text for value in document for text in strings(value)]
    return [document] if isinstance(document, str) else []


@pytest.mark.parametrize(
    ("attack", "recorded"),
    [
        ('/a\r\n{"event":"exchange"}', r'/a\r\n{"event":"exchange"}'),
        ("/\x1b[2J\x9b31m", r"/\x1b[2J\x9b31m"),
        ("/\u2028\u2029\x85", r"/\u2028\u2029\x85"),
        ("/\u202egpj.exe\u2066", r"/\u202egpj.exe\u2066"),
        ("/\x00\x7f", r"/\x00\x7f"),
        ("/\ud800", r"/\ud800"),
        ("/a\\r\\n", r"/a\\r\\n"),
        ("/é", "/é"),
    ],
)
def test_characters_that_fool_readers_are_escaped(attack: str, recorded: str) -> None:
    assert json.loads(render(exchange(path=attack)))["path"] == recorded


@settings(deadline=None)
@given(texts, texts)
def test_clean_never_makes_two_texts_alike(one: str, other: str) -> None:
    assert (clean(one, 600) == clean(other, 600)) == (one == other)


def test_long_text_is_cut_and_marked() -> None:
    assert json.loads(render(exchange(path="/" + "a" * 100_000)))["path"] == "/" + "a" * 511 + "…"
    assert len(json.loads(render(exchange("X" * 1000)))["method"]) == 33


@pytest.mark.parametrize(
    ("route", "recorded"), [(None, "/mnt/a/b"), ("/a/**", "/mnt/a/b"), ("/a/{b}", None)]
)
def test_the_path_is_told_where_no_parameter_names_the_target(
    route: str | None, recorded: str | None
) -> None:
    given = exchange(path="/a/b", root="/mnt")
    if route:
        given.found_route(route, {})
    assert json.loads(render(given))["path"] == recorded


def test_parameters_are_sorted_bounded_strings() -> None:
    given = exchange()
    given.found_route("/x", {"b": 2, "a": datetime.date(2026, 1, 2), "\U00010000": 1, "\ufb33": 0})
    line = render(given)
    # UTF-16 order (RFC 8785): the surrogate pair stands before U+FB33.
    wanted = '"params":{"a":"2026-01-02","b":"2","\U00010000":"1","\ufb33":"0"}'
    assert wanted.encode() in line
    given.found_route("/x", {f"p{n}": n for n in range(1000)})
    assert len(json.loads(render(given))["params"]) == 32


def test_a_huge_integer_does_not_cost_the_record() -> None:
    given = exchange()
    given.found_route("/{n:int}", {"n": 10**5000})
    assert json.loads(render(given))["params"] == {"n": "<int>"}


def test_an_unauthenticated_actor_is_recorded_as_such() -> None:
    assert json.loads(render(exchange()))["actor"] == {
        "authenticated": False,
        "subject": None,
        "scheme": None,
        "issuer": None,
        "credential": None,
    }


def test_a_unix_socket_has_no_addresses() -> None:
    record = json.loads(render(exchange(peer=None)))
    assert (record["client"], record["peer"]) == (None, None)


@pytest.mark.parametrize("code", ["1000", None, 1.5])
def test_a_close_code_that_is_no_integer_is_left_out(code: Any) -> None:
    assert json.loads(render(exchange(), Outcome(101, close_code=code)))["close_code"] is None


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Outcome(200), "success"),
        (Outcome(308), "success"),
        (Outcome(404), "failure"),
        (Outcome(500), "error"),
        (Outcome(None), "error"),
        (Outcome(200, ValueError()), "error"),
        (Outcome(None, ClientDisconnected()), "aborted"),
        (Outcome(200, asyncio.CancelledError()), "aborted"),
        (Outcome(101, close_code=1000), "success"),
        # Frameworks leave a handler whose client has gone by raising.
        (Outcome(101, error=WebSocketDisconnect(), close_code=1000), "success"),
        (Outcome(101, error=WebSocketDisconnect(), close_code=1006), "aborted"),
        (Outcome(101, error=WebSocketDisconnect()), "aborted"),
        (Outcome(200, error=ClientDisconnect()), "aborted"),
        (Outcome(101, error=RuntimeError(), close_code=1000), "error"),
        (Outcome(101, close_code=1005), "success"),
        (Outcome(101, close_code=1006), "aborted"),
        (Outcome(101, close_code=1008), "failure"),
        (Outcome(101, close_code=1011), "error"),
        (Outcome(101, close_code=4000), "success"),
    ],
)
def test_an_outcome_is_one_word(outcome: Outcome, word: str) -> None:
    told = outcome.status, outcome.close_code, outcome.error
    assert outcome_of(False, *told) == word
    assert outcome_of(True, *told) == "denied"


def test_an_error_is_named_without_its_message() -> None:
    class Local(Exception):
        pass

    assert error_type(ValueError("s3cret")) == "ValueError"
    qualified = f"{__name__}.test_an_error_is_named_without_its_message.<locals>.Local"
    assert error_type(Local("s3cret")) == qualified
    assert json.loads(render(exchange(), Outcome(500, ValueError("s3cret"))))["error"] == (
        "ValueError"
    )


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=4_102_444_800))
def test_timestamps_are_utc_to_the_microsecond(seconds: float) -> None:
    parsed = datetime.datetime.strptime(timestamp(seconds), "%Y-%m-%dT%H:%M:%S.%fZ")
    told = parsed.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert abs(told - seconds) < 0.000_01
