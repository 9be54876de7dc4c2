"""Whether the request that a proxy asks about passes all layers, and as whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from .asgi import ASGIApp
from .context import principal_of
from .principal import Principal
from .problem import Header, problem
from .wsgi import WSGIApp

REACHED = "ringwall.external"
_UNTOLD = problem(403, "The proxy did not tell the original request.", code="malformed-subrequest")
_NOT_ALLOWED = problem(403, "This cannot be let through.", code="forbidden")


class Answer(NamedTuple):
    status: int
    headers: list[Header]
    body: bytes


REFUSED = Answer(_UNTOLD.status, list(_UNTOLD.headers), _UNTOLD.body)


def judge(answer: Answer, reached: list[bool], only_401_403: bool) -> Answer:
    """What the proxy is told. Only what passed every layer is let through: a 204 that a layer
    gave to a preflight is no permission."""
    status, headers, body = answer
    if status < 300 and not reached:
        status, headers, body = 403, list(_NOT_ALLOWED.headers), _NOT_ALLOWED.body
    elif only_401_403 and 300 <= status < 500 and status != 401:
        status = 403  # nginx makes a 500 of all others
    kept = [line for line in headers if line[0].lower() != b"content-length"]
    return Answer(status, [*kept, (b"content-length", b"%d" % len(body))], body)


async def asgi_reached(scope: Any, receive: Any, send: Any) -> None:
    scope[REACHED].append(True)
    headers = _identity(principal_of(scope))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def wsgi_reached(environ: Any, start_response: Any) -> Iterable[bytes]:
    environ[REACHED].append(True)
    lines = _identity(principal_of(environ))
    start_response("200 OK", [(name.decode(), value.decode()) for name, value in lines])
    return [b""]


async def asgi_answer(app: ASGIApp, scope: dict[str, Any]) -> Answer:
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], list(sent[0]["headers"]), body)


def wsgi_answer(app: WSGIApp, environ: dict[str, Any]) -> Answer:
    head: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        head[:] = [int(status[:3]), headers]

    result = app(environ, start_response)
    try:
        body = b"".join(result)
    finally:
        getattr(result, "close", lambda: None)()
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in head[1]]
    return Answer(head[0], lines, body)


def _identity(principal: Principal | None) -> list[Header]:
    subject = scopes = roles = ""
    if principal is not None:
        subject = _encode(principal.subject)
        scopes = " ".join(sorted(map(_encode, principal.scopes)))
        roles = ",".join(sorted(map(_encode, principal.roles)))
    return [
        (b"x-ringwall-subject", subject.encode("ascii")),
        (b"x-ringwall-scopes", scopes.encode("ascii")),
        (b"x-ringwall-roles", roles.encode("ascii")),
    ]


def _encode(text: str) -> str:
    """No control and no comma: a value cannot become two."""
    return quote(text, safe="!$&'()*+/:;=?@|", errors="replace")
