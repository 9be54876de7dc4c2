"""A fuzzer for bodies: mutated JSON, forms, uploads, JSON Lines and patches, with mutated headers.

Whatever is sent, the answer is 200 with the app called, or 4xx without: never 5xx, never an
exception. What the app gets is what was sent, but where numbers are made of texts. Each case
follows from the seed and its number, so that one can be run again:

    python tests/fuzz/bodies.py --count 1000000 --seed 1
    python tests/fuzz/bodies.py --count 1 --seed 1 --first 4711 --show
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import io
import random
import sys
import time
import zlib
from collections import Counter
from typing import Annotated, Any, NamedTuple

import msgspec

from ringwall import BodyValidation

LIMIT = 8192
ITEM = {
    "type": "object",
    "properties": {
        "sku": {"type": "string", "pattern": "^[A-Z0-9-]{3,20}$"},
        "quantity": {"type": "integer", "minimum": 1, "format": "int32"},
        "price": {"type": "number", "multipleOf": 0.01},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["sku"],
    "additionalProperties": False,
}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "customer": {"type": "string", "minLength": 1, "maxLength": 40},
        "email": {"type": "string", "format": "email"},
        "site": {"type": "string", "format": "uri"},
        "items": {"type": "array", "items": ITEM, "maxItems": 20, "uniqueItems": True},
        "pay": {"oneOf": [{"const": "cash"}, {"type": "object", "required": ["iban"]}]},
        "tree": {"$ref": "#/$defs/tree"},
    },
    "patternProperties": {"^x-": {"type": ["string", "null"]}},
    "$defs": {
        "tree": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        }
    },
    "additionalProperties": False,
}
FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "file": {"type": "string", "format": "binary"},
    },
}


class Struct(msgspec.Struct):
    item: str
    quantity: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclasses.dataclass
class Plain:
    item: str
    parts: list[int]


KINDS = {
    "POST /order": ("application/json", "application/vnd.order+json"),
    "POST /any": ("application/json",),
    "POST /struct": ("application/json",),
    "POST /plain": ("application/json",),
    "POST /form": ("application/x-www-form-urlencoded", "multipart/form-data"),
    "POST /lines": ("application/jsonl",),
    "PATCH /order": ("application/json-patch+json", "application/merge-patch+json"),
}
SCHEMAS = {
    "POST /order": ORDER,
    "POST /any": True,
    "POST /struct": Struct,
    "POST /plain": Plain,
    "POST /form": FORM,
    "POST /lines": ITEM,
    "PATCH /order": ORDER,
}
COERCING = BodyValidation(SCHEMAS, media_types=KINDS, limit=LIMIT, coerce=True)
LAYERS = (
    COERCING,
    BodyValidation(SCHEMAS, media_types=KINDS, limit=LIMIT, codings=["gzip", "deflate"]),
    BodyValidation(
        SCHEMAS,
        media_types=KINDS,
        limit=LIMIT,
        defaults=True,
        max_depth=6,
        max_values=60,
        max_fields=6,
        ijson_numbers=True,
        nul="refuse",
        forbidden_names=["__proto__", "$*"],
    ),
)

_JSON = (
    b'{"customer":"Alice, of: Berlin","email":"a@example.com","items":[{"sku":"TEA-1","quantity":1'
    b',"price":9.75},{"sku":"TEA-2","at":"2026-01-01T10:00:00Z"}],"pay":{"iban":"DE1"},"x-a":null}',
    b'{"customer": "\\u00e9\\ud83d\\ude00", "tree": {"kids": [{"kids": []}, {}]}, "pay": "cash"}',
    b'[1, -2.5e3, true, null, "text", {"a": {"b": [[], {}]}}, 123456789012345678901234567890]',
    b'{"item": "kettle", "quantity": 2, "parts": [1, 2, 3]}',
    b'{"customer":"7","items":[{"sku":"TEA-1","quantity":"1","price":"9.75"}],"pay":"cash"}',
)
_PART = b'--b\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
_UPLOAD = (
    _PART % (b"name", b"", b"Alice")
    + _PART % (b"file", b'; filename="a.png"\r\ncontent-type: image/png', b"\x89PNG\r\n\x1a\n..")
    + b"--b--\r\n"
)
_PATCH = (
    b'[{"op":"replace","path":"/customer","value":"Bob"},{"op":"add","path":"/items/-","value":'
    b'{"sku":"TEA-3"}},{"op":"remove","path":"/tree/kids/0"},{"op":"test","path":"","value":1}]'
)
SEEDS: dict[str, tuple[bytes, ...]] = {
    "application/json": _JSON,
    "application/vnd.order+json": _JSON,
    "application/merge-patch+json": _JSON,
    "application/jsonl": (b'{"sku":"TEA-1"}\n{"sku":"TEA-2","quantity":2}\n', *_JSON),
    "application/json-patch+json": (_PATCH, *_JSON),
    "application/x-www-form-urlencoded": (b"name=Alice+B&age=30&tags=a&tags=b%20c&x=%00", b"a"),
    "multipart/form-data": (_UPLOAD, _UPLOAD * 2),
}
PIECES = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud800", b"\\u0000", b"\\u003a"),
    *(b'"":{', b'"a":1,"a":2', b"[[[[[[[[", b'{"a":' * 70, b"[" * 200, b"]" * 200, b"[]," * 50),
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"01", b"9" * 400, b"1.0", b"0.1e-400", b"true"),
    *(b"\0", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\x1f"),
    *(b"\r\n", b"\n", b"\t", b" " * 300, b"--b", b"--b--", b"%", b"%00", b"%ff", b"&", b"=", b";"),
    *(b"__proto__", b"$where", b"customer", b"sku", b"kids", b"op", b"path", b"~1", b"~2", b"/-"),
    *(b'; filename="../../x"', b"content-type: text/html\r\n", b"charset=utf-7", b"A" * 2000),
)
TYPES = (
    *("application/json", "Application/JSON; charset=utf-8", "application/json; charset=utf-16"),
    *("text/plain", "*/*", "", "a", "multipart/form-data; boundary=b", "multipart/form-data"),
    *('multipart/form-data; boundary="b"', "application/x-www-form-urlencoded", ";", "a/b,c/d"),
    *("application/jsonl", "application/json-patch+json", "application/json" + ";a=b" * 80),
)
LENGTHS = ("", "0", "-1", "+5", "1_0", "5, 5", "9" * 30, "99999", "abc", "\xb2")
CODINGS = ("gzip", "deflate", "br", "gzip, gzip", "identity", "")


class Case(NamedTuple):
    """One request. length: Content-Length; None: chunked."""

    layer: BodyValidation
    method: str
    path: str
    headers: list[tuple[str, str]]
    length: str | None
    chunks: list[bytes]


def make(seed: int, number: int) -> Case:
    """The case of this number."""
    chance = random.Random(seed * 1_000_000_007 + number)
    route = chance.choice([*KINDS])
    kind = chance.choice(KINDS[route])
    body = mutated(chance, chance.choice(SEEDS[kind]))
    if kind == "multipart/form-data":
        kind += "; boundary=b"
    headers = [("content-type", chance.choice(TYPES) if chance.random() < 0.08 else kind)]
    if chance.random() < 0.05:
        coding = chance.choice(CODINGS)
        headers.append(("content-encoding", coding))
        body = {"gzip": gzip.compress, "deflate": zlib.compress}.get(coding, bytes)(body)
        if chance.random() < 0.3:
            body = mutated(chance, body)
    length: str | None = str(len(body))
    if chance.random() < 0.1:
        length = chance.choice(LENGTHS)
    elif chance.random() < 0.3:
        length = None
    cuts = sorted(chance.randint(0, len(body)) for _ in range(chance.choice([0, 0, 0, 1, 3])))
    ends = [*cuts, len(body)]
    chunks = [body[begin:end] for begin, end in zip([0, *cuts], ends, strict=True)]
    method, _, path = route.partition(" ")
    return Case(chance.choice(LAYERS), method, path, headers, length, chunks)


def mutated(chance: random.Random, body: bytes) -> bytes:
    """The text with up to six changes: bytes, slices, and pieces that have meant trouble."""
    for _ in range(chance.choice([0, 1, 1, 2, 3, 6])):
        at = chance.randint(0, len(body))
        end = min(len(body), at + chance.choice([1, 1, 4, 30, 300]))
        change = chance.randrange(6)
        if change == 0:
            body = body[:at] + bytes([chance.randrange(256)]) + body[end:]
        elif change == 1:
            body = body[:at] + body[end:]
        elif change == 2:
            body = body[:at] + body[at:end] * chance.choice([2, 2, 3, 50]) + body[end:]
        elif change == 3:
            body = body[:at] + chance.choice(PIECES) + body[at:]
        elif change == 4:
            body = body[:at] + chance.choice(PIECES) + body[end:]
        else:
            other = chance.randint(0, len(body))
            body = body[:at] + body[other : other + end - at] + body[at:]
    return body[: 2 * LIMIT]


class Broken(AssertionError):
    """What must never happen has happened."""


def asgi(case: Case) -> int:
    """Send a case through ASGI. Raises Broken."""
    sent: list[int] = []
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in case.chunks]
    waiting[-1]["more_body"] = False
    got: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            got.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message.get("status", 0))

    headers = [(name.encode(), value.encode("latin-1")) for name, value in case.headers]
    if case.length is not None:
        headers.append((b"content-length", case.length.encode("latin-1")))
    scope = {
        "type": "http",
        "method": case.method,
        "scheme": "https",
        "path": case.path,
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.1", 40000),
    }
    running = case.layer.asgi(app)(scope, receive, send)
    try:
        running.send(None)  # type: ignore[attr-defined]
    except StopIteration:
        return _checked(case, sent[0], b"".join(got) if got else None)
    raise Broken("it waits for something")


def wsgi(case: Case) -> int:
    """Send a case through WSGI. Raises Broken."""
    status: list[str] = []
    got: list[bytes] = []
    body = b"".join(case.chunks)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        got.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0)))
        start_response("200 OK", [])
        return []

    environ: dict[str, Any] = {
        "REQUEST_METHOD": case.method,
        "PATH_INFO": case.path,
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
    }
    if case.length is None:
        environ["wsgi.input_terminated"] = True
    for name, value in [*case.headers, ("content-length", case.length or "")]:
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_T") or "LENGTH" in key else f"HTTP_{key}"] = value
    answer = case.layer.wsgi(app)(environ, lambda line, headers, exc_info=None: status.append(line))
    b"".join(answer)
    return _checked(case, int(status[0][:3]), got[0] if got else None)


def _checked(case: Case, status: int, got: bytes | None) -> int:
    if (status == 200) != (got is not None) or not (status == 200 or 400 <= status < 500):
        raise Broken(f"status {status}, and the app was {'not ' if got is None else ''}called")
    coded = any(name == "content-encoding" for name, _ in case.headers)
    rewritten = coded or case.layer is COERCING
    if got is not None and not rewritten and not b"".join(case.chunks).startswith(got):
        raise Broken("the app got something else")
    return status


def run(count: int, seed: int, first: int = 0) -> tuple[Counter[int], float]:
    """Run cases. Returns how often each status came, and the most CPU milliseconds of one case.

    Raises:
        Broken: with the seed and the number of the case.
    """
    statuses: Counter[int] = Counter()
    worst = 0.0
    for number in range(first, first + count):
        case = make(seed, number)
        for send in (asgi, wsgi):
            begin = time.thread_time()
            try:
                statuses[send(case)] += 1
            except Exception as error:
                raise Broken(
                    f"--seed {seed} --first {number}, {send.__name__}: {error!r}"
                ) from error
            worst = max(worst, time.thread_time() - begin)
    return statuses, worst * 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--show", action="store_true", help="print the first case")
    given = options.parse_args()
    if given.show:
        sys.stdout.write(f"{make(given.seed, given.first)}\n")
    begin = time.monotonic()
    statuses, worst = run(given.count, given.seed, given.first)
    spent = time.monotonic() - begin
    came = ", ".join(f"{status}: {times}" for status, times in sorted(statuses.items()))
    sys.stdout.write(
        f"{given.count} bodies, each through ASGI and WSGI, in {spent:.0f} s\n{came}\n"
        f"the slowest took {worst:.1f} ms\n"
    )


if __name__ == "__main__":
    main()
