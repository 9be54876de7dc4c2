"""What every comparison needs: an event loop, a folder, a provider of spans, and apps made work."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from . import requests as r
from . import world
from .harness import Batch, Comparison, Role, Variant, in_loop, repeated

Made = tuple[str, Role, Any, str]
"""Name, role, app and the name of its base ("" for a base)."""


class NowhereExporter(SpanExporter):
    """Takes spans and drops them: the exporter's own cost is not the question."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Lab:
    """One run's surroundings.

    folder: for files that stacks write. full: whether the long form was asked for.
    provider: records every span and hands it to a batch, as production does.
    """

    def __init__(self, folder: Path, *, full: bool = False, export: bool = True) -> None:
        self.folder = folder
        self.full = full
        self.loop = asyncio.new_event_loop()
        self.provider = TracerProvider(shutdown_on_exit=False)
        if export:
            self.provider.add_span_processor(BatchSpanProcessor(NowhereExporter()))
        self._files = ExitStack()

    def open(self, name: str) -> BinaryIO:
        """A file in the folder, closed with the lab."""
        return self._files.enter_context((self.folder / name).open("ab"))

    def close(self) -> None:
        self.provider.shutdown()
        self.loop.close()
        self._files.close()

    def batch(
        self,
        app: Any,
        interface: str,
        method: str = "GET",
        *,
        credential: tuple[str, str] | None = None,
        expect: int = 200,
    ) -> Batch:
        """An app as a batch of one kind of request. It is probed once, so that nothing is timed
        but the answer that is meant.

        credential: the header that says who asks, where it is not the access token.

        Raises:
            RuntimeError: it answers otherwise.
        """
        headers = r.headers(method, credential)
        body = world.ORDER if method == "POST" else b""
        if interface == "WSGI":
            return repeated(_wsgi(app, method, headers, body, expect))
        self.loop.run_until_complete(_probe(app, method, headers, body, expect))
        return in_loop(self.loop, _asgi(app, method, headers, body))

    def variants(
        self, made: list[Made], interface: Literal["ASGI", "WSGI"], method: str = "GET"
    ) -> tuple[Variant, ...]:
        return tuple(
            Variant(name, role, self.batch(app, interface, method), base)
            for name, role, app, base in made
        )


@contextmanager
def laboratory(*, full: bool = False, export: bool = True) -> Iterator[Lab]:
    """A lab with a folder that goes when it closes.

    Parameters:
        full: the long form. export: whether spans are handed to an exporter's thread.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Lab(Path(folder), full=full, export=export)) as lab,
    ):
        yield lab


def run(comparisons: Callable[[Lab], Iterator[Comparison]]) -> None:
    """Measure and print the comparisons of one module."""
    from .harness import measure, print_measured

    with laboratory() as lab:
        for comparison in comparisons(lab):
            print_measured(measure(comparison))


Headers = list[tuple[bytes, bytes]]


def _asgi(app: Any, method: str, headers: Headers, body: bytes) -> Callable[[], Any]:
    request = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> Any:
        return request

    return lambda: app(r.asgi_scope(method, headers), receive, r.send)


async def _probe(app: Any, method: str, headers: Headers, body: bytes, expect: int) -> None:
    status: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        status.append(message.get("status", 0))

    await app(r.asgi_scope(method, headers), receive, send)
    if status[0] != expect:
        raise RuntimeError(f"{app!r} answers {status[0]} to {method}, not {expect}")


def _wsgi(
    app: Any, method: str, headers: Headers, body: bytes, expect: int
) -> Callable[[], object]:
    def ask(start_response: Any) -> None:
        environ = r.wsgi_environ(method, headers)
        environ["wsgi.input"] = io.BytesIO(body)
        result = app(environ, start_response)
        for _ in result:
            pass
        close = getattr(result, "close", None)
        if close is not None:
            close()

    status: list[str] = []
    ask(lambda line, headers, exc_info=None: status.append(line))
    if int(status[0][:3]) != expect:
        raise RuntimeError(f"{app!r} answers {status[0]} to {method}, not {expect}")
    return lambda: ask(r.start_response)
