"""Sizes of bodies in records, spans and series: of streams to their end, without holding them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audit_support import Gate, Lines, WSGIApp, call_asgi, call_wsgi, environ, scope
from ringwall import Audit, BodyValidation, Stack
from ringwall.audit.canonical import canonical, parse

LINE = {"type": "object"}


class Measured:
    def __init__(self, *inside: Any) -> None:
        self.lines, self.exporter = Lines(), InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        audit = Audit(
            self.lines,
            tracer_provider=tracers,
            meter_provider=MeterProvider([self.reader], shutdown_on_exit=False),
            body_sizes=True,
        )
        self.stack = Stack(audit, *inside)

    def told(self) -> list[tuple[Any, Any]]:
        """Sizes by record, after a look whether span and series tell the same."""
        records = self.lines.records
        found = [(each["request_size"], each["response_size"]) for each in records]
        for line in self.lines.lines:
            assert canonical(parse(line)) == line
        spans = [
            tuple((span.attributes or {}).get(f"http.{which}.body.size") for which in
                  ("request", "response"))
            for span in self.exporter.get_finished_spans()
        ]  # fmt: skip
        assert spans == found
        data = self.reader.get_metrics_data()
        assert data is not None
        metrics = {each.name: each for each in data.resource_metrics[0].scope_metrics[0].metrics}
        for at, which in enumerate(("request", "response")):
            sizes = [each[at] for each in found if each[at] is not None]
            metric = metrics.get(f"http.server.{which}.body.size")
            points = metric.data.data_points if metric is not None else ()
            assert sum(point.count for point in points) == len(sizes)
            assert sum(point.sum for point in points) == sum(sizes)
        return found


def asgi(*messages: Any, reads: bool = False) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while reads and (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for message in messages:
            if isinstance(message, Exception):
                raise message
            await send(message)

    return app


def body(data: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def test_streams_are_counted_to_their_end() -> None:
    measured = Measured()
    app = asgi(body(b"abc", True), body(b"defg", True), {"type": "http.response.body"}, reads=True)
    incoming = [
        {"type": "http.request", "body": b"12", "more_body": True},
        {"type": "http.request", "body": b"345", "more_body": True},
        {"type": "http.request"},
    ]
    call_asgi(measured.stack.asgi(app), scope(method="POST"), *incoming)

    def wsgi(environ: Any, start_response: Any) -> Iterator[bytes]:
        source = environ["wsgi.input"]
        taken = [source.read(2), source.readline(), *source.readlines(1), *source]
        assert b"".join(taken) == b"12\n34\n5\n6"
        assert source.closed is False
        start_response("200 OK", [])
        yield b"abc"
        yield b"defg"

    given = environ(**{"wsgi.input": io.BytesIO(b"12\n34\n5\n6"), "wsgi.input_terminated": True})
    call_wsgi(measured.stack.wsgi(wsgi), given)
    assert measured.told() == [(5, 7), (9, 7)]


def test_a_declared_length_is_a_requests_size_whoever_reads_it() -> None:
    measured = Measured()
    lines = [(b"content-length", b"7")]
    call_asgi(measured.stack.asgi(asgi(body(b"ok"))), scope(headers=lines))
    call_wsgi(measured.stack.wsgi(WSGIApp()), environ(CONTENT_LENGTH="7"))
    call_wsgi(measured.stack.wsgi(WSGIApp()), environ(CONTENT_LENGTH="seven"))
    call_wsgi(measured.stack.wsgi(WSGIApp()), environ())
    assert measured.told() == [(7, 2), (7, 2), (None, 2), (None, 2)]


def test_a_body_that_a_layer_read_counts_and_a_refusal_too() -> None:
    measured = Measured(BodyValidation({"POST /yes": LINE}))
    for data in (b'{"a":1}', b"[1, 2]"):
        headers = [(b"content-type", b"application/json")]
        sent = call_asgi(
            measured.stack.asgi(asgi(body(b"ok"))), scope(method="POST", headers=headers),
            {"type": "http.request", "body": data[:3], "more_body": True},
            {"type": "http.request", "body": data[3:]},
        )  # fmt: skip
    refusal = sum(len(message.get("body", b"")) for message in sent)
    assert refusal > 50
    assert measured.told() == [(7, 2), (6, refusal)]


def test_a_refusal_has_the_size_that_it_declares() -> None:
    measured = Measured(Gate())
    _, headers, answer = call_wsgi(measured.stack.wsgi(WSGIApp()), environ("/no"))
    assert measured.told() == [(None, len(answer))]
    assert headers["content-length"] == str(len(answer))


def test_a_stream_that_breaks_off_counts_as_far_as_it_came() -> None:
    measured = Measured()
    with pytest.raises(ValueError, match="x"):
        call_asgi(measured.stack.asgi(asgi(body(b"abc", True), ValueError("x"))))

    def wsgi(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"abcd"
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        call_wsgi(measured.stack.wsgi(wsgi))
    assert measured.told() == [(None, 3), (None, 4)]


def test_an_app_that_crashes_first_has_the_size_of_our_answer() -> None:
    measured = Measured()
    sent: list[Any] = []

    async def crash(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        with pytest.raises(ZeroDivisionError):
            await measured.stack.asgi(crash)(scope(), None, send)  # type: ignore[arg-type]

    asyncio.run(main())
    assert measured.told() == [(None, len(sent[1]["body"]))]


def test_what_has_no_body_has_none_whatever_the_app_sends() -> None:
    measured = Measured()
    call_asgi(measured.stack.asgi(asgi(body(b"abc"))), scope(method="HEAD"))
    call_wsgi(measured.stack.wsgi(WSGIApp("204 No Content")))
    call_wsgi(measured.stack.wsgi(WSGIApp("304 Not Modified")))
    assert measured.told() == [(None, 0)] * 3


@pytest.mark.parametrize("kind", ["http.response.pathsend", "http.response.zerocopysend"])
def test_a_file_that_the_server_sends_has_no_size_that_we_know(kind: str) -> None:
    measured = Measured()
    call_asgi(measured.stack.asgi(asgi({"type": kind}, body(b"rest"))))
    assert measured.told() == [(None, None)]


def test_the_servers_file_wrapper_comes_back_as_it_was() -> None:
    class Wrapper:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __iter__(self) -> Iterator[bytes]:
            return iter([self.file.read()])

    def wsgi(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "4")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"file"))

    measured = Measured()
    given = environ(**{"wsgi.file_wrapper": Wrapper})
    result = measured.stack.wsgi(wsgi)(given, lambda status, headers, exc_info=None: None)  # type: ignore[arg-type,return-value]
    assert type(result) is Wrapper
    result.close()  # type: ignore[attr-defined]
    assert measured.told() == [(None, 4)]


def test_what_goes_through_write_counts() -> None:
    written: list[bytes] = []

    def wsgi(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        if write is not None:
            write(b"abc")
        return map(bytes, [b"de"])

    measured = Measured()
    app = measured.stack.wsgi(wsgi)
    for write in (written.append, None):
        result: Any = app(environ(), lambda status, headers, exc_info=None, w=write: w)  # type: ignore[misc,arg-type,return-value]
        written += result
        result.close()
        del result
    assert written == [b"abc", b"de", b"de"]
    assert measured.told() == [(None, 5), (None, 2)]


def test_an_iterable_is_closed_once_and_a_list_stays_one() -> None:
    class Chunks:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            yield b"abc"

        def close(self) -> None:
            self.closed += 1

    chunks, ready = Chunks(), [b"ok"]

    def wsgi(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return chunks if environ["PATH_INFO"] == "/yes" else ready

    measured = Measured()
    app = measured.stack.wsgi(wsgi)
    call_wsgi(app)
    assert chunks.closed == 1
    assert app(environ("/list"), lambda status, headers, exc_info=None: None) is ready  # type: ignore[arg-type,return-value]
    assert measured.told() == [(None, 3), (None, 2)]


def test_websockets_are_not_measured_and_lifespans_pass() -> None:
    measured = Measured()
    app = measured.stack.asgi(asgi(reads=True))
    kinds = {"type": "websocket", "scheme": "wss"}

    async def socket(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close"})

    call_asgi(measured.stack.asgi(socket), scope(**kinds))
    assert measured.told() == [(None, None)]
    call_asgi(app, {"type": "lifespan"}, {"type": "lifespan.shutdown"})


def test_nothing_stands_around_an_app_where_nobody_asked() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(receive)
        await asgi(body(b"ok"))(scope, receive, send)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None: ...

    lines = Lines()
    asyncio.run(Stack(Audit(lines)).asgi(app)(scope(), receive, send))
    assert seen == [receive]
    assert "response_size" not in lines.only
