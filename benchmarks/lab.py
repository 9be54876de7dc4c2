"""What every comparison needs: an event loop, a folder, a provider of spans, and apps made work."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from . import requests as r
from . import world
from .harness import Batch, Comparison, Interface, Role, Variant, in_loop, measure, repeated

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment, unused-ignore]

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
    uvloop: whether uvloop is here; then "ASGI, uvloop" is an interface, too.
    """

    def __init__(self, folder: Path, *, full: bool = False, export: bool = True) -> None:
        self.folder = folder
        self.full = full
        self.loop = asyncio.new_event_loop()
        self._fast = uvloop.new_event_loop() if uvloop else None
        self.uvloop = self._fast is not None
        self.provider = TracerProvider(shutdown_on_exit=False)
        if export:
            self.provider.add_span_processor(BatchSpanProcessor(NowhereExporter()))
        self._files = ExitStack()

    def open(self, name: str) -> BinaryIO:
        """A file in the folder, closed with the lab."""
        return self._files.enter_context((self.folder / name).open("ab"))

    def settle(self) -> None:
        """Spans that wait for their export are exported."""
        self.provider.force_flush()

    def close(self) -> None:
        self.provider.shutdown()
        self.loop.close()
        if self._fast is not None:
            self._fast.close()
        self._files.close()

    def batch(
        self,
        app: Any,
        interface: str,
        method: str = "GET",
        *,
        credential: tuple[str, str] | None = None,
        expect: int = 200,
        extra: Sequence[tuple[bytes, bytes]] = (),
        order: bytes = world.ORDER,
    ) -> Batch:
        """An app as a batch of one kind of request. It is probed once, so that nothing is timed
        but the answer that is meant.

        credential: the header that says who asks, where it is not the access token.
        extra: further headers of the request. order: the body of a POST.

        Raises:
            RuntimeError: it answers otherwise.
        """
        headers = r.headers(method, credential, extra, order)
        body = order if method == "POST" else b""
        if interface == "WSGI":
            return repeated(_wsgi(app, method, headers, body, expect))
        loop = self.loop if interface == "ASGI" else self._fast
        if loop is None:
            raise RuntimeError("uvloop is not installed")
        loop.run_until_complete(_probe(app, method, headers, body, expect))
        return in_loop(loop, _asgi(app, method, headers, body))

    def variants(
        self, made: Iterable[Made], interface: Interface, method: str = "GET", **options: Any
    ) -> tuple[Variant, ...]:
        """options: as in `batch`."""
        return tuple(
            Variant(name, role, self.batch(app, interface, method, **options), base)
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


def run(comparisons: Callable[[Lab], Iterable[Any]], *, full: bool = False) -> None:
    """Measure one module's comparisons, and print them in all detail."""
    from .results import Results, about
    from .table import print_detail, print_goals

    results = Results(about())
    with laboratory(full=full) as lab:
        for each in comparisons(lab):
            found = measure(each, settle=lab.settle) if isinstance(each, Comparison) else each
            results.add(found)
            print_detail(found)
    print_goals(results)


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
    template = r.wsgi_environ(method, headers)

    def ask(start_response: Any) -> None:
        environ = template.copy()
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
