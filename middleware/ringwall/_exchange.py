"""One request and its response, independent of ASGI and WSGI, with the state of all layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ._body import BodyIncomplete as BodyIncomplete
from ._body import BodyTooLarge as BodyTooLarge
from ._body import BodyTooSlow as BodyTooSlow
from ._body import ClientDisconnected as ClientDisconnected
from ._body import FirstMessage
from ._conceal import without_credential, without_query
from ._lazy import lazy
from ._outcome import Addition as Addition
from ._outcome import Decision as Decision
from ._outcome import Outcome as Outcome
from ._pace import PACE, Pace
from ._pending import Call, Pending

if TYPE_CHECKING:
    from ._boundary import Boundary, Host
    from ._challenges import Challenges
    from ._conceal import Concealment
    from ._timing import Timings
    from ._tls_of import TLS
    from .principal import Principal
    from .problem import Response

# The key under which the exchange lies in an ASGI scope and a WSGI environ. No client can write
# it: headers live in `scope["headers"]` and under `HTTP_*`.
KEY = "ringwall.exchange"

# As OpenTelemetry spells them. Some servers pass on whatever a client sent.
HTTP_VERSIONS = {"1.0": "1.0", "1.1": "1.1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}

# What most requests set; see `lay_out`.
USUAL = (
    "boundary", "headers", "decisions", "state", "additions", "method", "scheme", "peer", "host",
    "client", "outcome", "started", "path", "raw_path", "root", "query", "principal", "identified",
    "to_tell", "route", "params", "challenges", "parent", "body",
)  # fmt: skip


class Exchange:
    """One request and what is known of its response.

    Attributes that layers read:
        interface: "asgi" or "wsgi".
        kind: "http" or "websocket".
        method: the method, or "WEBSOCKET" for a websocket handshake.
        scheme: "http" or "https" (`ws` counts as the first, `wss` as the second).
        path: the decoded path as the app's router sees it, below the mount point.
        root: the mount point (ASGI `root_path`, WSGI `SCRIPT_NAME`).
        raw_path: the path as it was sent, undecoded, mount point included; None where the server
            does not tell.
        query: the raw query string.
        headers: the request headers that some layer declared in `wants`; repeated ones are joined
            with a comma (RFC 9110 section 5.3), as WSGI servers do.
        origin, upgrade, authorization: these headers, where some layer declared them in `wants`;
            under WSGI they cost less alone than `headers`, which is made of all. The first two are
            as the server tells them, under WSGI native strings.
        host: the parsed Host, or None where the request has none.
        protocol_version: of HTTP, as the server tells it: "1.0", "1.1", "2" or "3"; else None.
        peer_port: the port of the socket's other end, where the server tells it.
        peer: the address of the socket's other end, as the server tells it; None: unix socket.
        tls: what the server tells of TLS, where some layer declared `wants_tls`; else None.
        client: the address of the client in canonical form, behind trusted proxies the forwarded
            one; None where unknown.
        principal: who the request speaks for, once a layer said so.
        decisions: what the layers decided so far, outermost first.
        route: the template of the rule that matched, such as `/v1/orders/{order_id:int}`; once the
            app has run, and where some layer declared `wants_route`, that of the app's own router.
        params: the typed parameters of the rule's template.
        replacement: the body that the app gets instead, from a layer with `replaces_body`.
        body: the whole request body, once a layer of this stack has read it. Ask `read_body`: what
            lies here depends on who asked before.
        state: a place for each layer's own per-request state, by layer instance.
        additions: header lines for the response, from layers that let the request pass, outermost
            first; see `Layer.adds`.
        subprotocols: those that a websocket offers (RFC 6455 section 1.9).
        challenges: how the authentication layer asks for credentials, for refusals by others.
        concealed: the credentials that the app shall not see; say so by `conceal`.
        subprotocol: of a websocket, the one to choose where the app chooses none.
        malformed: the boundary's refusal, if the request's host, method or proxy headers are bad.
        may_close: a response may ask to end the connection: over HTTP/1 under ASGI. HTTP/2 knows
            no such header (RFC 9113 section 8.2.2), and PEP 3333 leaves it to the server.
        received, sent: octets of bodies that passed the app, where some layer declared
            `wants_sizes`; None: none did, or nobody counted. declared: for that layer's use, the
            Content-Length of the response.
        timings: what notes how long layers take, set by one that declared `wants_timings`.
        outcome: how it ended, as far as it did; the same object for stacks around each other.
    """

    # Defaults on the class keep construction cheap: most requests set few of these.
    interface: Literal["asgi", "wsgi"]
    kind: Literal["http", "websocket"] = "http"
    boundary: Boundary
    method: str
    scheme: str
    decisions: list[Decision]
    additions: list[Addition]
    host: Host | None = None
    tls: TLS | None = None
    malformed: Response | None = None
    principal: Principal | None = None
    identified: bool = False
    # The adapter has something to tell the app, which is not the server's word.
    to_tell: bool = False
    route: str | None = None
    params: dict[str, Any] | None = None
    body: bytes | None = None
    received: int | None = None
    sent: int | None = None
    declared: bytes | None = None
    timings: Timings | None = None
    replacement: bytes | None = None
    parent: Exchange | None = None
    opener: FirstMessage | None = None
    challenges: Challenges | None = None
    concealed: Concealment | None = None
    subprotocols: Sequence[str] = ()
    subprotocol: str | None = None
    # The response has started.
    started: bool = False
    # A layer failed on the response head, and its 500 left instead: the rest is dropped.
    replaced: bool = False
    may_close: bool = False

    def __init__(
        self,
        interface: Literal["asgi", "wsgi"],
        method: str,
        scheme: str,
        root: str,
        path: str,
        raw_path: bytes | None,
        query: bytes,
        headers: dict[bytes, bytes],
        peer: str | None,
        boundary: Boundary,
    ) -> None:
        """An exchange of given parts. The adapters have subclasses that derive most of these."""
        self.interface = interface
        self.method = method
        self.scheme = scheme
        self.root = root
        self.path = path
        self.raw_path = raw_path
        self.query = query
        self.headers = headers
        self.peer = peer
        self.boundary = boundary
        self.decisions = []
        self.state = {}
        self.additions = []

    def __repr__(self) -> str:
        return f"<Exchange {self.interface} {self.kind}>"

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def protocol_version(self) -> str | None:
        return None

    @property
    def peer_port(self) -> int | None:
        return None

    def facts(self) -> tuple[str, bytes, str | None, int | None]:
        """The path, mount point included, the query, the protocol version and the peer's port: what
        is told of each request costs less in one call than each by its name."""
        return self.root + self.path, self.query, self.protocol_version, self.peer_port

    @property
    def origin(self) -> bytes | str | None:
        return self.headers.get(b"origin")

    @property
    def upgrade(self) -> bytes | str | None:
        return self.headers.get(b"upgrade")

    @property
    def authorization(self) -> bytes | None:
        return self.headers.get(b"authorization")

    @lazy
    def state(self) -> dict[object, Any]:
        return {}

    @lazy
    def client(self) -> str | None:
        peer, boundary = self.peer, self.boundary
        return boundary.known_clients.get(peer) or boundary.client_at(peer)

    @lazy
    def outcome(self) -> Outcome:
        return Outcome()

    def join(self, parent: Exchange) -> None:
        """Share what is known with the exchange of a stack wrapped around this one."""
        self.parent = parent
        self.decisions = parent.decisions
        self.outcome = parent.outcome
        self.route, self.params = parent.route, parent.params
        self.principal, self.identified = parent.principal, parent.identified
        self.to_tell = self.to_tell or parent.identified
        self.peer = parent.peer
        self.challenges = parent.challenges

    def authenticate(self, principal: Principal | None) -> None:
        """Say who the request speaks for, to this stack and to those wrapped around it."""
        self.principal = principal
        self.identified = self.to_tell = True
        if self.parent is not None:
            self.parent.authenticate(principal)

    def found_route(self, template: str, params: dict[str, Any]) -> None:
        """Tell outer layers (audit) which template the path matched."""
        self.route = template
        self.params = params
        if self.parent is not None:
            self.parent.found_route(template, params)

    def name_route(self, template: str) -> None:
        """Tell outer layers which route of the app matched, where no layer's template did."""
        exchange: Exchange | None = self
        while exchange is not None:
            if exchange.route is None:
                exchange.route = template
            exchange = exchange.parent

    def conceal(self, concealment: Concealment) -> None:
        """Take credentials out of what the app, the layers further in and the audit see."""
        exchange: Exchange | None = self
        while exchange is not None:
            exchange.concealed = concealment.joined(exchange.concealed)
            exchange.to_tell = True
            headers = exchange.headers
            for name in [*headers]:
                value = concealment.edit(name, headers[name])
                if value is None:
                    del headers[name]
                else:
                    headers[name] = value
            if concealment.query:
                exchange.query = without_query(exchange.query, concealment.query)
            if concealment.marker is not None:
                marker = concealment.marker.decode("ascii")
                if marker in exchange.subprotocols:
                    exchange.subprotocol = marker  # browsers want one of theirs to be chosen
                exchange.subprotocols = without_credential(exchange.subprotocols, marker)
            exchange = exchange.parent

    def read_first_message(self, limit: int, timeout: float) -> Pending[bytes | None]:
        """Accept a websocket before the app does, and read its first message, which the app will
        not see; None where there is none in time, or one that is too long.

        Parameters:
            limit: bytes. timeout: seconds.

        Raises (into the policy): ClientDisconnected.
        """
        if self.opener is None:
            return None
        message: bytes | None = yield self.opener.call(limit, timeout)
        return message

    def body_at_once(self, limit: int, pace: Pace = PACE) -> bytes | None:
        """What `read_body` reads, without a `Pending`: most bodies have come when they are asked
        for. None where this one has to be waited for: then ask `read_body`.

        Raises: what `read_body` raises.
        """
        body = self.body
        if body is not None and len(body) > limit:
            raise BodyTooLarge
        return body

    def read_body(self, limit: int, pace: Pace = PACE) -> Pending[bytes]:
        """Read the whole request body, at most `limit` bytes; the app gets it replayed.

        Under WSGI no read can be interrupted: there `pace` is looked at between two of them.

        Raises (into the policy): BodyTooLarge, BodyIncomplete, BodyTooSlow, ClientDisconnected.
        """
        body = self.body_at_once(limit, pace)
        if body is None:
            waiting = self._waiting_for_body(limit, pace)
            if waiting is None:
                return b""  # a websocket handshake has no body
            self.body = body = yield waiting
        return body

    def _waiting_for_body(self, limit: int, pace: Pace) -> Call[bytes] | None:
        return None
