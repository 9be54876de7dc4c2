"""The body of a response, read whole before it leaves: for layers that filter or check it.

A stack with such a layer, or with one that replaces the request's body, is cut behind it, and what
is inside is wrapped in a reader (see `Stack`): by the law of fusion that changes nothing else, and
stacks without one pay nothing.
"""

from __future__ import annotations

from ._exchange import Exchange
from ._failure import fail, report
from ._layer import Layer, ReadBody, ResponseHead
from .problem import Response

# What tells of the bytes of a body is wrong, or tells of what was taken out, once they change.
_OF_THE_BYTES = (
    b"content-length", b"etag", b"content-md5", b"digest", b"content-digest", b"repr-digest",
    b"accept-ranges", b"content-range",
)  # fmt: skip
_BODILESS = frozenset({204, 304})
# The same of a request, and what would frame it twice.
OF_THE_REQUEST = frozenset(
    {b"content-length", b"transfer-encoding", b"content-encoding", b"content-md5", b"digest"}
    | {b"content-digest", b"repr-digest"}
)


class Unreadable(Exception):
    """The app hands its body to the server in a way that no layer can read."""


def needs_a_cut(layer: Layer) -> bool:
    """Whether a layer may touch a body. Asked of the instance, like every hook."""
    bound = layer.on_response_body
    return layer.replaces_body or getattr(bound, "__func__", bound) is not Layer.on_response_body


def segments(layers: tuple[Layer, ...]) -> list[tuple[Layer, ...]]:
    """Layers, cut behind each one that touches bodies; the last part may be empty."""
    parts: list[tuple[Layer, ...]] = []
    start = 0
    for position, layer in enumerate(layers, 1):
        if needs_a_cut(layer):
            parts.append(layers[start:position])
            start = position
    return [*parts, layers[start:]]


def is_bodiless(exchange: Exchange, head: ResponseHead) -> bool:
    """Whether no body may follow this head (RFC 9110 sections 9.3.2, 15.3.5 and 15.4.5)."""
    return exchange.method == "HEAD" or head.status in _BODILESS


def ask(layer: Layer, exchange: Exchange, head: ResponseHead) -> ReadBody | Response | None:
    """What the layer wants with the body that follows this head. It never raises."""
    try:
        wanted = layer.on_response_body(exchange, head)
        if wanted is not None and not isinstance(wanted, (ReadBody, Response)):
            raise TypeError("on_response_body returns a ReadBody, a Response or None")
    except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
        return failed(layer, exchange, error)
    if isinstance(wanted, ReadBody) and is_bodiless(exchange, head):
        forget_bytes(head)
    return wanted


def judge(
    layer: Layer, wanted: ReadBody, exchange: Exchange, head: ResponseHead, body: bytes
) -> bytes | Response:
    """The body to send, with the head brought into line, or a response instead."""
    verdict: bytes | Response | None
    try:
        verdict = wanted.judge(exchange, head, body)
        if not isinstance(verdict, (bytes, Response)):
            raise TypeError("ReadBody.judge returns bytes or a Response")
    except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
        verdict = failed(layer, exchange, error)
    if verdict is None:
        return body
    if isinstance(verdict, bytes) and verdict != body:
        forget_bytes(head)
        head.add(b"content-length", b"%d" % len(verdict))
    return verdict


def too_large(layer: Layer, wanted: ReadBody, exchange: Exchange) -> Response | None:
    """What is sent instead of a body beyond the limit; None: that body, unread."""
    if wanted.too_large is None:
        return None
    try:
        return wanted.too_large(exchange)
    except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
        return failed(layer, exchange, error)


def failed(layer: Layer, exchange: Exchange, error: Exception) -> Response | None:
    """What a layer that failed means for the response: nothing, if it only observes."""
    if layer.observes:
        report(layer.name, error)
        return None
    return fail(layer.name, exchange, error)


def forget_bytes(head: ResponseHead) -> None:
    for name in _OF_THE_BYTES:
        head.remove(name)
