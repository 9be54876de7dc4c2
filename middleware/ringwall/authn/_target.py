"""The URL of a request as its client wrote it, to be compared with the one in a DPoP proof."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from .._boundary import Host, parse_host
from .._errors import ConfigurationError
from .._exchange import Exchange

_URL = re.compile(r"(https?|wss?)://([^/?#]+)([^?#]*)", re.IGNORECASE)
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]\Z")  # RFC 3986 section 2.3
_LOCAL = ("localhost", "127.0.0.1", "::1")


class URL(NamedTuple):
    """A URL without query and fragment, normalised by RFC 3986 sections 6.2.2 and 6.2.3, but for
    dot segments: those must agree as they are."""

    scheme: str
    host: Host
    path: str


def read_url(text: str) -> URL | None:
    """The URL that a proof names; None: none that a request could have.

    >>> read_url("HTTPS://API.example.com:443/%7Ealice/%3a?q=1").path
    '/~alice/%3A'
    """
    match = _URL.match(text) if text.isascii() else None
    host = parse_host(match[2].encode("ascii")) if match is not None else None
    if match is None or host is None:
        return None
    scheme = _SCHEMES[match[1].lower()]
    if host.port == _PORTS[scheme]:
        host = host._replace(port=None)
    return URL(scheme, host, _normal_path(match[3]) or "/")


def _normal_path(path: str) -> str:
    return _ESCAPE.sub(_normal_escape, path)


def _normal_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.match(character) else escape[0].upper()


class Origins:
    """Where clients reach a service: what it knows, not what a request says of itself.

    Otherwise a proof made for another server would do, sent with that server's name as Host.

    Parameters:
        given: "https://api.example.com", or with a path that a proxy takes away
            ("https://example.com/api"); or several of these.

    Raises:
        ConfigurationError: it is no such URL.
    """

    def __init__(self, given: str | Iterable[str]) -> None:
        origins = [given] if isinstance(given, str) and given else list(given or ())
        self._by_host: dict[Host, URL] = {}
        for origin in origins:
            url = read_url(origin) if isinstance(origin, str) else None
            if url is None or set("?#") & set(origin) or not _is_safe(url):
                raise ConfigurationError(
                    "origin is where clients reach this service, such as"
                    " 'https://api.example.com', or 'https://example.com/api' behind a proxy that"
                    " takes '/api' away"
                )
            if url.host in self._by_host:
                raise ConfigurationError(f"origin names the host {url.host.authority!r} twice")
            self._by_host[url.host] = url._replace(path=url.path.rstrip("/"))
        if not self._by_host:
            raise ConfigurationError(
                "origin is missing: a proof made for another server would do here. Write"
                " origin='https://api.example.com', as clients reach this service"
            )
        self._only = next(iter(self._by_host.values())) if len(self._by_host) == 1 else None

    def matches(self, url: URL, exchange: Exchange) -> bool:
        """Whether `url` is that of the request."""
        base = self._only or self._named(exchange.host)
        if base is None or (url.scheme, url.host) != (base.scheme, base.host):
            return False
        raw = exchange.raw_path
        if raw is not None:
            return url.path == base.path + _sent_path(raw.decode("latin-1"), exchange.root)
        # The server tells the path decoded only: it is compared like that.
        path = base.path + exchange.root + exchange.path
        return unquote_to_bytes(url.path) == (path or "/").encode("utf-8", "replace")

    def _named(self, host: Host | None) -> URL | None:
        """Of several origins, that of the host which the request names."""
        if host is None:
            return None
        return self._by_host.get(host) or self._by_host.get(host._replace(port=None))


def _sent_path(raw: str, root: str) -> str:
    """The path as it was sent, with the mount point that servers may leave out there."""
    path = _normal_path(raw)
    mount = _normal_path(quote(root))
    if mount and path != mount and not path.startswith(mount + "/"):
        path = mount + path
    return path or "/"


def _is_safe(url: URL) -> bool:
    return url.scheme == "https" or url.host.name in _LOCAL
