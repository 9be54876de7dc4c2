"""The WSGI adapter (PEP 3333): one of the two modules that know an interface."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, cast

from ._boundary import COMMON_METHODS, TrustedProxies, warn_of_rewriting
from ._compile import Plan, checked, fail_at
from ._exchange import KEY, BodyIncomplete, BodyTooLarge, Exchange, Outcome, declared_length
from ._layer import Verdict
from ._pending import Call, settle
from ._tls_of import tls_of
from ._wsgi_response import (
    Environ,
    Start,
    StartResponse,
    WSGIApp,
    constant_start,
    finish,
    refuse,
)
from .problem import Response

__all__ = ["Environ", "StartResponse", "WSGIApp", "build_wsgi"]

# Two headers have names of their own in an environ (PEP 3333, from CGI).
_UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def build_wsgi(app: WSGIApp, plan: Plan) -> WSGIApp:
    """Wrap a WSGI app in a compiled stack."""
    all_steps, plain_steps, everyone = plan.steps, plan.plain_steps, len(plan.layers)
    boundary, wants_tls = plan.boundary, plan.wants_tls
    known_hosts, derive, direct = boundary.known_hosts, boundary.derive, boundary.proxies is None
    new = object.__new__
    completes_of, all_completes = plan.completes, plan.completes[everyone]
    unwind = plan.unwinds[everyone]
    transparent = not unwind and not all_completes
    constant = constant_start(plan) if not unwind.edits and not all_completes else None
    wants = tuple((name, _environ_key(name)) for name in sorted(plan.wants))

    def ringwall(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        headers: dict[bytes, bytes] = {}
        for name, key in wants:
            value = environ.get(key)
            # An empty CONTENT_TYPE or CONTENT_LENGTH stands for an absent header.
            if value is not None and (value or key[:5] == "HTTP_"):
                headers[name] = value.encode("latin-1")
        exchange = new(Exchange)
        exchange.interface = "wsgi"
        exchange.headers = headers
        exchange.boundary = boundary
        exchange.decisions = []
        exchange.outcome = outcome = new(Outcome)
        exchange.method = method = environ["REQUEST_METHOD"]
        scheme = environ["wsgi.url_scheme"]
        exchange.scheme = "https" if scheme == "https" else "http"
        exchange.root = _text(environ.get("SCRIPT_NAME") or "")
        exchange.path = _text(environ.get("PATH_INFO") or "")
        target = environ.get("REQUEST_URI") or environ.get("RAW_URI")
        exchange.raw_path = _raw_path(target) if target else None
        exchange.query = environ.get("QUERY_STRING", "").encode("latin-1")
        exchange.peer = environ.get("REMOTE_ADDR") or None
        if wants_tls:
            exchange.tls = tls_of(environ)
        host = known_hosts.get(headers.get(b"host"))
        if host is not None and direct and method in COMMON_METHODS and KEY not in environ:
            exchange.host = host
            steps = plain_steps
        else:
            if KEY in environ:
                exchange.join(environ[KEY])
                outcome = exchange.outcome
            derive(exchange)
            steps = plain_steps if exchange.malformed is None else all_steps
        environ[KEY] = exchange

        verdict: Verdict = None
        body: _Input | None = None
        depth = completes = everyone
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
                if body is not None:
                    exchange.reader = None  # it knows the exchange: no cycle may outlive it
            if verdict is not None:
                start = Start(exchange, plan, depth, outcome, start_response)
                result = refuse(exchange, cast("Response", verdict), start)
            else:
                completes = everyone
                if exchange.identified or not direct:
                    _hand_over(exchange, environ)
                if transparent:
                    return app(environ, start_response)
                if constant is not None:
                    return app(environ, constant(start_response))
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


def _text(native: str) -> str:
    """Bytes in the guise of Latin-1 (PEP 3333), decoded. Bad UTF-8 becomes U+FFFD, which the
    boundary refuses in a path."""
    return native if native.isascii() else native.encode("latin-1").decode("utf-8", "replace")


def _raw_path(target: str) -> bytes | None:
    """The path of a request target; the server tells it in a variable of its own."""
    path = target.partition("?")[0] if "?" in target else target
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
    proxies = exchange.boundary.proxies
    if proxies is not None:
        if _is_rewritten(environ):
            warn_of_rewriting()
        _hand_over_headers(exchange, environ, proxies)
        environ["wsgi.url_scheme"] = exchange.scheme
        if exchange.client is not None:
            environ["REMOTE_ADDR"] = exchange.client


def _hand_over_headers(exchange: Exchange, environ: Environ, proxies: TrustedProxies) -> None:
    withheld = proxies.withheld(exchange.peer)
    said = [
        key for key in environ if key[:5] == "HTTP_" and ("FORWARDED" in key or "CLIENT" in key)
    ]
    for key in said:
        name = key[5:].replace("_", "-")
        if withheld(name.encode("latin-1", "replace")) is not None:
            del environ[key]
    if proxies.tells_host and b"host" in exchange.headers:
        environ["HTTP_HOST"] = exchange.headers[b"host"].decode("latin-1")


def _is_rewritten(environ: Environ) -> bool:
    """Whether gunicorn calls a socket without TLS https, or werkzeug's ProxyFix was here. Other
    servers leave no trace."""
    connection = environ.get("gunicorn.socket")
    if connection is not None and environ["wsgi.url_scheme"] == "https":
        return not hasattr(connection, "getpeercert")
    return "werkzeug.proxy_fix.orig" in environ


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
