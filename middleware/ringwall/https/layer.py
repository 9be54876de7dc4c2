"""The layer: nothing is served over plain HTTP, nothing for a host that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeGuard

from .._boundary import Host
from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange
from .._layer import Layer, ResponseHead
from ..problem import Header, Response
from .credentials import CREDENTIALS, Credentials
from .exempt import Exempt
from .hosts import AllowList, AnyHost
from .hsts import HSTS
from .hsts import NAME as HSTS_NAME
from .navigation import NAVIGATION, is_navigation
from .target import target
from .verdicts import (
    CREDENTIAL_IN_CLEAR,
    EXEMPT,
    EXEMPT_CREDENTIAL,
    HTTPS_REQUIRED,
    MALFORMED_TARGET,
    MISSING_HOST,
    REDIRECTED,
    SECURE,
    UNKNOWN_HOST,
    WSS_REQUIRED,
    refuse,
)

_REDIRECTS: dict[str, Callable[[Mapping[bytes, bytes]], bool]] = {
    "all": lambda headers: True,
    "browsers": is_navigation,
    "never": lambda headers: False,
}
_WEBSOCKETS = {"refuse": False, "redirect": True}
_STATUSES = frozenset({301, 302, 307, 308})
_DEFAULT_HSTS = HSTS()


class HTTPS(Layer):
    """Serves over HTTPS only, for the hosts you name, and tells browsers to remember it (HSTS).

    Over plain HTTP, GET and HEAD are redirected. Everything else is refused with a 403 problem:
    writes, CORS preflights and websockets, which browsers do not redirect, and any request with a
    credential: a redirect would hide that it was sent in clear. That event is in the decisions.
    The scheme is the server's word; behind a proxy that ends TLS, name the proxy with
    `Stack(..., proxies=TrustedProxies([...]))`, or every request counts as plain.

    Parameters:
        hosts: the hosts served: names, `*.example.com` (one label), IPv4, `[IPv6]`, each for any
            port or with its HTTPS port, or `ANY_HOST`. Others get a 421 problem, a missing Host
            header a 400.
        redirect: which GET and HEAD requests over plain HTTP are redirected rather than refused:
            "all"; "browsers", those that ask for a page; "never": APIs that shall fail visibly.
        hsts: the policy to announce; None: none. Sent over HTTPS only, never for an address, and
            only where the app says nothing of its own.
        exempt: decoded paths, exact or ending in `/**`, that skip redirect and host check.
        status: of the redirect: 308, 307, 302 or 301.
        ports: the HTTPS port for each plain port; 80 leads to 443, and so do all that are not
            named.
        websockets: "refuse", or "redirect" for clients that follow from `ws` to `wss`.
        credentials: headers and `?query` parameters that carry a credential.

    Attributes:
        hosts: the hosts given, without their ports; empty for `ANY_HOST`.

    Raises:
        ConfigurationError: an argument cannot work.

    Sources: RFC 6797 (HSTS), RFC 9110 section 15.4 and 15.5.20, OWASP REST Security Cheat Sheet.

    >>> from ringwall.https import HSTS, HTTPS
    >>> layer = HTTPS(hosts=["api.example.com"], hsts=HSTS(preload=True), exempt=["/healthz"])
    >>> app = layer.wsgi(lambda environ, start_response: [])
    """

    name = "https"
    keeps_state = False

    def __init__(
        self,
        *,
        hosts: Iterable[str] | AnyHost,
        redirect: Literal["all", "browsers", "never"] = "all",
        hsts: HSTS | None = _DEFAULT_HSTS,
        exempt: Iterable[str] = (),
        status: int = 308,
        ports: Mapping[int, int] | None = None,
        websockets: Literal["refuse", "redirect"] = "refuse",
        credentials: Iterable[str] = CREDENTIALS,
    ) -> None:
        if redirect not in _REDIRECTS:
            raise ConfigurationError(
                f"unknown redirect={redirect!r} of HTTPS" + did_you_mean(str(redirect), _REDIRECTS)
            )
        if websockets not in _WEBSOCKETS:
            raise ConfigurationError(
                f"unknown websockets={websockets!r} of HTTPS"
                + did_you_mean(str(websockets), _WEBSOCKETS)
            )
        if websockets == "redirect" and redirect == "never":
            raise ConfigurationError("websockets='redirect' contradicts redirect='never'")
        if type(status) is not int or status not in _STATUSES:
            raise ConfigurationError(f"status={status!r} of HTTPS; use 308, 307, 302 or 301")
        if hsts is not None and not isinstance(hsts, HSTS):
            raise ConfigurationError("hsts= takes HSTS(max_age=63072000), or None for none")
        self._hosts = AllowList(hosts)
        self._named = self._hosts.names
        self.hosts: frozenset[str] = self._hosts.listed
        self._exempt = Exempt(exempt)
        self._credentials = Credentials(credentials)
        self._redirects = _REDIRECTS[redirect]
        self._redirects_websockets = _WEBSOCKETS[websockets]
        self._status = status
        self._ports = _checked_ports({} if ports is None else ports)
        read = NAVIGATION if redirect == "browsers" else frozenset[bytes]()
        # A cached redirect must not answer those that are refused.
        self._vary: tuple[Header, ...] = ((b"vary", b", ".join(sorted(read))),) if read else ()
        self.wants: frozenset[bytes] = self._credentials.headers | read | {b"upgrade"}
        self.by_path: bool = bool(self._exempt)
        self._hsts = b""
        # The compiler takes hooks from the instance: what is not configured costs nothing.
        if hsts is None:
            self.on_response = super().on_response  # type: ignore[method-assign]
        else:
            self.sets: frozenset[bytes] = frozenset({HSTS_NAME})
            self._hsts = hsts.header[1]
            if self._hosts.only_names and not self._exempt:
                # Whatever passes this layer is secure and has a name: only an app that has a
                # policy of its own, or two, leaves something to do.
                self.constant_headers: tuple[Header, ...] = (hsts.header,)
                self.edits_only: frozenset[bytes] | None = self.sets
                self.on_response = self._leave_one  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return "<HTTPS>"

    def on_request(self, exchange: Exchange) -> Response | None:
        host = exchange.host
        if exchange.scheme == "https" and host is not None and host.name in self._named:
            exchange.decisions.append(SECURE)
            return None
        return self._judge(exchange, host)

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        host = exchange.host
        if exchange.scheme == "https" and self._is_ours(host) and not host.is_ip:
            # One line, the app's if it has any: browsers read the first (RFC 6797 section 8.1).
            head.set(HSTS_NAME, head.get(HSTS_NAME) or self._hsts)
        else:
            head.remove(HSTS_NAME)

    def _leave_one(self, exchange: Exchange, head: ResponseHead) -> None:
        head.set(HSTS_NAME, head.get(HSTS_NAME) or self._hsts)

    def _is_ours(self, host: Host | None) -> TypeGuard[Host]:
        return host is not None and self._hosts.allows(host.name, host.port or 443)

    def _judge(self, exchange: Exchange, host: Host | None) -> Response | None:
        secure = exchange.scheme == "https"
        if secure and self._is_ours(host):
            exchange.decisions.append(SECURE)
            return None
        in_clear = not secure and self._credentials.sent(exchange)
        if self._exempt(exchange.path):
            exchange.decisions.append(EXEMPT_CREDENTIAL if in_clear else EXEMPT)
            return None
        if in_clear:
            return refuse(exchange, CREDENTIAL_IN_CLEAR)
        if host is None:
            return refuse(exchange, MISSING_HOST)
        if secure:
            return refuse(exchange, UNKNOWN_HOST)
        return self._judge_plain(exchange, host)

    def _judge_plain(self, exchange: Exchange, host: Host) -> Response:
        # The host in question is the one that a redirect would lead to.
        port = self._ports.get(host.port or 80, 443)
        host = host._replace(port=None if port == 443 else port)
        if not self._is_ours(host):
            return refuse(exchange, UNKNOWN_HOST)
        headers = exchange.headers
        # A WSGI server, or an ASGI server without websockets, hands over the bare handshake.
        if exchange.kind == "websocket" or b"websocket" in headers.get(b"upgrade", b"").lower():
            if self._redirects_websockets:
                return self._redirect(exchange, b"wss://", host)
            return refuse(exchange, WSS_REQUIRED)
        if exchange.method in ("GET", "HEAD") and self._redirects(headers):
            return self._redirect(exchange, b"https://", host)
        return refuse(exchange, HTTPS_REQUIRED)

    def _redirect(self, exchange: Exchange, scheme: bytes, host: Host) -> Response:
        path = target(exchange)
        if path is None:
            return refuse(exchange, MALFORMED_TARGET)
        exchange.decisions.append(REDIRECTED)
        location = scheme + host.authority.encode("ascii") + path
        return Response(self._status, ((b"location", location), *self._vary))


def _checked_ports(ports: object) -> dict[int, int]:
    if not isinstance(ports, Mapping):
        raise ConfigurationError("ports= takes a mapping of plain to HTTPS ports: {8080: 8443}")
    for port in (*ports, *ports.values()):
        if type(port) is not int or not 0 < port < 65536:
            raise ConfigurationError(f"ports= holds {port!r}, which is no port: {{8080: 8443}}")
    return dict(ports)
