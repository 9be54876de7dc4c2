"""The end of a server, as ASGI servers tell it: no message is changed."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from ._asgi_request import Message, Send
from ._failure import report
from ._layer import Layer

_ENDS = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})


def enders(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers with something to do at the end, innermost first."""
    return tuple(
        layer
        for layer in reversed(layers)
        if getattr(layer.on_shutdown, "__func__", None) is not Layer.on_shutdown
    )


def telling_end(layers: Sequence[Layer], send: Send) -> Send:
    """Tell layers of the end before the server hears that the app is done: some servers leave by
    a signal right after it, without the interpreter's hooks at exit."""

    def out(message: Message) -> Awaitable[None]:
        if message["type"] in _ENDS:
            end(layers)
        return send(message)

    return out


def end(layers: Sequence[Layer]) -> None:
    """Let each do what it has to."""
    for layer in layers:
        try:
            layer.on_shutdown()
        except Exception as error:  # noqa: BLE001  the server has to end all the same
            report(layer.name, error)
