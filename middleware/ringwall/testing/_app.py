"""One app in both interfaces, which tells what reached it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .._exchange import Decision
from ..context import decisions_of, principal_of
from ..principal import Principal
from ..problem import Header, reason_phrase
from ._drive import FROM_APP, TO_APP


@dataclass
class Seen:
    """One request that reached the app: what it was, and what the layers had found out."""

    method: str
    path: str
    body: bytes
    principal: Principal | None
    decisions: tuple[Decision, ...]
    context: str
    closed: int = 0

    def __repr__(self) -> str:
        return f"<Seen {self.method} {len(self.body)} bytes closed={self.closed}>"


class SampleApp:
    """Answers every request alike and remembers it in `seen`.

    Parameters:
        status: the status it answers with.
        headers: the headers it answers with.
        chunks: the body in chunks; each is one ASGI message, one item of the WSGI iterable.
        reads: it reads the request body to its end before it answers.
        fails: it raises `error` "before" its response starts, or "after" the start.
        error: what it raises.

    >>> app = SampleApp(201)
    >>> app.wsgi, app.asgi
    (<bound method SampleApp.wsgi of <SampleApp 201>>, <bound method SampleApp.asgi of <SampleApp 201>>)
    """  # noqa: E501

    def __init__(
        self,
        status: int = 200,
        headers: Sequence[Header] = ((b"content-type", b"text/plain"),),
        chunks: Sequence[bytes] = (b"hello",),
        *,
        reads: bool = True,
        fails: Literal["before", "after"] | None = None,
        error: BaseException | None = None,
    ) -> None:
        self.status = status
        self.headers: tuple[Header, ...] = tuple(headers)
        self.chunks: tuple[bytes, ...] = tuple(chunks)
        self.reads = reads
        self.fails = fails
        self.error: BaseException = error or RuntimeError("the app failed")
        self.seen: list[Seen] = []

    def __repr__(self) -> str:
        return f"<SampleApp {self.status}>"

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        websocket = scope["type"] == "websocket"
        body = await _read(receive) if self.reads and not websocket else b""
        method = "WEBSOCKET" if websocket else scope["method"]
        self._note(scope, method, scope["path"], body).closed = 1
        if self.fails == "before":
            raise self.error
        if websocket:
            await receive()
            await send({"type": "websocket.accept"})
            if self.fails == "after":
                raise self.error
            await send({"type": "websocket.close", "code": 1000})
            return
        await send(
            {"type": "http.response.start", "status": self.status, "headers": list(self.headers)}
        )
        for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if self.fails == "after":
                raise self.error
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def wsgi(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read() if self.reads else b""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        path = path.encode("latin-1").decode("utf-8", "replace")
        seen = self._note(environ, environ["REQUEST_METHOD"], path, body)
        if self.fails == "before":
            raise self.error
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in self.headers]
        start_response(f"{self.status} {reason_phrase(self.status)}", headers)
        return _Chunks(self._wsgi_chunks(), seen)

    def _wsgi_chunks(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            yield chunk
            if self.fails == "after":
                raise self.error

    def _note(self, given: Any, method: str, path: str, body: bytes) -> Seen:
        seen = Seen(method, path, body, principal_of(given), decisions_of(given), TO_APP.get())
        FROM_APP.set("from the app")
        self.seen.append(seen)
        return seen


async def _read(receive: Any) -> bytes:
    body: bytes = b""
    while True:
        message: dict[str, Any] = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


class _Chunks:
    """An iterable that counts how often it is closed."""

    def __init__(self, chunks: Iterator[bytes], seen: Seen) -> None:
        self._chunks = chunks
        self._seen = seen

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        self._seen.closed += 1
