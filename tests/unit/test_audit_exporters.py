"""What becomes of exporters is no matter of requests: they may hang, raise, or fill up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from audit_support import ASGIApp, Lines, WSGIApp, call_asgi, call_wsgi, environ, scope
from ringwall import Audit, Stack
from ringwall.audit import OTelLogs

MANY = 300


class Exporter(SpanExporter):
    """Does with what it gets whatever a test wants."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self._act = act
        self.reached = threading.Event()

    def export(self, batch: Sequence[Any]) -> Any:
        self.reached.set()
        return self._act()

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


def raising() -> Any:
    raise RuntimeError("s3cret of the exporter")


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    before = get_current()
    yield event
    event.set()  # what hangs may end
    assert get_current() is before


def serve(audit: Audit) -> None:
    asgi, wsgi = ASGIApp(), WSGIApp()
    walled = Stack(audit).asgi(asgi), Stack(audit).wsgi(wsgi)
    for _ in range(MANY // 2):
        sent = call_asgi(walled[0], scope())
        assert sent[0]["status"] == 200
        assert call_wsgi(walled[1], environ())[0] == "200 OK"
    assert asgi.calls + wsgi.calls == MANY


@pytest.mark.parametrize("kind", ["hangs", "raises", "fails", "fills up"])
def test_spans_that_cannot_be_exported_are_no_matter_of_requests(
    kind: str, released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    acts: dict[str, Callable[[], Any]] = {
        "hangs": released.wait,
        "raises": raising,
        "fails": lambda: SpanExportResult.FAILURE,
        "fills up": released.wait,
    }
    exporter = Exporter(acts[kind])
    size = 4 if kind == "fills up" else 512
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter, max_queue_size=size, max_export_batch_size=2, schedule_delay_millis=1
        )
    )
    lines = Lines()
    serve(Audit(lines, tracer_provider=provider))
    assert exporter.reached.wait(30)
    assert len(lines.records) == MANY
    assert len({record["span_id"] for record in lines.records}) == MANY
    released.set()
    provider.shutdown()


class Broken(SpanProcessor):
    """Fails where the SDK does not guard it."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("s3cret")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("s3cret")


@pytest.mark.parametrize("fails_at_the_start", [True, False])
def test_processors_that_raise_break_nothing(
    fails_at_the_start: bool, released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken()
    if not fails_at_the_start:
        broken.on_start = lambda span, parent_context=None: None  # type: ignore[method-assign]
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(broken)
    lines = Lines()
    serve(Audit(lines, tracer_provider=provider))
    assert len(lines.records) == MANY
    told = [record for record in caplog.records if record.name == "ringwall.audit"]
    assert len(told) == 1
    assert "s3cret" not in caplog.text


def test_a_synchronous_exporter_that_raises_breaks_nothing(
    released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Exporter(raising)))
    lines = Lines()
    serve(Audit(lines, tracer_provider=provider))
    assert len(lines.records) == MANY


@pytest.mark.parametrize("kind", ["hangs", "raises"])
def test_copies_as_logs_are_no_matter_of_requests_either(
    kind: str, released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    exporter: Any = Exporter(released.wait if kind == "hangs" else raising)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(exporter, schedule_delay_millis=1, max_export_batch_size=2)
    )
    lines = Lines()
    audit = Audit(lines, copies=[OTelLogs(provider)])
    serve(audit)
    assert exporter.reached.wait(30)
    assert len(lines.records) == MANY
    assert audit.lost == 0
    released.set()
    audit.close()
    provider.shutdown()


def test_instruments_that_raise_break_nothing(released: threading.Event) -> None:
    class Meters(MeterProvider):
        def get_meter(self, *args: Any, **kwargs: Any) -> Any:
            meter = super().get_meter(*args, **kwargs)
            histogram = meter.create_histogram
            meter.create_histogram = lambda *a, **k: _Raising(histogram(*a, **k))  # type: ignore
            return meter

    class _Raising:
        def __init__(self, histogram: Any) -> None: ...

        def record(self, *args: Any, **kwargs: Any) -> None:
            raise RuntimeError("s3cret")

    lines = Lines()
    provider = Meters([InMemoryMetricReader()], shutdown_on_exit=False)
    serve(Audit(lines, meter_provider=provider))
    assert len(lines.records) == MANY


def test_clients_choose_no_series(released: threading.Event) -> None:
    """Whatever they send, the number of series is that of the app's routes and statuses."""
    import random

    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def order(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    reader, chance = InMemoryMetricReader(), random.Random(3)
    meters = MeterProvider([reader], shutdown_on_exit=False)
    app = Stack(Audit(Lines(), meter_provider=meters, body_sizes=True)).asgi(
        Starlette(routes=[Route("/orders/{order}", order)])
    )
    sent: list[str] = []
    for number in range(MANY):
        anything = "".join(chance.choices("ABCXYZ-~", k=9))
        sent.append(anything)
        call_asgi(
            app,
            scope(
                f"/orders/{anything}{number}" if number % 2 else f"/{anything}",
                method=chance.choice(["GET", "PUT", anything]),
                scheme=chance.choice(["http", "https", anything]),
                http_version=chance.choice(["1.1", "2", anything]),
                headers=[(b"user-agent", anything.encode()), (b"x-" + anything.encode(), b"1"),
                         (b"baggage", anything.encode())],
                client=(f"192.0.2.{number % 256}", number),
            ),
        )  # fmt: skip
    data = reader.get_metrics_data()
    assert data is not None
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        points = list(metric.data.data_points)
        names = {key for point in points for key in point.attributes or {}}
        values = {str(value) for point in points for value in (point.attributes or {}).values()}
        if (
            metric.name != "ringwall.dependency.healthy"
        ):  # of all tests before; names are configured
            # method, scheme, version, route and status
            assert len(points) <= 3 * 2 * 3 * 4, metric.name
        assert not [value for value in values if any(each in value for each in sent)]
        assert not names & {"client.address", "url.path", "user_agent.original", "server.address"}
