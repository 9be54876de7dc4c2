"""What `module:attribute` on the command line names, and the policies in it."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from .._errors import ConfigurationError
from .._layer import Layer
from ..authz import Authorization, Policy
from ..stack import Stack


def load(target: str) -> Any:
    """Import `module:attribute`, or call `module:factory()`.

    Raises:
        ConfigurationError: there is no such thing, or its module fails.
    """
    module_name, _, path = target.partition(":")
    if not module_name or not path:
        raise ConfigurationError(
            f"{target!r} is no target; write module:attribute, such as main:app"
        )
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    try:
        found: Any = importlib.import_module(module_name)
        for name in path.removesuffix("()").split("."):
            found = getattr(found, name)
        return found() if path.endswith("()") else found
    except (Exception, SystemExit) as error:  # noqa: BLE001  the user's module may raise anything
        raise ConfigurationError(f"cannot load {target!r}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """One line. The messages of other errors may hold a secret of the configuration."""
    if isinstance(error, (ImportError, AttributeError, ConfigurationError)):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.filename}, line {frame.lineno}"


def layers_of(thing: Any) -> Iterator[Layer]:
    """The layers of a stack, a layer, or what one of them made of an app."""
    # A factory such as `stack.asgi`, as frameworks keep it for a middleware.
    thing = getattr(thing, "__self__", thing)
    if isinstance(thing, Stack):
        yield from thing.layers
    elif isinstance(thing, Layer):
        yield thing
    else:
        plan = getattr(thing, "__ringwall__", None)
        yield from plan.chain if plan is not None else ()


def policies_of(thing: Any) -> list[Policy]:
    """The policies of the authorization layers directly in a thing."""
    if isinstance(thing, Policy):
        return [thing]
    return [layer.policy for layer in layers_of(thing) if isinstance(layer, Authorization)]


def load_policy(target: str) -> Policy:
    """The one policy that a target is, or holds.

    Raises:
        ConfigurationError: it holds none, or several.
    """
    found = policies_of(load(target))
    if len(found) != 1:
        held = "several policies" if found else "no policy"
        raise ConfigurationError(
            f"{target!r} holds {held}; name a Policy, an Authorization, or a Stack with one"
        )
    return found[0]
