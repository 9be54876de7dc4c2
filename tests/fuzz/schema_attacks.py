"""Schemathesis against the demo, over its real servers and TLS; and against an API with one of each
kind of parameter and body, whose app takes whatever it gets.

tox run -e schemathesis                                   one of the checks, a few seconds for each
tox run -e schemathesis -- --seconds 60 --seed 2          longer

It fails where a server answers 5xx, takes what the document forbids, or refuses what it allows.
Schemathesis pins an older version of the schema engine than this project tests with, so it lives in
an environment of its own, and the variable SCHEMATHESIS names its command.

Some of what it calls failures is none, and is not counted: U+0000 in a query or form is 400
whatever the schema says; a cookie that is not declared belongs to others; and as the text of a form
some values of another type are the same bytes as a good one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ringwall import BodyValidation, RateLimit, Stack
from ringwall.cli.demo import session as demo
from ringwall.cli.demo.document import DOCUMENT
from ringwall.cli.demo.servers import Servers, listen

_TEXT = {"type": "string", "minLength": 1, "maxLength": 20}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 1000}
_ORDER = {
    "type": "object",
    "properties": {
        "item": _TEXT,
        "quantity": _NUMBER,
        "when": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": _TEXT, "maxItems": 3, "uniqueItems": True},
        "address": {
            "type": ["object", "null"],
            "properties": {"city": _TEXT, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "price": {"type": "number", "multipleOf": 0.5, "minimum": 0},
    },
    "required": ["item", "quantity"],
    "additionalProperties": False,
}


def _at(name: str, where: str, schema: Any, **fields: Any) -> dict[str, Any]:
    needed = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, "schema": schema, **needed, **fields}


def _body(schema: Any, kind: str = "application/json") -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


def _form(**properties: Any) -> dict[str, Any]:
    required = [next(iter(properties))]
    closed = {"additionalProperties": False, "required": required}
    return {"type": "object", "properties": properties, **closed}


def _kind(name: str, **properties: Any) -> dict[str, Any]:
    return _form(kind={"const": name}, **properties)


_PROBLEM = DOCUMENT["components"]["responses"]["Problem"]
_LIST = {"type": "array", "items": _NUMBER, "maxItems": 3}
_OPERATIONS: dict[str, dict[str, Any]] = {
    "get /query": {
        "parameters": [
            _at("i", "query", _NUMBER),
            _at("s", "query", _TEXT),
            _at("n", "query", {"type": "number", "minimum": -5, "maximum": 5}),
            _at("b", "query", {"type": "boolean"}),
            _at("e", "query", {"enum": ["a", "b"]}),
            _at("l", "query", _LIST),
        ]
    },
    "get /styles": {
        "parameters": [
            _at("l", "query", _LIST, explode=False),
            _at("d", "query", _form(a=_NUMBER, b=_TEXT), style="deepObject"),
            _at("r", "query", _TEXT, required=True),
            _at("u", "query", {"type": "string", "format": "uuid"}),
            _at("t", "query", {"type": "string", "format": "date"}),
        ]
    },
    "get /path/{i}/{s}": {
        "parameters": [
            _at("i", "path", _NUMBER),
            _at("s", "path", {"type": "string", "pattern": "^[a-z]{1,8}$"}),
        ]
    },
    "post /users/{i}:activate": {"parameters": [_at("i", "path", _NUMBER)]},
    "get /files/{n}.{e}": {
        "parameters": [
            _at("n", "path", {"type": "string", "pattern": "^[a-z]+$"}),
            _at("e", "path", {"enum": ["png", "txt"]}),
        ]
    },
    "get /headers": {
        "parameters": [
            _at("X-I", "header", _NUMBER, required=True),
            _at("X-S", "header", {"type": "string", "pattern": "^[a-zA-Z]+$"}),
            _at("X-L", "header", _LIST),
        ]
    },
    "get /cookies": {
        "parameters": [_at("c", "cookie", _NUMBER), _at("k", "cookie", {"enum": ["a", "b"]})]
    },
    "post /orders": _body(_ORDER),
    "patch /orders": _body({"anyOf": [_form(a=_NUMBER), {"type": "array", "minItems": 1}]}),
    "post /scalar": _body({"type": "integer", "format": "int32"}),
    "post /form": _body(
        _form(a=_TEXT, i=_NUMBER, b={"type": "boolean"}, l=_LIST),
        "application/x-www-form-urlencoded",
    ),
    "post /parts": _body(_form(t=_TEXT, i=_NUMBER), "multipart/form-data"),
    "post /file": _body(
        _form(f={"type": "string", "format": "binary"}, t=_TEXT), "multipart/form-data"
    ),
    "post /text": _body(_TEXT, "text/plain"),
    "post /animal": _body(
        {
            "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("cat", "dog")],
            "discriminator": {"propertyName": "kind"},
        }
    ),
}


def everything() -> dict[str, Any]:
    """The document with one of each kind."""
    done = {"content": {"application/json": {"schema": {"const": {"ok": True}}}}}
    responses = {"200": {"description": "Done.", **done}, "default": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for key, operation in _OPERATIONS.items():
        method, _, path = key.partition(" ")
        paths.setdefault(path, {})[method] = {**operation, "responses": responses}
    schemas = {"cat": _kind("cat", lives=_NUMBER), "dog": _kind("dog", bark={"type": "boolean"})}
    head = {"openapi": "3.1.0", "info": {"title": "Everything", "version": "1"}}
    return {**head, "paths": paths, "components": {"schemas": schemas}}


async def takes_all(scope: Any, receive: Any, send: Any) -> None:
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"11")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"ok":true}'})


_HARMLESS = re.compile(
    r"Invalid component: in cookie - object with unexpected properties"
    r"|Invalid component: in body .*(?:was string, became|l: Incorrect type)"
    r"|%00"
)


def attack(command: str, options: argparse.Namespace, title: str, *arguments: str) -> int:
    """One run; prints what it found, and returns how much of it counts."""
    done = subprocess.run(
        [
            *(command, "run", *arguments, "--checks", "all", "--continue-on-failure", "--no-color"),
            *("--seed", str(options.seed), "--max-time", str(options.seconds)),
            *("--output-truncate", "false"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    failures = re.split(r"\n(?=\d+\. Test Case ID)", done.stdout)[1:]
    counted = [failure for failure in failures if not _HARMLESS.search(failure)]
    total = re.search(r"[1-9]\d* generated.*", done.stdout)
    # It may end early, or fail to ask: then no failure says so.
    whole = total is not None and not re.search(r"^=+ ERRORS =+$", done.stdout, re.MULTILINE)
    whole = whole and done.returncode == (1 if failures else 0)
    told = total[0] if total and whole else done.stdout + done.stderr
    sys.stdout.write("\n".join([f"{title}: {told}; {len(counted)} count", *counted, ""]))
    return len(counted) + (not whole)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    command = os.environ.get("SCHEMATHESIS") or shutil.which("schemathesis")
    if not command:
        parser.error("no schemathesis: see the head of this file")
    found = 0
    make_stack, make_api_keys = demo.make_stack, demo.make_api_keys
    keys: dict[str, str] = {}

    def unlimited(*arguments: Any, **named: Any) -> Stack:
        layers = make_stack(*arguments, **named).layers
        return Stack(*(layer for layer in layers if not isinstance(layer, RateLimit)))

    def kept(folder: Path) -> Any:
        made, file = make_api_keys(folder)
        keys.update(made)
        return made, file

    demo.make_stack, demo.make_api_keys = unlimited, kept
    with tempfile.TemporaryDirectory() as folder:
        with demo.Session(Path(folder), None, say=lambda *_, **__: None) as session:
            for interface, port in zip(("ASGI", "WSGI"), session.ports, strict=False):
                for who in ("alice", "admin"):
                    url = f"https://localhost:{port}"
                    found += attack(
                        command,
                        options,
                        f"demo, {interface}, {who}",
                        *(f"{url}/openapi.json", "--url", url, "--tls-verify"),
                        *(str(Path(folder) / "ca.pem"), "-H", f"Authorization: ApiKey {keys[who]}"),
                    )
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(everything()))
        with Servers() as servers:
            listener = listen(0)
            servers.asgi(BodyValidation(openapi=document).asgi(takes_all), listener)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            found += attack(command, options, "everything", str(document), "--url", url)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
