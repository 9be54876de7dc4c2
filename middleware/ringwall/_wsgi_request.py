"""The way in under WSGI: what an exchange knows of an environ, and what the app gets to see."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ._exchange import HTTP_VERSIONS, Exchange
from ._lazy import lazy

Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None
)
Write: TypeAlias = Callable[[bytes], object]


class StartResponse(Protocol):
    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = ..., /
    ) -> Write: ...


# Two headers have names of their own in an environ (PEP 3333, from CGI).
_UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
_PROTOCOLS = {
    prefix + name: told for name, told in HTTP_VERSIONS.items() for prefix in ("", "HTTP/")
}


class WSGIExchange(Exchange):
    """An exchange over a copy of the environ: apps change theirs in place (SCRIPT_NAME, PATH_INFO),
    and what is derived late must be derived from what was there at the start."""

    if not TYPE_CHECKING:
        __init__ = object.__init__  # the adapter sets what every request needs
    interface = "wsgi"
    environ: Environ
    keys: tuple[tuple[bytes, str], ...]

    @lazy
    def headers(self) -> dict[bytes, bytes]:
        return headers_of(self.environ, self.keys)

    @property
    def protocol_version(self) -> str | None:
        return _PROTOCOLS.get(self.environ.get("SERVER_PROTOCOL") or "")

    @property
    def peer_port(self) -> int | None:
        told = self.environ.get("REMOTE_PORT")
        if not told:
            return None
        port = str(told)
        return int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None

    def facts(self) -> tuple[str, bytes, str | None, int | None]:
        environ = self.environ
        # Where nothing is mounted or concealed they are what the environ says.
        if self.concealed is not None or environ.get("SCRIPT_NAME"):
            return super().facts()
        path: str = environ.get("PATH_INFO") or ""
        query: str = environ.get("QUERY_STRING") or ""
        return (
            path if path.isascii() else _text(path),
            query.encode("latin-1"),
            _PROTOCOLS.get(environ.get("SERVER_PROTOCOL") or ""),
            self.peer_port if "REMOTE_PORT" in environ else None,
        )

    @property
    def origin(self) -> str | None:
        return self.environ.get("HTTP_ORIGIN")

    @property
    def upgrade(self) -> str | None:
        return self.environ.get("HTTP_UPGRADE")

    @property
    def authorization(self) -> bytes | None:
        value: str | None = self.environ.get("HTTP_AUTHORIZATION")
        if value is None or self.concealed is not None:  # what is concealed is gone from `headers`
            return self.headers.get(b"authorization")
        return value.encode("latin-1")

    @lazy
    def root(self) -> str:
        return _text(self.environ.get("SCRIPT_NAME") or "")

    @lazy
    def path(self) -> str:
        environ = self.environ
        root: str = environ.get("SCRIPT_NAME") or ""
        self.root = root if root.isascii() else _text(root)  # who asks one asks the other
        path: str = environ.get("PATH_INFO") or ""
        return path if path.isascii() else _text(path)

    @lazy
    def raw_path(self) -> bytes | None:
        target = self.environ.get("REQUEST_URI") or self.environ.get("RAW_URI")
        return _raw_path(target) if target else None

    @lazy
    def query(self) -> bytes:
        query: str = self.environ.get("QUERY_STRING") or ""
        return query.encode("latin-1")

    @lazy
    def peer(self) -> str | None:
        return self.environ.get("REMOTE_ADDR") or None


def headers_of(environ: Environ, keys: tuple[tuple[bytes, str], ...]) -> dict[bytes, bytes]:
    """The headers that were asked for; see `environ_keys`."""
    found: dict[bytes, bytes] = {}
    for name, key in keys:
        value = environ.get(key)
        if value:
            found[name] = value.encode("latin-1")
        elif value is not None and key[:5] == "HTTP_":
            found[name] = b""  # an empty CONTENT_TYPE or CONTENT_LENGTH stands for an absent header
    return found


def environ_keys(wants: frozenset[bytes]) -> tuple[tuple[bytes, str], ...]:
    """Header names, each with the key that it has in an environ."""
    return tuple((name, _environ_key(name)) for name in sorted(wants))


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


def hand_over(exchange: Exchange, environ: Environ) -> None:
    """Tell the app what the layers found out."""
    if exchange.identified:
        principal = exchange.principal
        if principal is None:
            environ.pop("REMOTE_USER", None)
            environ.pop("AUTH_TYPE", None)
        else:
            subject = principal.subject
            if not subject.isascii():  # bytes in the guise of Latin-1 (PEP 3333)
                subject = subject.encode("utf-8", "replace").decode("latin-1")
            environ["REMOTE_USER"] = subject
            environ["AUTH_TYPE"] = principal.scheme
    if exchange.concealed is not None:
        exchange.concealed.of_environ(environ)
