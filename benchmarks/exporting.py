"""What exporting spans does to latencies: how long, and how often, requests stand still.

An app is asked by 64 clients at once, as a server asks it, in one process, with an exporter that
does what OTLP's does (protobuf) but for the network. Told are the pauses of Python's garbage
collector, which looks at whatever waits for its export: their sum and the longest. And how long 64
requests took, in the slowest of a hundred turns.

Run: python -m benchmarks.exporting      needs opentelemetry-exporter-otlp-proto-common
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from ringwall import Audit

from . import requests as r
from .harness import Measured, Row
from .lab import Lab, NowhereExporter, run
from .peers import LEFT_OUT, lacking

REQUESTS, AT_ONCE, ROUNDS = 16_000, 64, 3
CODEC = "opentelemetry.exporter.otlp.proto.common.trace_encoder"


class Encoding(SpanExporter):
    """Encodes as OTLP does, and drops the octets."""

    def export(self, spans: Any) -> SpanExportResult:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        encode_spans(spans).SerializePartialToString()
        return SpanExportResult.SUCCESS


class Setting(NamedTuple):
    """exporter: None: spans are recorded and forgotten. tuned: the collector is told that what the
    start-up made stays, and to wait for 50 000 new objects."""

    name: str
    exporter: type[SpanExporter] | None
    batch: int = 512
    ratio: float = 1.0
    tuned: bool = False


SETTINGS = (
    Setting("recorded, not exported", None),
    Setting("exported to nowhere", NowhereExporter),
    Setting("exported to nowhere, collector tuned", NowhereExporter, tuned=True),
    Setting("encoded", Encoding),
    Setting("encoded in batches of 64", Encoding, batch=64),
    Setting("encoded, collector tuned", Encoding, tuned=True),
    Setting("encoded in batches of 64, collector tuned", Encoding, batch=64, tuned=True),
    Setting("one in ten encoded, both", Encoding, batch=64, ratio=0.1, tuned=True),
)


class Seen(NamedTuple):
    """CPU time of a request in microseconds; pauses in milliseconds."""

    spent: float
    collected: float
    longest: float
    still: float


def seen(setting: Setting) -> Seen:
    provider = TracerProvider(sampler=TraceIdRatioBased(setting.ratio), shutdown_on_exit=False)
    if setting.exporter is not None:
        exporter = setting.exporter()
        provider.add_span_processor(
            # Room for all: what is dropped is not encoded, and would seem to cost nothing.
            BatchSpanProcessor(
                exporter, max_export_batch_size=setting.batch, max_queue_size=2 * REQUESTS
            )
        )
    app = Audit(None, tracer_provider=provider).asgi(r.asgi_app)
    pauses: list[float] = []
    turns: list[float] = []
    begun = 0.0

    def collecting(phase: str, about: dict[str, int]) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.perf_counter()
        else:
            pauses.append(time.perf_counter() - begun)

    async def ask(count: int) -> None:
        for _ in range(count // AT_ONCE):
            begin = time.perf_counter()
            await asyncio.gather(*(app(r.asgi_scope(), r.receive, r.send) for _ in range(AT_ONCE)))
            turns.append(time.perf_counter() - begin)

    before = gc.get_threshold()
    gc.collect()
    if setting.tuned:
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
    asyncio.run(ask(REQUESTS // 8))
    provider.force_flush()
    turns.clear()
    gc.callbacks.append(collecting)
    begin = time.process_time()
    asyncio.run(ask(REQUESTS))
    gc.callbacks.remove(collecting)
    provider.shutdown()  # what waits is encoded now: it is a part of what the requests cost
    spent = time.process_time() - begin
    gc.unfreeze()
    gc.set_threshold(*before)
    tail = statistics.quantiles(turns, n=100)[-1]
    return Seen(
        spent / REQUESTS * 1e6, sum(pauses) * 1e3, max(pauses, default=0.0) * 1e3, tail * 1e3
    )


def comparisons(lab: Lab) -> Iterator[Measured]:
    if not lab.full:
        LEFT_OUT["exporting"] = "only with --full"
        return
    if missing := lacking(CODEC):
        LEFT_OUT["spans that are encoded"] = f"not installed: {missing}"
    chosen = [each for each in SETTINGS if not missing or each.exporter is not Encoding]
    found: dict[str, list[Seen]] = {each.name: [] for each in chosen}
    for turn in range(ROUNDS):
        for each in chosen[:: 1 if turn % 2 == 0 else -1]:
            found[each.name].append(seen(each))
    for title, field in (
        ("Spans exported: CPU of a request", "spent"),
        ("Spans exported: the longest pause of the collector", "longest"),
        ("Spans exported: 64 requests at once, p99", "still"),
    ):
        yield Measured(title, "", tuple(_row(name, found[name], field) for name in found))


def _row(name: str, rounds: list[Seen], field: str) -> Row:
    scale = 1.0 if field == "spent" else 1e3
    values = [getattr(each, field) * scale for each in rounds]
    middle = statistics.median(values)
    return Row(name, "ringwall", middle, middle, min(values), max(values))


if __name__ == "__main__":
    run(comparisons, full=True)
