"""The WSGI adapter (PEP 3333): one of the two modules that know an interface."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, cast

from ._compile import Plan, checked, fail_at
from ._exchange import KEY, BodyIncomplete, BodyTooLarge, Exchange, declared_length
from ._layer import Verdict
from ._pending import Call, settle
from ._wsgi_response import Environ, Start, StartResponse, WSGIApp, finish, refuse
from .problem import Response

__all__ = ["Environ", "StartResponse", "WSGIApp", "build_wsgi"]

# Two headers have names of their own in an environ (PEP 3333, from CGI).
_UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def build_wsgi(app: WSGIApp, plan: Plan) -> WSGIApp:
    """Wrap a WSGI app in a compiled stack."""
    steps, everyone = plan.steps, len(plan.layers)
    completes_of, all_completes = plan.completes, plan.completes[everyone]
    transparent = not plan.unwinds[everyone] and not all_completes
    wants = tuple((name, _environ_key(name)) for name in sorted(plan.wants))

    def ringwall(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        exchange = _open(environ, plan, wants)
        verdict: Verdict = None
        body: _Input | None = None
        depth = completes = everyone
        outcome = exchange.outcome
        result: Iterable[bytes]
        try:
            try:
                for hook, depth, completes in steps:  # noqa: B007  read after the loop
                    verdict = hook(exchange)
                    if verdict is not None:
                        if verdict.__class__ is not Response:
                            if body is None:
                                body = exchange.reader = _Input(environ)
                            verdict = _judged(verdict)
                        if verdict is not None:
                            break
            except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
                verdict = fail_at(plan, depth, completes, exchange, error)
            finally:
                exchange.reader = None  # it knows the exchange: no cycle may outlive the request
            if verdict is not None:
                start = Start(exchange, plan, depth, outcome, start_response)
                result = refuse(exchange, cast("Response", verdict), start)
            else:
                completes = everyone
                _hand_over(exchange, environ)
                if transparent:
                    return app(environ, start_response)
                start = Start(exchange, plan, everyone, outcome, start_response)
                result = app(environ, start)
        except BaseException as error:
            outcome.error = error
            finish(completes_of[completes], exchange, outcome)
            raise
        if verdict is not None:
            finish(completes_of[completes], exchange, outcome)
            return result
        return start.finish(result, all_completes, environ.get("wsgi.file_wrapper"))

    ringwall.__ringwall__ = plan  # type: ignore[attr-defined]
    ringwall.app = app  # type: ignore[attr-defined]
    return ringwall


def _judged(verdict: Any) -> Response | None:
    return checked(verdict if isinstance(verdict, Response) else settle(verdict))


def _environ_key(name: bytes) -> str:
    return _UNPREFIXED.get(name) or "HTTP_" + name.decode("ascii").upper().replace("-", "_")


def _open(environ: Environ, plan: Plan, wants: tuple[tuple[bytes, str], ...]) -> Exchange:
    headers: dict[bytes, bytes] = {}
    for name, key in wants:
        value = environ.get(key)
        # An empty CONTENT_TYPE or CONTENT_LENGTH stands for an absent header.
        if value is not None and (value or key[:5] == "HTTP_"):
            headers[name] = value.encode("latin-1")
    raw_path = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    scheme = environ["wsgi.url_scheme"]
    exchange = Exchange(
        "wsgi",
        environ["REQUEST_METHOD"],
        scheme if scheme in ("http", "https") else "http",
        _text(environ.get("SCRIPT_NAME") or ""),
        _text(environ.get("PATH_INFO") or ""),
        _raw_path(raw_path) if raw_path else None,
        environ.get("QUERY_STRING", "").encode("latin-1"),
        headers,
        environ.get("REMOTE_ADDR") or None,
        plan.boundary,
    )
    parent = environ.get(KEY)
    if parent is not None:
        exchange.join(parent)
    plan.boundary.derive(exchange)
    environ[KEY] = exchange
    return exchange


def _text(native: str) -> str:
    """Bytes in the guise of Latin-1 (PEP 3333), decoded. Bad UTF-8 becomes U+FFFD, which the
    boundary refuses in a path."""
    return native if native.isascii() else native.encode("latin-1").decode("utf-8", "replace")


def _raw_path(target: str) -> bytes | None:
    """The path of a request target; the server tells it in a variable of its own."""
    path = target.partition("?")[0]
    if not path.startswith("/"):
        scheme, separator, rest = path.partition("://")
        path = "/" + rest.partition("/")[2] if separator and scheme.isalnum() else path
    try:
        return path.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _hand_over(exchange: Exchange, environ: Environ) -> None:
    """Tell the app what the layers found out."""
    if exchange.identified:
        principal = exchange.principal
        if principal is None:
            environ.pop("REMOTE_USER", None)
            environ.pop("AUTH_TYPE", None)
        else:
            environ["REMOTE_USER"] = principal.subject.encode("utf-8", "replace").decode("latin-1")
            environ["AUTH_TYPE"] = principal.scheme
    if exchange.boundary.proxies is not None:
        environ["wsgi.url_scheme"] = exchange.scheme
        if exchange.client is not None:
            environ["REMOTE_ADDR"] = exchange.client


class _Input:
    """Reads the request body before the app does, and puts a copy-free one in its place."""

    __slots__ = ("_declared", "_environ")

    def __init__(self, environ: Environ) -> None:
        self._declared = environ.get("CONTENT_LENGTH") or None
        self._environ = environ

    def call(self, limit: int) -> Call[bytes]:
        return Call(self._read, None, limit)

    def _read(self, limit: int) -> bytes:
        environ = self._environ
        declared = declared_length(self._declared.encode("latin-1") if self._declared else None)
        if declared is not None and declared > limit:
            raise BodyTooLarge
        if declared is None and not environ.get("wsgi.input_terminated"):
            # Without a length and without an end there is no body to read (PEP 3333), and one
            # that was announced all the same cannot be judged.
            if environ.get("HTTP_TRANSFER_ENCODING"):
                raise BodyIncomplete
            return b""
        stream = environ["wsgi.input"]
        body = _read_up_to(stream, limit + 1 if declared is None else declared)
        if len(body) > limit:
            environ["wsgi.input"] = io.BufferedReader(_Rejoined(body, stream))
            raise BodyTooLarge
        environ["wsgi.input"] = io.BytesIO(body)
        if declared is not None and len(body) != declared:
            raise BodyIncomplete
        environ["CONTENT_LENGTH"] = str(len(body))
        return body


class _Rejoined(io.RawIOBase):
    """What was read, and then the rest: a layer may let a body pass that it found too large."""

    def __init__(self, start: bytes, rest: Any) -> None:
        self._start = memoryview(start)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        data = self._start[:size] or self._rest.read(size)
        self._start = self._start[size:]
        buffer[: len(data)] = data
        return len(data)


def _read_up_to(stream: Any, most: int) -> bytes:
    buffer = io.BytesIO()
    while (missing := most - buffer.tell()) > 0:
        try:
            chunk = stream.read(min(missing, 65536))
        except OSError:
            break  # the client went away: what is missing makes the body incomplete
        if not chunk:
            break
        buffer.write(chunk)
    return buffer.getvalue()
