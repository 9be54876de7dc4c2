"""Each example as its readers run it: a real server, a real key, what is served and what is not."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ports import free_port
from servers.harness import _wait_for

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_UVICORN = "-m uvicorn main:app --no-proxy-headers --port {port}"
_HYPERCORN = "-m hypercorn main:app --bind 127.0.0.1:{port}"
_GRANIAN = "-m granian main:app --interface asgi --port {port}"
_GUNICORN = "-m gunicorn {app} --bind 127.0.0.1:{{port}} --forwarded-allow-ips "
_WAITRESS = "-m waitress --listen 127.0.0.1:{port} --no-clear-untrusted-proxy-headers main:app"

COMMANDS = {
    "fastapi": _UVICORN,
    "starlette": _HYPERCORN,
    "litestar": _GRANIAN,
    "quart": _HYPERCORN,
    "flask": _GUNICORN.format(app="main:app"),
    "django": _GUNICORN.format(app="main:application"),
    "falcon": _WAITRESS,
    "pyramid": _WAITRESS,
}


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(EXAMPLES), "ORDERS_FOLDER": str(folder)}


def make_keys(folder: Path) -> dict[str, str]:
    printed = subprocess.run(
        [sys.executable, "security.py"],
        cwd=EXAMPLES,
        env=environment(folder),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.split() for line in printed.splitlines())  # type: ignore[arg-type]


@contextmanager
def running(name: str, folder: Path) -> Iterator[int]:
    port = free_port()
    arguments = [part.format(port=port) for part in COMMANDS[name].split(" ")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=EXAMPLES / name,
            env=environment(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(port, process, folder / "log")
            yield port
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Client:
    """A proxy's end of a connection: it says that the client came by TLS."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._key = key

    def close(self) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: Any = None, *, key: bool = True
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {
            "Host": "api.example.com",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "192.0.2.7",
        }
        if key:
            headers["Authorization"] = f"ApiKey {self._key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, headers)
        answer = self._connection.getresponse()
        data = answer.read()
        lines = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, json.loads(data) if data else None, lines


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_example_serves_owners_and_nobody_else(name: str, tmp_path: Path) -> None:
    key = make_keys(tmp_path)["alice"]
    with running(name, tmp_path) as port, ExitStack() as ending:
        client = Client(port, key)
        ending.callback(client.close)
        assert client.ask("GET", "/healthz", key=False)[0] == 200

        status, order, headers = client.ask("GET", "/v1/orders/1001")
        assert status == 200
        assert order == {"for": "alice", "id": 1001, "owner": "alice", "item": "tea"}
        assert "strict-transport-security" in headers

        status, refusal, headers = client.ask("GET", "/v1/orders/1001", key=False)
        assert (status, refusal["code"]) == (401, "missing-credentials")
        assert headers["www-authenticate"] == 'ApiKey realm="api"'
        assert client.ask("GET", "/v1/orders/1002")[0] == 403
        assert client.ask("GET", "/v1/orders/01001")[0] == 403
        assert client.ask("GET", "/v1/nothing")[0] == 403

        assert client.ask("POST", "/v1/orders", {"item": ""})[0] == 422
        created = [client.ask("POST", "/v1/orders", {"item": "cake"}) for _ in range(3)]
        assert [status for status, *_ in created] == [201, 201, 429]
        assert created[0][1]["owner"] == "alice"
        assert created[2][2]["content-type"] == "application/problem+json"
        assert int(created[2][2]["retry-after"]) > 0

    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    told = [line["status"] for line in lines if "status" in line]
    assert told == [200, 200, 401, 403, 403, 403, 422, 201, 201, 429]
    (limited,) = [line for line in lines if line.get("status") == 429]
    assert limited["decisions"][-1]["layer"] == "ratelimit"
    assert limited["route"] == "/v1/orders"
    assert key not in (tmp_path / "audit.jsonl").read_text() + (tmp_path / "log").read_text()


def test_the_checks_of_the_django_example_find_nothing(tmp_path: Path) -> None:
    make_keys(tmp_path)
    done = subprocess.run(
        [sys.executable, "main.py", "check", "--fail-level", "WARNING"],
        cwd=EXAMPLES / "django",
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
