"""The contract of a layer: one security concern, immutable after construction, with sync hooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ._exchange import Exchange, Outcome
from ._fingerprint import Configured
from ._outcome import Addition
from ._pending import Pending
from .problem import Header, Response

if TYPE_CHECKING:
    from .asgi import ASGIApp
    from .wsgi import WSGIApp

Verdict: TypeAlias = Response | Pending[Response | None] | None
MessageHook: TypeAlias = Callable[[Exchange, MutableMapping[str, Any]], Verdict]


class ResponseHead(ABC):
    """The status and headers of a response on its way out. Names are lower-case bytes."""

    __slots__ = ("status",)

    status: int

    @abstractmethod
    def get(self, name: bytes) -> bytes | None:
        """The first value of a header, or None."""

    @abstractmethod
    def add(self, name: bytes, value: bytes) -> None:
        """Append a header line beside those that are there (lists, cookies).

        Raises:
            ValueError: the name or value holds a character that HTTP forbids.
        """

    @abstractmethod
    def extend(self, lines: Iterable[Header]) -> None:
        """Append lines that were made of checked parts, without checking them again."""

    @abstractmethod
    def append(self, addition: Addition) -> None:
        """Append the lines of an addition."""

    @abstractmethod
    def remove(self, name: bytes) -> None:
        """Take every line of this name away."""

    @abstractmethod
    def add_missing(self, lines: tuple[Header, ...], names: frozenset[bytes]) -> None:
        """Append those lines whose name is not there yet. `names` are the names of `lines`."""

    @abstractmethod
    def rewrite(
        self, names: frozenset[bytes], edit: Callable[[bytes, bytes], bytes | None]
    ) -> bool:
        """Give each line whose name is among `names` to `edit(name, value)`, in order, in one pass.

        It returns the value to send, the same one for a line that stays as it is, or None to take
        the line away. Returns whether there was such a line.

        Raises:
            ValueError: a new value holds a character that HTTP forbids.
        """

    @abstractmethod
    def replace(self, response: Response) -> None:
        """Become the head of another response."""

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every line of this name by one."""
        self.remove(name)
        self.add(name, value)

    def setdefault(self, name: bytes, value: bytes) -> None:
        """Add a line unless one of this name is there."""
        if self.get(name) is None:
            self.add(name, value)


class ReadBody(NamedTuple):
    """What a layer wants with the body of a response: to have it whole before it leaves.

    limit: the most bytes it reads; they are held in memory. judge: gets exchange, head and body;
    it returns the body to send, the same or another, or a Response to send instead; it may edit the
    head. too_large: makes what is sent instead of a larger body; where it is None, or returns that,
    the body passes unread.
    """

    limit: int
    judge: Callable[[Exchange, ResponseHead, bytes], bytes | Response]
    too_large: Callable[[Exchange], Response | None] | None


class Layer(Configured):
    """Base of every layer. Override only the hooks you need: an unset hook costs nothing.

    Class or instance attributes that tell the compiler what it must know:
        name: the layer's name in decisions and messages.
        wants: request headers it reads (lower-case); the adapters scan for the union once.
        reads_headers: True: it reads some in nearly every request, so that they are collected at
            once.
        keeps_state: False: it keeps nothing in `exchange.state`, which is then made for those that
            ask for it.
        wants_tls: True: it reads `exchange.tls`.
        wants_route: True: `on_complete` reads `exchange.route`, that of the app's router where no
            layer knew one.
        wants_client: True: it reads `exchange.client` of nearly every request, which is then
            derived ahead, at a lower price. Others may read it as well.
        wants_sizes: True: `on_complete` reads `exchange.received` and `exchange.sent`.
        wants_timings: True: it sets `exchange.timings` in `on_request`, and reads it at the end.
        constant_headers: response headers that never change; set unless the app set them.
        sets: names of response headers that `on_response` may write, remove or ask for.
        adds: names, among `sets`, of lines that `on_request` leaves in `exchange.additions` where
            it lets a request pass: what is known by then costs less than with `on_response`.
        edits_only: names without one of which `on_response` does nothing to a response, so that
            it need not be called; it does nothing either where only the layer's own
            `constant_headers` and additions are of these names. None: it sees every response.
        observes: True: a failure of this layer never reaches the request. False: it is a 500.
        tolerant: True: it can judge a request whose host or target the boundary refuses
            (audit must record it, a rate limit must count it).
        by_path: True: it decides by path, so that odd paths are refused before it.
        reads_body: True: its `on_request` asks `exchange.body_at_once`, which knows nothing before
            the first `Pending` otherwise.
        replaces_body: True: it may set `exchange.replacement`, the body that the app and the layers
            inside this one get instead of the one that was sent.
        inside: names of layers that, where present, must stand outside this one.
        colours: the interfaces its ports can serve, of "asgi" and "wsgi".

    >>> class Teapot(Layer):
    ...     name = "teapot"
    ...     def on_request(self, exchange):
    ...         return Response(418)
    >>> app = Teapot().wsgi(lambda environ, start_response: [b"never reached"])
    """

    name: str = "layer"
    wants: frozenset[bytes] = frozenset()
    reads_headers: bool = False
    keeps_state: bool = True
    wants_tls: bool = False
    wants_route: bool = False
    wants_client: bool = False
    wants_sizes: bool = False
    wants_timings: bool = False
    constant_headers: tuple[Header, ...] = ()
    sets: frozenset[bytes] = frozenset()
    adds: frozenset[bytes] = frozenset()
    edits_only: frozenset[bytes] | None = None
    observes: bool = False
    tolerant: bool = False
    by_path: bool = False
    reads_body: bool = False
    replaces_body: bool = False
    inside: frozenset[str] = frozenset()
    colours: frozenset[str] = frozenset({"asgi", "wsgi"})

    def on_stack(self, layers: Sequence[Layer], options: Mapping[str, object]) -> None:
        """Hear of the stack, whenever it is put around an app: its layers and those of stacks
        directly inside, outermost first, and its own options."""

    def on_request(self, exchange: Exchange) -> Verdict:
        """Judge a request: None lets it pass, a Response ends it, a Pending does I/O first."""
        return None

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        """Edit the head of a response before it leaves. Not called for this layer's own refusal."""

    def on_response_body(
        self, exchange: Exchange, head: ResponseHead
    ) -> ReadBody | Response | None:
        """Ask for the body of a response, before any `on_response` of this layer or one outside.

        None lets it pass as it comes, a stream untouched. A Response is sent instead. A ReadBody
        holds the response back until its body is there. It is asked for HEAD, 204 and 304, too,
        which have no body to judge; not for websockets. Where a layer changes a body, headers
        that tell of its bytes (Content-Length, ETag, digests, ranges) are mended or taken away.
        It also sees what layers inside this one refuse with. No I/O.
        """
        return None

    def on_message(self, exchange: Exchange, message: MutableMapping[str, Any]) -> Verdict:
        """Judge a message that a websocket's client sent (ASGI `websocket.receive`).

        None lets it pass. A Response refuses it: the connection is closed with 1008, and the app
        is told that the client has gone. A decision belongs to a refusal only: a connection has
        messages without end.
        """
        return None

    def on_complete(self, exchange: Exchange, outcome: Outcome) -> Pending[None] | None:
        """Observe the end, exactly once for each request that `on_request` saw."""
        return None

    def on_shutdown(self) -> None:
        """The ASGI server ends (lifespan protocol): write down what must not be lost.

        Not called where the app does not speak that protocol, nor under WSGI. Requests may follow
        all the same: a test client ends, and begins anew.
        """

    def asgi(self, app: ASGIApp) -> ASGIApp:
        """This layer alone around an ASGI app."""
        from .stack import Stack

        return Stack(self).asgi(app)

    def wsgi(self, app: WSGIApp) -> WSGIApp:
        """This layer alone around a WSGI app."""
        from .stack import Stack

        return Stack(self).wsgi(app)

    def __call__(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """This layer alone around an app whose interface is told from its signature."""
        from .stack import Stack

        return Stack(self)(app)
