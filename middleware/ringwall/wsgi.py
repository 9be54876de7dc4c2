"""The WSGI adapter (PEP 3333): one of the two modules that know an interface."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, TypeAlias, cast

from ._compile import FAILED, Complete, Plan, complete, edit, fail_at, refusal_body
from ._exchange import (
    KEY,
    BodyIncomplete,
    BodyTooLarge,
    Exchange,
    Outcome,
    declared_length,
)
from ._layer import ResponseHead, Verdict
from ._pending import Call, settle
from .problem import Header, Response, check_header, reason_phrase

Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = (
    "tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None"
)
Write: TypeAlias = Callable[[bytes], object]


class StartResponse(Protocol):
    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = ..., /
    ) -> Write: ...


WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

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
        outcome = Outcome()
        try:
            for hook, depth, completes in steps:  # noqa: B007  read after the loop
                verdict = hook(exchange)
                if verdict is not None:
                    if verdict.__class__ is not Response:
                        if body is None:
                            body = exchange.reader = _Input(exchange, environ)
                        verdict = settle(cast("Any", verdict))
                    if verdict is not None:
                        break
        except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
            verdict = fail_at(plan, depth, completes, exchange, error)
        except BaseException as error:
            outcome.error = error
            _finish(completes_of[completes], exchange, outcome)
            raise
        if verdict is not None:
            start = _Start(exchange, plan, depth, outcome, start_response)
            try:
                return _refuse(exchange, cast("Response", verdict), start)
            finally:
                _finish(completes_of[completes], exchange, outcome)
        _hand_over(exchange, environ)
        if transparent:
            return app(environ, start_response)
        start = _Start(exchange, plan, everyone, outcome, start_response)
        try:
            result = app(environ, start)
        except BaseException as error:
            outcome.error = error
            _finish(all_completes, exchange, outcome)
            raise
        return start.finish(result, all_completes, environ.get("wsgi.file_wrapper"))

    ringwall.__ringwall__ = plan  # type: ignore[attr-defined]
    ringwall.app = app  # type: ignore[attr-defined]
    return ringwall


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


class _Head(ResponseHead):
    """A response head over a list of pairs of native strings."""

    __slots__ = ("headers",)

    def __init__(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = headers

    def get(self, name: bytes) -> bytes | None:
        key = name.decode("latin-1")
        found = next((value for line, value in self.headers if line.lower() == key), None)
        return None if found is None else found.encode("latin-1")

    def add(self, name: bytes, value: bytes) -> None:
        check_header(name, value)
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def remove(self, name: bytes) -> None:
        key = name.decode("latin-1")
        self.headers = [line for line in self.headers if line[0].lower() != key]

    def add_missing(self, lines: tuple[Header, ...], names: frozenset[bytes]) -> None:
        present = {name.lower() for name, _ in self.headers}
        self.headers += [line for line in _native(lines) if line[0] not in present]

    def replace(self, response: Response) -> None:
        self.status, self.headers = response.status, [*_native(response.headers)]


@functools.lru_cache(maxsize=256)
def _native(lines: tuple[Header, ...]) -> tuple[tuple[str, str], ...]:
    """Header lines as native strings, made once for each constant set of them."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in lines)


class _Start:
    """The one wrapper around `start_response`: edits heads, notes the status."""

    __slots__ = ("_depth", "_exchange", "_outcome", "_plan", "_start_response", "replaced")

    def __init__(
        self,
        exchange: Exchange,
        plan: Plan,
        depth: int,
        outcome: Outcome,
        start_response: StartResponse,
    ) -> None:
        self._exchange = exchange
        self._plan = plan
        self._depth = depth
        self._outcome = outcome
        self._start_response = start_response
        self.replaced = False

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None, /
    ) -> Write:
        code = int(status[:3])
        if self._plan.unwinds[self._depth]:
            head = _Head(code, headers.copy())
            self.replaced = not edit(self._plan, self._depth, self._exchange, head)
            if head.status != code:
                code, status = head.status, f"{head.status} {reason_phrase(head.status)}"
            headers = head.headers
        self._outcome.status = code
        if exc_info is not None:
            write = self._start_response(status, headers, exc_info)
        else:
            write = self._start_response(status, headers)
        return _discard if self.replaced else write

    def finish(
        self, result: Iterable[bytes], completes: tuple[Complete, ...], file_wrapper: Any
    ) -> Iterable[bytes]:
        """The iterable to return, so that the end is noticed and nothing else changes."""
        if self.replaced:
            return _Result(result, self, completes, self._exchange, self._outcome)
        if not completes and (
            self._outcome.status is not None or not self._plan.unwinds[self._depth].edits
        ):
            return result
        if type(result) in (list, tuple):
            # Made already: the server may take its length and send it in one go.
            _finish(completes, self._exchange, self._outcome)
            return result
        watched = _Result(result, self, completes, self._exchange, self._outcome)
        if isinstance(file_wrapper, type) and isinstance(result, file_wrapper):
            # Servers send files by system call if they get back what they gave (PEP 3333).
            if not watched.ride_on_close():
                watched.complete()
            return result
        return watched


def _discard(data: bytes) -> None:
    """`write()` for the rest of a response that was replaced."""


class _Result:
    """The app's iterable, chunk for chunk, with an end that is noticed exactly once.

    A class, not a generator: closing a generator that never started skips its `finally`.
    """

    def __init__(
        self,
        result: Iterable[bytes],
        start: _Start,
        completes: tuple[Complete, ...],
        exchange: Exchange,
        outcome: Outcome,
    ) -> None:
        self._result = result
        self._close = getattr(result, "close", None)
        self._iterator: Iterator[bytes] | None = None
        self._start = start
        self._completes = completes
        self._exchange = exchange
        self._outcome = outcome
        self._closed = self._completed = self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        try:
            if self._iterator is None:
                self._iterator = iter(self._result)
            chunk = next(self._iterator)
        except StopIteration:
            self._ended = True
            if not self._start.replaced:
                raise
            chunk = b""
        except BaseException as error:
            self._outcome.error = error
            raise
        if not self._start.replaced:
            return chunk
        self._ended = True  # a layer failed on the response head: send its 500, drop the rest
        return refusal_body(self._exchange, FAILED)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._close is not None:
                self._close()
        except BaseException as error:
            self._outcome.error = error
            raise
        finally:
            self.complete()

    def complete(self) -> None:
        if not self._completed:
            self._completed = True
            _finish(self._completes, self._exchange, self._outcome)

    def ride_on_close(self) -> bool:
        """Notice the end through the `close` of the app's own object."""
        try:
            self._result.close = self.close  # type: ignore[attr-defined]
        except (AttributeError, TypeError):  # an object of C without a __dict__
            return False
        return True

    def __del__(self) -> None:
        self.close()  # a server that drops the iterable without closing it


def _refuse(exchange: Exchange, response: Response, start: _Start) -> list[bytes]:
    head = [*_native(response.headers)]
    start(f"{response.status} {reason_phrase(response.status)}", head)
    body = refusal_body(exchange, FAILED if start.replaced else response)
    return [body] if body else []


def _finish(hooks: tuple[Complete, ...], exchange: Exchange, outcome: Outcome) -> None:
    for pending in complete(hooks, exchange, outcome):
        settle(pending)


class _Input:
    """Reads the request body before the app does, and puts a copy-free one in its place."""

    __slots__ = ("_declared", "_environ")

    def __init__(self, exchange: Exchange, environ: Environ) -> None:
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
        body = _read_up_to(environ["wsgi.input"], limit + 1 if declared is None else declared)
        environ["wsgi.input"] = io.BytesIO(body)
        if len(body) > limit:
            raise BodyTooLarge
        if declared is not None and len(body) != declared:
            raise BodyIncomplete
        environ["CONTENT_LENGTH"] = str(len(body))
        return body


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
