"""What people read when something is wrong: one clear message, and the line that mends it."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ports import free_port
from ringwall import generate_api_key
from servers.harness import _wait_for

FOREWORD = "import sys, types, ringwall as r\n"


def stderr_of(code: str, *missing: str) -> list[str]:
    """What `python -c` prints when it fails, with some packages as if they were not installed."""
    gone = "".join(f"sys.modules[{name!r}] = None\n" for name in missing)
    done = subprocess.run(
        [sys.executable, "-c", FOREWORD + gone + code],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done
    return done.stderr.strip().splitlines()


@pytest.mark.parametrize(
    ("code", "package", "extra"),
    [
        ("r.JWT(issuer='https://id.example.com', audience='api')", "msgspec", "jwt"),
        ("r.RateLimit('1/second')", "limits", "ratelimit"),
        ("r.RateLimit('1/second', store='redis://127.0.0.1')", "redis", "redis"),
        ("r.RateLimit('1/second', store='lmdb:///nowhere')", "lmdb", "lmdb"),
        ("r.BodyValidation({'POST /a': {}})", "jsonschema_rs", "schema"),
        ("r.APIKey('sqlite:///keys.db')", "sqlalchemy", "sql"),
        (
            "r.Audit(None, tracer_provider=types.SimpleNamespace(get_tracer=print))",
            "opentelemetry",
            "otel",
        ),
    ],
)
def test_a_missing_extra_is_told_with_the_line_that_installs_it(
    code: str, package: str, extra: str
) -> None:
    lines = stderr_of(code, package)
    assert lines[-1].startswith("ringwall.MissingDependency: ")
    assert lines[-1].endswith(f"; run: pip install 'ringwall[{extra}]'")
    one_message(lines)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("r.HTTPS(hosts=['https://a.example'])", "write the host alone: 'a.example'"),
        ("r.RateLimit('1/fortnight')", "'100/15 minutes'"),
        ("r.RateLimit('1/minute', key='pincipal')", "did you mean 'principal'?"),
        ("r.JWT(issuer='https://a.example', audience='a', algorithms=['RS265'])", "'RS256'?"),
        ("r.allow('GTE', '/a')", "did you mean 'GET'?"),
        ("r.allow('GET', '/a/{id:itn}')", "did you mean 'int'?"),
        ("r.Stack(r.HTTPS)", "write HTTPS(...)"),
        (
            "r.Stack(r.CORS(origins=['https://a.example'])).wsgi(None)",
            "'NoneType' is not an app: it cannot be called",
        ),
        ("r.APIKey('nowhere.toml')", "nowhere.toml: No such file or directory"),
        ("r.Audit('nowhere/audit.jsonl')", "make its directory"),
    ],
)
def test_a_wrong_argument_is_told_with_what_to_write_instead(code: str, message: str) -> None:
    lines = stderr_of(code)
    assert lines[-1].startswith("ringwall.ConfigurationError: ")
    assert message in lines[-1]
    one_message(lines)


def one_message(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert text.count("Traceback") == 1  # nothing "happened during the handling" of anything
    assert not re.search(r"site-packages/(?!ringwall)", text)  # no library's depths


APP = """
from ringwall import (APIKey, Authentication, Authorization, JWT, RateLimit, Stack, allow)
from starlette.applications import Starlette

stack = Stack(
    Authentication(
        JWT(issuer="https://127.0.0.1:{closed}", audience="api"),
        APIKey("redis://127.0.0.1:{closed}"),
    ),
    RateLimit("100/minute", store="redis://127.0.0.1:{closed}"),
    Authorization(allow("GET", "/**")),
)
walled = stack.asgi(Starlette())
counted = RateLimit("100/minute", store="redis://127.0.0.1:{closed}").asgi(Starlette())
"""


def answers(folder: Path, app: str, credentials: list[str]) -> tuple[list[int], list[str]]:
    """The statuses of a real server, and what it printed that is not its own access log."""
    port = free_port()
    (folder / "main.py").write_text(APP.format(closed=free_port()))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", f"main:{app}", "--port", str(port)],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(port, process, folder / "log")
            statuses = []
            for credential in credentials:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("GET", "/", headers={"Authorization": credential})
                statuses.append(connection.getresponse().status)
                connection.close()
        finally:
            process.terminate()
            process.wait(timeout=30)
    lines = (folder / "log").read_text("utf-8").splitlines()
    return statuses, [line for line in lines if not line.startswith("INFO:")]


def test_an_unreachable_redis_is_told_once(tmp_path: Path) -> None:
    statuses, printed = answers(tmp_path, "counted", ["x"] * 8)
    assert statuses == [503] * 8
    (line,) = printed
    assert "does not answer (ConnectionError)" in line
    assert "see that it runs, and that this machine reaches it" in line


def test_an_unreachable_issuer_and_key_store_are_told(tmp_path: Path) -> None:
    claims = {"iss": "https://nobody.example", "aud": "api", "exp": time.time() + 600}
    token = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256")
    key, _ = generate_api_key("alice")
    statuses, printed = answers(tmp_path, "walled", [f"Bearer {token}", f"ApiKey {key}"])
    assert statuses == [503, 503]
    text = "\n".join(printed)
    assert "Traceback" not in text
    assert "the keys of https://127.0.0.1:" in text
    assert "could not be fetched (ConnectError); see that this machine reaches" in text
    assert "the store of API keys failed (ConnectionError)" in text
    assert token not in text
    assert key not in text
