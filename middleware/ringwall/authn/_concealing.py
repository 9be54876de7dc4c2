"""What the app shall not see of credentials, taken out once they are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .._conceal import Concealment
from .._exchange import Exchange
from .._layer import Verdict
from ._scheme import Scheme


class Concealing:
    """Takes credentials out of an exchange, whatever became of them.

    Parameters:
        schemes: all of the layer.
        strip: whether all go; else those alone that their scheme conceals.
        subprotocol: the one that a credential follows in a websocket's handshake, or None.
        on_request: judges the request.

    Attributes:
        any: whether there is anything to conceal.
    """

    def __init__(
        self,
        schemes: Iterable[Scheme],
        strip: bool,
        subprotocol: str | None,
        on_request: Callable[[Exchange], Verdict],
    ) -> None:
        schemes = tuple(schemes)
        marker = None if subprotocol is None else subprotocol.encode("ascii")
        self._on_request = on_request
        self._concealments = {
            kind: Concealment(
                headers=_headers(schemes) if strip else frozenset(),
                cookies=_names(schemes, "cookie", kind, strip),
                query=_names(schemes, "query", kind, strip),
                marker=marker,
            )
            for kind in ("http", "websocket")
        }
        self.any = any(map(any, self._concealments.values()))

    def on_request(self, exchange: Exchange) -> Verdict:
        try:
            return self._on_request(exchange)
        finally:
            exchange.conceal(self._concealments[exchange.kind])


def _headers(schemes: Iterable[Scheme]) -> frozenset[bytes]:
    return frozenset(
        scheme.header or b"authorization"
        for scheme in schemes
        if scheme.query is None and scheme.cookie is None and not scheme.ambient
    )


def _names(schemes: Iterable[Scheme], place: str, kind: str, strip: bool) -> frozenset[bytes]:
    return frozenset(
        name.encode("ascii")
        for scheme in schemes
        if kind in scheme.kinds and (strip or scheme.conceals)
        for name in (getattr(scheme, place),)
        if name is not None
    )
