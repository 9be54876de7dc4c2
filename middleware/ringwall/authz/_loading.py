"""What a rule loads: a loader and where each of its arguments comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .._errors import ConfigurationError
from ._load import Load
from ._loader import Loader
from ._sources import PathId, PrincipalArgument, Source

if TYPE_CHECKING:
    from ._binding import Binding

# Annotations may be strings (PEP 563).
_TYPES = {"int": int, "str": str, "UUID": UUID, "uuid.UUID": UUID}


class LoadSpec:
    """A load as it was written, before it is known in which rule."""

    __slots__ = ("_ids", "loader")

    __constant__ = True

    def __init__(self, given: Loader | Callable[..., Any], ids: Mapping[str, Source]) -> None:
        self.loader: Loader = Loader.of(given)
        for name, source in ids.items():
            if name not in self.loader.parameters:
                raise ConfigurationError(f"{self.loader!r} has no parameter {name!r}")
            if not isinstance(source, Source):
                raise ConfigurationError(f"{name}={source!r}: write {_elsewhere(name)}")
        self._ids = dict(ids)

    def __repr__(self) -> str:
        return repr(self.loader)

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for specs that load the same."""
        return (self.loader.identity, *((name, id(s)) for name, s in self._ids.items()))

    def bind(self, binding: Binding) -> Load:
        """Find every argument among the given sources, else in the rule's template.

        Raises:
            ConfigurationError: the template lacks a parameter, or has it of another type.
        """
        text, in_path = binding.template.text, binding.template.parameters
        sources: dict[str, Source] = {}
        for name, parameter in self.loader.parameters.items():
            if name in self._ids:
                sources[name] = self._ids[name]
            elif name in in_path:
                sources[name] = PathId(name, in_path[name])
            elif name == "principal":
                sources[name] = PrincipalArgument()
            elif parameter.default is parameter.empty:
                known = ", ".join(f"{{{known}}}" for known in in_path) or "no parameter"
                raise ConfigurationError(
                    f"{self!r} needs {name!r}, but the path {text!r} has {known}; name it there, or"
                    f" write {_elsewhere(name)}"
                )
        for name, source in sources.items():
            wanted, kind = _annotated(self.loader.parameters[name]), source.kind
            if wanted is not None and kind is not None and kind.type is not wanted:
                # The usual reason: `{order_id}` for an int, which would let `07` through as text.
                raise ConfigurationError(
                    f"{self!r} takes {name}: {wanted.__name__}, but gets a {kind.name} in"
                    f" {text!r}; write one type in both, such as {{{name}:int}}"
                )
        arrays = sum(source.many for source in sources.values())
        if arrays > 1:
            raise ConfigurationError(f"{self!r}: only one id may come from an array")
        if arrays and not binding.positive:
            raise ConfigurationError(
                f"{self!r}: ids from an array must all pass, which ~ or forbid turns into 'not"
                " all'; put the negation into the predicate of when(load, predicate)"
            )
        load = Load(self.loader, sources)
        binding.loads.append(load)
        return load


def _elsewhere(name: str) -> str:
    return f"{name}=query({name!r}, int) or {name}=body('/{name}', int)"


def _annotated(parameter: inspect.Parameter) -> type | None:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        return _TYPES.get(annotation)
    return next((known for known in _TYPES.values() if annotation is known), None)
