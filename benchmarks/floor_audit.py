"""The floor of the audit: by hand what its record and its span must hold, for one app.

The record has each member of Ringwall's, in canonical JSON (RFC 8785), chained by SHA-256 and
put into a Merkle tree (RFC 6962); it is in the file before the request has ended. What is left out
is generality: other apps, redaction, sinks, several processes, and whatever could fail.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from json.encoder import encode_basestring as quote
from typing import Any, BinaryIO

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import SpanKind, set_span_in_context

from . import world

App = Callable[..., Any]
_ROOT = Context()
_SERVER = SpanKind.SERVER
_DECIDED = (
    ("https", "secure", "hosts"),
    ("ratelimit", "within-quota", "client"),
    ("authentication", "authenticated", "bearer"),
    ("ratelimit", "within-quota", "principal"),
)


@functools.cache
def _decided(route: str | None) -> tuple[str, str]:
    """What the layers decide about a request that passes by this route, as JSON and for the span;
    nothing where no layer is inside."""
    found = [*_DECIDED, ("authorization", "granted", route)] if route is not None else []
    made = ",".join(
        f'{{"layer":"{layer}","outcome":"allow","reason":"{reason}","rule":"{rule}"}}'
        for layer, reason, rule in found
    )
    told = [f"{layer} allow {rule} {reason}" for layer, reason, rule in found]
    return f"[{made}]", "\n".join(told)


def _actor(principal: dict[str, Any] | None) -> str:
    if principal is None:
        return "null"
    return (
        f'{{"authenticated":true,"credential":"{principal["credential"]}"'
        f',"issuer":{quote(principal["iss"])},"scheme":"bearer"'
        f',"subject":{quote(principal["sub"])}}}'
    )


class Trail:
    """One line for each exchange, and its span; either may be left out."""

    def __init__(self, file: BinaryIO | None, tracer: Any) -> None:
        self._open = file  # it is closed with this, and not before
        self._file = file.fileno() if file is not None else -1
        self._lock = threading.Lock()
        self._start_span = tracer.start_span if tracer is not None else None
        self._writer = os.urandom(8).hex()
        self._prev, self._size, self._roots = "0" * 64, 0, list[bytes]()
        self._second, self._shown = 0, ""

    def span(
        self,
        method: str,
        path: str,
        scheme: str,
        client: str,
        agent: str,
        version: str,
        port: int | None = None,
    ) -> Any:
        """The span, current, with what is known at the start; and how to undo that."""
        if self._start_span is None:
            return None
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "url.path": path,
            "url.scheme": scheme,
            "client.address": client,
            "network.peer.address": client,
            "server.address": world.HOST,
            "server.port": 443,
            "user_agent.original": agent,
            "network.protocol.version": version,
        }
        if port is not None:
            attributes["network.peer.port"] = port
        span = self._start_span(method, _ROOT, _SERVER, attributes)
        return span, attach(set_span_in_context(span, _ROOT))

    def end(
        self,
        started: Any,
        method: str,
        path: str,
        scheme: str,
        client: str,
        status: int,
        request_id: str,
        begin: float,
        state: dict[str, Any],
    ) -> None:
        """state: what the layers inside left: `principal` and `route`, where there are some."""
        route = f"{method} {state['route']}" if "route" in state else None
        if self._file >= 0:
            self._record(
                started, method, path, scheme, client, status, request_id, begin, route, state
            )
        if started is not None:
            span, token = started
            if route is None:
                span.set_attribute("http.response.status_code", status)  # one costs half by itself
            else:
                span.update_name(route)
                span.set_attributes(
                    {
                        "http.response.status_code": status,
                        "http.route": state["route"],
                        "ringwall.decisions": _decided(route)[1],
                    }
                )
            span.end()
            detach(token)

    def _record(
        self,
        started: Any,
        method: str,
        path: str,
        scheme: str,
        client: str,
        status: int,
        request_id: str,
        begin: float,
        route: str | None,
        state: dict[str, Any],
    ) -> None:
        shown = "null" if route is None else f'"{state["route"]}"'
        actor, decisions = _actor(state.get("principal")), _decided(route)[0]
        trace = span_id = "null"
        if started is not None:
            context = started[0].get_span_context()
            trace, span_id = f'"{context.trace_id:032x}"', f'"{context.span_id:016x}"'
        now = time.time()
        with self._lock:
            size = self._size
            line = (
                f'{{"_prev":"{self._prev}","_seq":{size}'
                f',"actor":{actor}'
                f',"client":{quote(client)},"close_code":null,"decisions":{decisions}'
                f',"duration_us":{int((now - begin) * 1e6)},"error":null,"event":"exchange"'
                f',"host":"{world.HOST}","id":"{self._writer}-{size}","kind":"http"'
                f',"method":{quote(method)},"observed":"{self._time(now)}"'
                f',"outcome":"{"success" if status < 400 else "failure"}","params":{{}}'
                f',"path":{quote(path)},"peer":{quote(client)},"policy_version":null'
                f',"request_id":"{request_id}","route":{shown},"scheme":"{scheme}"'
                f',"span_id":{span_id},"status":{status},"time":"{self._time(begin)}"'
                f',"trace_id":{trace},"v":2}}'
            ).encode()
            leaf = sha256(b"\x00" + line).digest()
            self._prev = leaf.hex()
            while size & 1:
                leaf = sha256(b"\x01" + self._roots.pop() + leaf).digest()
                size >>= 1
            self._roots.append(leaf)
            self._size += 1
            os.write(self._file, line + b"\n")

    def _time(self, seconds: float) -> str:
        second = int(seconds)
        if second != self._second:
            self._shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._shown}.{int((seconds - second) * 1e6):06d}Z"


def audit_asgi(app: App, trail: Trail) -> App:
    """One span and one line for each exchange, and the id of the request for the client."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        begin, request_id = time.time(), os.urandom(16).hex()
        method, path, scheme, status = scope["method"], scope["path"], scope["scheme"], 0
        (client, port), agent = scope["client"], b""
        for name, value in scope["headers"]:
            if name == b"user-agent":
                agent = value
                break
        version = scope["http_version"]
        span = trail.span(method, path, scheme, client, agent.decode("latin-1"), version, port)

        def out(message: Any) -> Any:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
            return send(message)

        try:
            await app(scope, receive, out)
        finally:
            state = scope["state"]
            trail.end(span, method, path, scheme, client, status, request_id, begin, state)

    return wrapped


def audit_wsgi(app: App, trail: Trail) -> App:
    def wrapped(environ: Any, start_response: Any) -> Any:
        begin, request_id = time.time(), os.urandom(16).hex()
        method, path, sent = environ["REQUEST_METHOD"], environ["PATH_INFO"], 0
        scheme, client = environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]
        version = environ["SERVER_PROTOCOL"][5:]
        span = trail.span(method, path, scheme, client, environ["HTTP_USER_AGENT"], version)

        def start(status: str, lines: Any, exc_info: Any = None) -> Any:
            nonlocal sent
            sent = int(status[:3])
            return start_response(status, [*lines, ("X-Request-Id", request_id)], exc_info)

        try:
            return app(environ, start)
        finally:
            trail.end(span, method, path, scheme, client, sent, request_id, begin, environ)

    return wrapped
