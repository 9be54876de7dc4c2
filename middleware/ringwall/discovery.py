"""Layers of other packages, found by the entry-point group `ringwall.layers`.

Nothing is loaded from an installed package unless it is asked for by name.
"""

from __future__ import annotations

from importlib import metadata
from typing import NamedTuple

from ._errors import ConfigurationError, did_you_mean
from ._layer import Layer

__all__ = ["GROUP", "FoundLayer", "find_layers", "load_layer"]

GROUP = "ringwall.layers"


class FoundLayer(NamedTuple):
    """A layer that an installed package offers.

    name: what it is asked for by. target: the class, as `module:Class`. package, version: whose.
    """

    name: str
    target: str
    package: str
    version: str


def find_layers() -> tuple[FoundLayer, ...]:
    """What is installed, by name. Loads none of it.

    >>> all(isinstance(found.name, str) for found in find_layers())
    True
    """
    found = [
        FoundLayer(
            entry.name,
            entry.value,
            entry.dist.name if entry.dist is not None else "",
            entry.dist.version if entry.dist is not None else "",
        )
        for entry in metadata.entry_points(group=GROUP)
    ]
    return tuple(sorted(found))


def load_layer(name: str) -> type[Layer]:
    """The class of a layer, by the name that its package gave it.

    Parameters:
        name: as `ringwall layers` lists it.

    Returns:
        The class, to be constructed: `Stack(load_layer("maintenance")(...), ...)`.

    Raises:
        ConfigurationError: there is no such layer, two packages offer one, its module cannot be
            imported, or what it names is no `Layer`.
    """
    known = find_layers()
    offers = [found for found in known if found.name == name]
    if not offers:
        names = sorted({found.name for found in known})
        hint = did_you_mean(name, names) if names else "; no installed package offers any"
        raise ConfigurationError(f"unknown layer {name!r}{hint}")
    if len(offers) > 1:
        packages = " and ".join(found.package for found in offers)
        raise ConfigurationError(f"two packages offer a layer {name!r}: {packages}; remove one")
    (entry,) = metadata.entry_points(group=GROUP, name=name)
    try:
        layer = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"the layer {name!r} cannot be loaded: {error}") from error
    if not (isinstance(layer, type) and issubclass(layer, Layer)):
        raise ConfigurationError(f"the layer {name!r} names {entry.value!r}, no class of Layer")
    return layer
