"""What layers must keep to, checked at construction: none of it can fail on a request."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from ._errors import ConfigurationError
from ._layer import Layer
from ._overriding import overridden
from .problem import check_header


def check_order(layers: Sequence[Layer]) -> None:
    """Refuse an order that cannot work, and say what to change.

    Raises:
        ConfigurationError: a layer stands outside one that must be outside it.
    """
    for position, layer in enumerate(layers):
        for later in layers[position + 1 :]:
            if later.name in layer.inside:
                raise ConfigurationError(
                    f"{type(layer).__name__} cannot stand outside {type(later).__name__}, whose"
                    f" result it needs; write {type(later).__name__}(...) before"
                    f" {type(layer).__name__}(...), outermost first"
                )


HOOKS = ("on_request", "on_response", "on_response_body", "on_complete")


def check_contract(layer: Layer) -> None:
    """Refuse a layer that could fail, or silently do nothing, on a request.

    Raises:
        ConfigurationError: a hook is no plain method or would never be called, or a header it
            declares is malformed.
    """
    name = type(layer).__name__
    for hook in HOOKS:
        method = getattr(layer, hook)
        # A layer of ours may choose a hook by its configuration. Then a check that somebody adds in
        # a subclass would silently not be made.
        ours = overridden(type(layer), hook, Layer) if hook in vars(layer) else None
        if ours is not None:
            raise ConfigurationError(
                f"{name}.{hook} would never be called: {ours.__name__} chooses its own by"
                " configuration; write a Layer of your own and put it beside this one"
            )
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            raise ConfigurationError(
                f"{name}.{hook} is 'async def'; write 'def', and for I/O return a Pending"
            )
    for hook in ("on_response", "on_response_body"):
        if inspect.isgeneratorfunction(getattr(layer, hook)):
            raise ConfigurationError(f"{name}.{hook} cannot do I/O; do it in on_request")
    if not layer.adds <= layer.sets:
        raise ConfigurationError(f"{name} adds headers that it does not declare in `sets`")
    names = (*layer.wants, *layer.sets, *(layer.edits_only or ()))
    declared = [*layer.constant_headers, *((name, b"") for name in names)]
    for header, value in declared:
        try:
            check_header(header, value)
        except (ValueError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{name} declares a malformed header {header!r}: names are lower-case bytes"
            ) from None


def check_colours(layers: Sequence[Layer], interface: str) -> None:
    """Refuse a layer whose ports cannot serve this interface.

    Raises:
        ConfigurationError: one of its ports has only the other colour.
    """
    for layer in layers:
        if interface not in layer.colours:
            needed, other = ("async", "sync") if interface == "asgi" else ("sync", "async")
            raise ConfigurationError(
                f"{type(layer).__name__} was given something that is {other} only, which an"
                f" {interface.upper()} app cannot use; give it a {needed} one as well"
            )
