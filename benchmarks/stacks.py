"""The whole stack: bare app, floor, Ringwall, and what users assemble by hand today.

Run: python -m benchmarks.stacks
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from ringwall import (
    HTTPS,
    JWT,
    Audit,
    Authentication,
    Authorization,
    BodyValidation,
    RateLimit,
    SecurityHeaders,
    Stack,
    allow,
    owner,
    scope,
)

from . import floors, world
from . import requests as r
from .floor_rules import Trail
from .harness import (
    Comparison,
    Goal,
    Role,
    Variant,
    in_loop,
    measure,
    print_measured,
    repeated,
)
from .peers import stack_asgi as peer_asgi
from .peers import stack_wsgi as peer_wsgi


class NowhereExporter(SpanExporter):
    """Takes spans and drops them: the exporter's own cost is not the question here."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def recording_provider() -> TracerProvider:
    """A provider that records every span and hands it to a batch, as production does."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(NowhereExporter()))
    return provider


def load_order(order_id: int) -> dict[str, Any] | None:
    return world.ORDERS.get(order_id)


def ringwall_stack(folder: Path, provider: TracerProvider | None) -> Stack:
    """The README's stack, with security headers."""
    return Stack(
        Audit(sink=folder / "audit.jsonl", tracer_provider=provider),
        SecurityHeaders(),
        HTTPS(hosts=[world.HOST]),
        RateLimit("1000000/second"),
        Authentication(JWT(world.ISSUER, world.AUDIENCE, keys=world.JWK)),
        RateLimit("1000000/second", key="principal"),
        Authorization(
            allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
            allow("POST", "/v1/orders", scope("orders:write")),
        ),
        BodyValidation({"POST /v1/orders": world.ORDER_SCHEMA}),
    )


def asgi_work(app: Any, method: str, expect: int = 200) -> Callable[[], Awaitable[object]]:
    """One request, as an async function; probed once, so that nothing else is ever timed."""
    headers = r.headers(method)
    body = world.ORDER if method == "POST" else b""
    request = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> Any:
        return request

    async def work() -> None:
        await app(r.asgi_scope(method, headers), receive, r.send)

    async def probe() -> None:
        seen: list[int] = []

        async def send(message: Any) -> None:
            seen.append(message.get("status", 0))

        await app(r.asgi_scope(method, headers), receive, send)
        if seen[0] != expect:
            raise RuntimeError(f"a variant answers {seen[0]} to {method}")

    return _Probed(work, probe)


class _Probed:
    """Work that is checked before its first turn."""

    def __init__(self, work: Callable[[], Awaitable[object]], probe: Any) -> None:
        self.probe = probe
        self._work = work

    def __call__(self) -> Awaitable[object]:
        return self._work()


def wsgi_work(app: Any, method: str, expect: int = 200) -> Callable[[], object]:
    """One request, as a plain function; probed once."""
    headers = r.headers(method)

    def environ() -> Any:
        made = r.wsgi_environ(method, headers)
        made["wsgi.input"] = io.BytesIO(world.ORDER if method == "POST" else b"")
        return made

    seen: list[str] = []
    b"".join(app(environ(), lambda status, headers, exc_info=None: seen.append(status)))
    if int(seen[0][:3]) != expect:
        raise RuntimeError(f"a variant answers {seen[0]} to {method}")

    def work() -> None:
        result = app(environ(), r.start_response)
        for _ in result:
            pass
        close = getattr(result, "close", None)
        if close is not None:
            close()

    return work


def comparisons(loop: asyncio.AbstractEventLoop, folder: Path) -> Iterator[Comparison]:
    """GET and POST, through ASGI and WSGI."""
    provider = recording_provider()
    stack = ringwall_stack(folder, provider)
    with (folder / "floor.jsonl").open("wb") as file:
        trail = Trail(file, provider.get_tracer("floor"))
        for method in ("GET", "POST"):
            made: list[tuple[str, Role, Any, str]] = [
                ("bare", "bare", r.asgi_app, ""),
                ("floor", "floor", floors.stack_asgi(r.asgi_app, trail), "bare"),
                ("Ringwall", "ringwall", stack.asgi(r.asgi_app), "bare"),
                *peer_asgi.variants(provider),
            ]
            yield _comparison(
                f"Full stack, {method}",
                "ASGI",
                [
                    Variant(name, role, _in(loop, asgi_work(app, method)), base)
                    for name, role, app, base in made
                ],
            )
            made = [
                ("bare", "bare", r.wsgi_app, ""),
                ("floor", "floor", floors.stack_wsgi(r.wsgi_app, trail), "bare"),
                ("Ringwall", "ringwall", stack.wsgi(r.wsgi_app), "bare"),
                *peer_wsgi.variants(provider),
            ]
            yield _comparison(
                f"Full stack, {method}",
                "WSGI",
                [
                    Variant(name, role, repeated(wsgi_work(app, method)), base)
                    for name, role, app, base in made
                ],
            )
    provider.shutdown()


def _in(loop: asyncio.AbstractEventLoop, work: Any) -> Any:
    loop.run_until_complete(work.probe())
    return in_loop(loop, work)


def _comparison(title: str, interface: Any, variants: list[Variant]) -> Comparison:
    return Comparison(
        title,
        interface,
        tuple(variants),
        (
            Goal("full stack over the floor stack", "Ringwall", "floor", 1.5),
            Goal("tuned peers over the full stack", "peers, tuned", "Ringwall", 10, False),
            Goal("peers as documented over it", "peers, as documented", "Ringwall", 18, False),
        ),
    )


def main() -> None:
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder:
        for comparison in comparisons(loop, Path(folder)):
            print_measured(measure(comparison))
    loop.close()


if __name__ == "__main__":
    main()
