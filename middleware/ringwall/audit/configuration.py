"""What a stack is configured with, named shortly: so that a log tells when it was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._fingerprint import fingerprint
from .._layer import Layer
from .record import clean

_LONGEST_NAME = 64


def configuration(layers: Sequence[Layer], options: Mapping[str, object]) -> dict[str, Any]:
    """Members of a record: `configuration` changes with whatever a layer or the stack was given;
    `layers` tells which one changed."""
    named = [f"stack {fingerprint(options)}"]
    named += [f"{clean(layer.name, _LONGEST_NAME)} {fingerprint(layer)}" for layer in layers]
    return {"configuration": fingerprint(named), "layers": named}
