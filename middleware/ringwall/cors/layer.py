"""The layer: preflights are answered here, responses say who may read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange
from .._layer import Layer, ResponseHead
from ..problem import Response
from .grants import Grants, Verdict, as_bytes
from .names import listed, tokens
from .origins import Origins
from .preflight import ASKED, METHOD, Preflights, list_line
from .verdicts import (
    ALLOW_CREDENTIALS,
    EXPOSE_HEADERS,
    FOREIGN_PREFLIGHT,
    FOREIGN_WEBSOCKET,
    FOREIGN_WRITE,
    WEBSOCKET,
    Refusal,
)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADERS = ("Authorization", "Content-Type")
_FOREIGN_WRITES = {"pass": False, "refuse": True}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 section 9.2.1
_MAY_ASK = frozenset({"OPTIONS", "WEBSOCKET"})


class CORS(Layer):
    """Lets pages of the origins you name call the app from a browser, and answers preflights.

    The app's own `Access-Control-*` headers are replaced: this layer alone says who may read. It
    stands outside authentication, because preflights carry no credentials, and inside `HTTPS`,
    which refuses those in clear.

    Parameters:
        origins: `scheme://host[:port]`, with `*.` before the host for one label below it, or
            `["*"]`: the responses are the same for everybody, and public. Name the app's own
            origin, too, if its pages write (`foreign_writes="refuse"`) or open websockets.
        methods: what pages may send beside GET, HEAD and POST, which need no permission.
        headers: request headers that pages may set.
        expose: response headers that scripts may read beside the usual few.
        credentials: True: browsers send cookies and let the page read what comes back.
        max_age: seconds for which browsers remember the answer to a preflight, at most a day.
        private_network: True: pages of these origins reach the app in a private network
            (`Access-Control-Allow-Private-Network`).
        foreign_writes: what becomes of POST, PUT and other unsafe methods from any other origin:
            "pass": the page cannot read the response, but the app is called; "refuse": a 403
            problem. Requests without Origin pass: browsers send it with every unsafe method.
        websockets: the origins whose pages may open websockets, which browsers open with cookies
            whatever `credentials` says; None: those of `origins`, and nobody for `["*"]`. A
            handshake without Origin passes: no browser sends one.

    A preflight from any other origin is a 403 problem without CORS headers. One that asks for
    another method or header gets the 204 with what is allowed: the browser refuses, and says why.

    Raises:
        ConfigurationError: an argument cannot work.

    Sources: Fetch Standard (CORS protocol), RFC 6454 (Origin), RFC 6455 section 10.2 (websockets).

    >>> from ringwall.cors import CORS
    >>> layer = CORS(["https://app.example.com", "https://*.example.org"], credentials=True)
    >>> app = layer.wsgi(lambda environ, start_response: [])
    """

    name = "cors"
    wants: frozenset[bytes] = ASKED | {b"origin", b"upgrade"}
    inside: frozenset[str] = frozenset({"https"})

    def __init__(
        self,
        origins: Iterable[str],
        *,
        methods: Iterable[str] = _METHODS,
        headers: Iterable[str] = _HEADERS,
        expose: Iterable[str] = (),
        credentials: bool = False,
        max_age: int = 600,
        private_network: bool = False,
        foreign_writes: Literal["pass", "refuse"] = "pass",
        websockets: Iterable[str] | None = None,
    ) -> None:
        entries = listed(origins, "origins")
        if not entries:
            raise ConfigurationError(
                "CORS needs the origins whose pages may call the app:"
                " origins=['https://app.example.com']"
            )
        everyone = entries == ["*"]
        for name, value in (("credentials", credentials), ("private_network", private_network)):
            if type(value) is not bool:
                raise ConfigurationError(f"CORS: {name}= takes True or False")
        if foreign_writes not in _FOREIGN_WRITES:
            raise ConfigurationError(
                f"unknown foreign_writes={foreign_writes!r} of CORS"
                + did_you_mean(str(foreign_writes), _FOREIGN_WRITES)
            )
        self._refuses_writes = _FOREIGN_WRITES[foreign_writes]
        if everyone:
            _check_public(credentials, private_network, self._refuses_writes)

        named = Origins(() if everyone else entries, "origins")
        may_read = ((ALLOW_CREDENTIALS, b"true"),) if credentials else ()
        told = (*may_read, *list_line(EXPOSE_HEADERS, tokens(expose, "expose")))
        self._preflights = Preflights(methods, headers, max_age, private_network, may_read)
        self._preflights.prepare([b"*"] if everyone else named.exact)
        self._grants = Grants(self, None if everyone else named, told)
        self._find, self._foreign = self._grants.find, self._grants.foreign
        self._opens = named.__contains__ if websockets is None else _websocket_check(websockets)
        self.on_response: Callable[[Exchange, ResponseHead], None] = self._grants.complete  # type: ignore[assignment]
        self.sets: frozenset[bytes] = self._grants.names
        # All that a response says is known with the request, unless the app says something, too.
        self.adds: frozenset[bytes] = self.sets
        self.edits_only: frozenset[bytes] | None = self.sets

    def __repr__(self) -> str:
        return "<CORS>"

    def on_request(self, exchange: Exchange) -> Response | None:
        origin, find = exchange.origin, self._find
        verdict = find(origin)
        if verdict is None or exchange.method in _MAY_ASK or exchange.upgrade is not None:
            return self._judge(exchange, origin, verdict)
        exchange.decisions.append(verdict[0])
        exchange.additions.append(verdict[1])
        return None

    def _judge(
        self, exchange: Exchange, origin: bytes | str | None, verdict: Verdict | None
    ) -> Response | None:
        """Judge what is more than an actual request of an allowed origin, or may be."""
        decision, addition = verdict or self._foreign
        if origin is None:
            pass  # no browser's page asks for anything
        elif exchange.kind == "websocket" or _is_bare_handshake(exchange):
            if not self._opens(as_bytes(origin)):
                return _refuse(exchange, FOREIGN_WEBSOCKET)
            decision = WEBSOCKET
        elif exchange.method == "OPTIONS" and METHOD in exchange.headers:
            if verdict is None:
                return _refuse(exchange, FOREIGN_PREFLIGHT)
            exchange.decisions.append(self._preflights.judge(exchange.headers))
            return self._preflights.answer(addition.lines[0][1], exchange.headers)
        elif verdict is None and self._refuses_writes and exchange.method not in _SAFE:
            return _refuse(exchange, FOREIGN_WRITE)
        exchange.decisions.append(decision)
        exchange.additions.append(addition)
        return None


def _websocket_check(websockets: Iterable[str]) -> Callable[[bytes], bool]:
    entries = listed(websockets, "websockets")
    return _is_not_null if entries == ["*"] else Origins(entries, "websockets").__contains__


def _is_not_null(origin: bytes) -> bool:
    return origin != b"null"


def _is_bare_handshake(exchange: Exchange) -> bool:
    """A WSGI server, or an ASGI server without websockets, hands over the request as it came."""
    upgrade = exchange.upgrade
    return (
        upgrade is not None
        and exchange.method == "GET"
        and b"websocket" in as_bytes(upgrade).lower()
    )


def _refuse(exchange: Exchange, refusal: Refusal) -> Response:
    exchange.decisions.append(refusal.decision)
    return refusal.response


def _check_public(credentials: bool, private_network: bool, refuses_writes: bool) -> None:
    if credentials:
        raise ConfigurationError(
            "CORS: credentials=True with origins=['*'] would let every website read what your"
            " users can read; name the origins"
        )
    if private_network:
        raise ConfigurationError(
            "CORS: private_network=True with origins=['*'] would open your network to every"
            " website; name the origins"
        )
    if refuses_writes:
        raise ConfigurationError(
            "CORS: foreign_writes='refuse' contradicts origins=['*'], to which nobody is foreign"
        )
