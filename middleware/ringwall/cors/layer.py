"""The layer: preflights are answered here, responses say who may read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Addition, Decision, Exchange
from .._layer import Layer, ResponseHead
from ..problem import Response
from .names import listed, tokens
from .origins import Origins
from .preflight import ASKED, METHOD, Preflights, list_line
from .verdicts import (
    ALLOW_CREDENTIALS,
    ALLOW_ORIGIN,
    ALLOWED,
    EXPOSE_HEADERS,
    FOREIGN,
    FOREIGN_PREFLIGHT,
    FOREIGN_WEBSOCKET,
    FOREIGN_WRITE,
    GRANTS,
    NO_ORIGIN,
    VARY,
    WEBSOCKET,
    Refusal,
)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADERS = ("Authorization", "Content-Type")
_FOREIGN_WRITES = {"pass": False, "refuse": True}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 section 9.2.1
_MAY_ASK = frozenset({"OPTIONS", "WEBSOCKET"})
_MOST_SUBDOMAINS = 256

# The decision on an actual request, and what its response says: Vary last, where there is one.
_Verdict: TypeAlias = tuple[Decision, Addition]


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
        if everyone:
            _check_public(credentials, private_network, _FOREIGN_WRITES[foreign_writes])

        self._refuses_writes = _FOREIGN_WRITES[foreign_writes]
        self._origins = Origins(() if everyone else entries, "origins")
        may_read = ((ALLOW_CREDENTIALS, b"true"),) if credentials else ()
        # Vary leaves also where the request names no origin: a cache keeps that response, too.
        vary = () if everyone else (VARY,)
        self._told = (*may_read, *list_line(EXPOSE_HEADERS, tokens(expose, "expose")), *vary)
        self.sets: frozenset[bytes] = GRANTS.union(name for name, _ in vary)
        # All that a response says is known with the request, unless the app says something, too.
        self.adds: frozenset[bytes] = self.sets
        self.edits_only: frozenset[bytes] | None = self.sets
        self._preflights = Preflights(methods, headers, max_age, private_network, may_read)
        self._foreign: _Verdict = (FOREIGN, Addition(self, vary))
        # Chosen once: the request path does not ask what was configured.
        self._find: Callable[[bytes | str | None], _Verdict | None]
        if everyone:
            self._preflights.prepare([b"*"])
            public = self._grant(b"*")
            anonymous = (NO_ORIGIN, public[1])
            self._find = lambda origin: anonymous if origin is None else public
        else:
            self._preflights.prepare(self._origins.exact)
            self._verdicts: dict[bytes | str | None, _Verdict] = {
                None: (NO_ORIGIN, self._foreign[1])
            }
            for exact in self._origins.exact:  # as each interface has it
                self._verdicts[exact] = self._verdicts[exact.decode()] = self._grant(exact)
            # There is a subdomain for every label one can think of: not all are kept.
            self._most_verdicts = len(self._verdicts) + _MOST_SUBDOMAINS
            self._find = self._find_any if self._origins.patterns else self._verdicts.get
        self._opens = self._websocket_check(websockets)

    def __repr__(self) -> str:
        return "<CORS>"

    def on_request(self, exchange: Exchange) -> Response | None:
        origin = exchange.origin
        verdict = self._find(origin)
        if verdict is None or exchange.method in _MAY_ASK or exchange.upgrade is not None:
            return self._judge(exchange, origin, verdict)
        exchange.decisions.append(verdict[0])
        exchange.additions.append(verdict[1])
        return None

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        """What the app says is taken away, and ours with it, to be said again."""
        vary: list[bytes] = []

        def take_away(name: bytes, value: bytes) -> None:
            if name == VARY[0]:
                vary.append(value)

        head.rewrite(self.sets, take_away)
        _, addition = self._find(exchange.origin) or self._foreign
        lines = addition.lines
        if vary:
            lines = (*lines[:-1], (VARY[0], _with_origin(vary)))
        head.extend(lines)

    def _judge(
        self, exchange: Exchange, origin: bytes | str | None, verdict: _Verdict | None
    ) -> Response | None:
        """Judge what is more than an actual request of an allowed origin, or may be."""
        decision, addition = verdict or self._foreign
        if origin is None:
            pass  # no browser's page asks for anything
        elif exchange.kind == "websocket" or _is_bare_handshake(exchange):
            if not self._opens(_as_bytes(origin)):
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

    def _find_any(self, origin: bytes | str | None) -> _Verdict | None:
        verdict = self._verdicts.get(origin)
        if verdict is None and origin is not None:
            exact = _as_bytes(origin)
            if self._origins.is_subdomain(exact):
                verdict = self._grant(exact)
                if len(self._verdicts) < self._most_verdicts:
                    self._verdicts[origin] = verdict
        return verdict

    def _grant(self, origin: bytes) -> _Verdict:
        return (ALLOWED, Addition(self, ((ALLOW_ORIGIN, origin), *self._told)))

    # At construction

    def _websocket_check(self, websockets: Iterable[str] | None) -> Callable[[bytes], bool]:
        if websockets is None:
            return self._origins.__contains__
        entries = listed(websockets, "websockets")
        if entries == ["*"]:
            return _is_not_null
        return Origins(entries, "websockets").__contains__


def _as_bytes(origin: bytes | str) -> bytes:
    return origin if isinstance(origin, bytes) else origin.encode("latin-1")


def _is_not_null(origin: bytes) -> bool:
    return origin != b"null"


def _is_bare_handshake(exchange: Exchange) -> bool:
    """A WSGI server, or an ASGI server without websockets, hands over the request as it came."""
    upgrade = exchange.upgrade
    return upgrade is not None and exchange.method == "GET" and b"websocket" in upgrade.lower()


def _refuse(exchange: Exchange, refusal: Refusal) -> Response:
    exchange.decisions.append(refusal.decision)
    return refusal.response


def _with_origin(vary: list[bytes]) -> bytes:
    """All that the lines say, in one: some caches read but one line."""
    members: dict[bytes, bytes] = {}
    for value in vary:
        for member in value.split(b","):
            name = member.strip(b" \t")
            members.setdefault(name.lower(), name)
    members.pop(b"", None)
    members.setdefault(b"origin", b"Origin")
    return b"*" if b"*" in members else b", ".join(members.values())


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
