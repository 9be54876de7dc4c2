"""The worst megabyte of each kind, by counted work: a loop over the bytes of a body, or over more
values than it may have, would be hundreds of thousands of calls."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import pytest

from ringwall import BodyValidation
from validation_support import ask

MEGABYTE = 1 << 20
MOST_CALLS = 50_000  # a few for each of at most 20 000 values
ITEM = {"type": "object", "properties": {"sku": {"type": "string", "pattern": "^(A+)+$"}}}
ORDER = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {**ITEM, "required": ["sku"]}},
        "tree": {"$ref": "#/$defs/tree"},
    },
    "$defs": {
        "tree": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/tree"}}, {"const": 1}]}
    },
    "additionalProperties": False,
}
FORM = {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}
JSON, URLENCODED = "application/json", "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
LAYER = BodyValidation(
    {"POST /any": True, "POST /order": ORDER, "POST /form": FORM, "POST /lines": ITEM},
    media_types={
        "POST /any": [JSON],
        "POST /order": [JSON, "application/json-patch+json"],
        "POST /form": [URLENCODED, "multipart/form-data"],
        "POST /lines": ["application/jsonl"],
    },
)


def fill(piece: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    room = MEGABYTE - len(before) - len(after)
    return before + piece * (room // len(piece)) + after


WORST: dict[str, tuple[str, str, bytes]] = {
    "deep arrays": ("/any", JSON, b"[" * MEGABYTE),
    "deep objects": ("/any", JSON, fill(b'{"a":')),
    "deep in a string": ("/any", JSON, fill(b"[", b'["', b'"]')),
    "deep, then quotes": ("/any", JSON, fill(b'"', b"[" * 65)),
    "closing brackets": ("/any", JSON, b"]" * MEGABYTE),
    "wide arrays": ("/any", JSON, fill(b"[],", b"[", b"[]]")),
    "wide objects": ("/any", JSON, fill(b"{},", b"[", b"{}]")),
    "numbers": ("/any", JSON, fill(b"1,", b"[", b"1]")),
    "long integers": ("/any", JSON, fill(b"1" * 4299 + b",", b"[", b"1]")),
    "long fractions": ("/any", JSON, fill(b"0." + b"1" * 1000 + b",", b"[", b"1]")),
    "small numbers": ("/any", JSON, fill(b"1e-400" + b"," + b" " * 60, b"[", b"1]")),
    "one name": ("/any", JSON, fill(b'"k":1,', b"{", b'"k":1}')),
    "a long string": ("/any", JSON, fill(b"a", b'"', b'"')),
    "colons in a string": ("/any", JSON, fill(b":,", b'["', b'"]')),
    "escaped colons": ("/any", JSON, fill(b"\\u003a", b'"', b'"')),
    "backslashes": ("/any", JSON, fill(b"\\\\", b'"', b'"')),
    "escaped quotes": ("/any", JSON, fill(b'\\"', b'"', b'"')),
    "surrogates": ("/any", JSON, fill(b"\\ud83d\\ude00", b'"', b'"')),
    "quotes": ("/any", JSON, b'"' * MEGABYTE),
    "open strings": ("/any", JSON, fill(b'["')),
    "spaces": ("/any", JSON, b" " * MEGABYTE),
    "a pattern": ("/order", JSON, fill(b"A", b'{"items":[{"sku":"', b'!"}]}')),
    "many errors": ("/order", JSON, fill(b"{},", b'{"items":[', b"{}]}")),
    "fewer errors": ("/order", JSON, b'{"items":[' + b"{},\n" * 9000 + b"{}]}"),
    "alternatives": (
        "/order",
        JSON,
        b'{"tree":' + b"[" * 50 + b"2," * 9000 + b"2" + b"]" * 50 + b"}",
    ),
    "fields": ("/form", URLENCODED, fill(b"tags=1&")),
    "ampersands": ("/form", URLENCODED, b"&" * MEGABYTE),
    "percent-encoding": ("/form", URLENCODED, fill(b"%41", b"tags=")),
    "plus signs": ("/form", URLENCODED, fill(b"+", b"tags=")),
    "parts": (
        "/form",
        MULTIPART,
        fill(b'--b\r\ncontent-disposition: form-data; name="tags"\r\n\r\na\r\n', b"", b"--b--\r\n"),
    ),
    "boundaries": ("/form", MULTIPART, fill(b"--b\r\n")),
    "almost boundaries": ("/form", MULTIPART, fill(b"\r\n--a", b"--b\r\n\r\n")),
    "a long part header": ("/form", MULTIPART, fill(b"a", b"--b\r\n")),
    "many part headers": ("/form", MULTIPART, fill(b"a:b\r\n", b"--b\r\n")),
    "lines": ("/lines", "application/jsonl", fill(b'{"sku":"A"}\n')),
    "empty lines": ("/lines", "application/jsonl", fill(b"\n", b"1")),
    "operations": (
        "/order",
        "application/json-patch+json",
        fill(b'{"op":"remove","path":"/tree"},', b"[", b"{}]"),
    ),
    "a long pointer": (
        "/order",
        "application/json-patch+json",
        fill(b"/a", b'[{"op":"remove","path":"', b'"}]'),
    ),
}


class Counter:
    """Counts calls, of functions in Python and in C."""

    calls = 0

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        self.calls += event in ("call", "c_call")


@pytest.mark.parametrize("name", WORST)
def test_a_megabyte_is_judged_in_few_calls(name: str) -> None:
    path, kind, body = WORST[name]
    counter = Counter()
    ask(LAYER, "wsgi", b"1", path=path, headers=[("content-type", kind)])  # modules are loaded
    sys.setprofile(counter)
    try:
        answer = ask(LAYER, "wsgi", body, path=path, headers=[("content-type", kind)])
    finally:
        sys.setprofile(None)
    assert answer.status in (200, 400, 413, 422)
    assert counter.calls < MOST_CALLS, counter.calls


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("chunk", [128, 65_536, MEGABYTE])
@pytest.mark.parametrize("size", [MEGABYTE, 4 * MEGABYTE])
def test_a_body_costs_its_limit_and_a_chunk(interface: str, chunk: int, size: int) -> None:
    """While it is read; a larger one is not read on. Small chunks are merged as they come."""
    from ringwall import _asgi_body, _wsgi_body
    from ringwall._body import BodyTooLarge
    from ringwall._pending import asettle

    given = 0

    async def receive() -> Any:
        nonlocal given
        given += chunk
        return {"type": "http.request", "body": b" " * chunk, "more_body": given < size}

    class Stream:
        def read(self, most: int) -> bytes:
            nonlocal given
            part = min(most, chunk, size - given)
            given += part
            return b" " * part

    environ = {"wsgi.input": Stream(), "wsgi.input_terminated": True}
    tracemalloc.start()
    try:
        made: Any
        if interface == "wsgi":
            made = _wsgi_body.ReadingExchange()  # type: ignore[call-arg]
            made.readable = environ
            held: Any = _or_too_large(lambda: made.body_at_once(MEGABYTE), BodyTooLarge)
        else:
            made = _asgi_body.ReadingExchange()  # type: ignore[call-arg]
            made.scope, made.headers, made.receive = {}, {}, receive

            def read() -> Any:
                return drive(asettle(made.read_body(MEGABYTE)))

            held = _or_too_large(read, BodyTooLarge)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (held is None) == (size > MEGABYTE)
    assert given <= MEGABYTE + 2 * max(chunk, 65_536)
    assert peak < 1.3 * MEGABYTE + 3 * chunk


def _or_too_large(read: Any, error: type[Exception]) -> Any:
    try:
        return read()
    except error:
        return None


def drive(awaitable: Any) -> Any:
    try:
        awaitable.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")
