"""A loader bound to one rule: finds the ids, and runs the loader for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from .._pending import MissingColour, Pending
from ._facts import ABSENT, NO_OBJECT, NO_OBJECTS, Facts, Need
from ._loader import Loader
from ._log import report
from ._sources import PathId, Source


class Load:
    """A loader and where its arguments come from.

    many: an id comes from an array. one: where none does, the object, or None as of `objects`.
    one_id: the name of the only id in a tuple, where it lies in the path and there is nothing to
    await.
    reads_body: an id comes from the body. is_object: what it gets is an object, to be handed to the
    handler.
    """

    __slots__ = (
        *("_names", "_path_names", "_sources", "loader", "many", "one", "one_id", "reads_body"),
    )

    is_object = True

    def __init__(self, loader: Loader, sources: Mapping[str, Source]) -> None:
        self.loader: Loader = loader
        self._names = tuple(sources)
        self._sources = tuple(sources.values())
        # The usual case, all ids in the path, takes a shorter way.
        self._path_names: tuple[str, ...] | None = None
        if all(isinstance(source, PathId) for source in self._sources):
            self._path_names = self._names
        self.many: bool = any(source.many for source in self._sources)
        self.reads_body: bool = any(source.reads_body for source in self._sources)
        quick = self._path_names is not None and loader.inline and loader.cache is None
        self.one_id: tuple[str] | None = (
            (self._names[0],) if quick and len(self._names) == 1 else None
        )
        self.one: Callable[[Facts], Any] = (
            self._only if self.one_id is None else _by_one_id(self, self.one_id)
        )

    def __repr__(self) -> str:
        return f"<Load {self.loader!r}>"

    @property
    def colours(self) -> frozenset[str]:
        """The interfaces it can serve."""
        return self.loader.colours

    def objects(self, facts: Facts) -> list[Any] | None:
        """The objects; None where one is missing, and a need in the facts if it can be had."""
        if facts.given is not ABSENT:
            return None if facts.given is None else [facts.given]
        keys = self.keys(facts)
        if keys is None:
            return None
        found: list[Any] = []
        for key in keys:
            thing = facts.objects.get(key, ABSENT)
            if thing is ABSENT:
                if not (facts.inline and self.loader.inline):
                    facts.need = facts.need or Need(self, key)
                    return None
                thing = self.run(key, facts)
            if thing is NO_OBJECT:
                return None
            found.append(thing)
        return found

    def _only(self, facts: Facts) -> Any:
        objects = self.objects(facts)
        return None if objects is None else objects[0]

    def keys(self, facts: Facts) -> list[tuple[Any, ...]] | None:
        """What the objects are known by in the facts; None where an id is missing.

        A key is the loader, the names of its arguments, and these.
        """
        identity, names, params = self.loader.identity, self._names, facts.params
        if self._path_names is not None:
            if len(names) == 1:
                return [(identity, names, params[names[0]])]
            return [(identity, names, *[params[name] for name in names])]
        several: list[tuple[Any, ...]] = []
        for source in self._sources:
            values = source.values(facts)
            if values is None:
                return None
            several.append(values)
        return [(identity, names, *arguments) for arguments in product(*several)]

    def run(self, key: tuple[Any, ...], facts: Facts) -> Any:
        """Load an object where there is nothing to await, and add it to the facts."""
        try:
            found = self.loader.load(dict(zip(key[1], key[2:])))  # noqa: B905  equal
        except Exception as error:  # noqa: BLE001  the user's loader may raise anything
            return self.failed(key, facts, error)
        return facts.provide(key, found)

    def take(self, key: tuple[Any, ...], facts: Facts, thing: Any) -> Any:
        """Add what a sync loader has just returned to the facts, which hold no object yet. None
        where it is no object."""
        try:
            if hasattr(thing, "__await__"):
                self.loader.refuse(thing)
        except Exception as error:  # noqa: BLE001  an awaitable, or an object that raises
            self.failed(key, facts, error)
            return None
        if thing is None:
            facts.provide(key, None)
        else:
            facts.objects = {key: thing}
        return thing

    def wait(self, key: tuple[Any, ...], facts: Facts) -> Pending[None]:
        """The same for any loader, in the colour of the driver."""
        if self.loader.inline:
            self.run(key, facts)
            return
        try:
            found = yield from self.loader.wait(dict(zip(key[1], key[2:])))  # noqa: B905  equal
        except MissingColour:
            raise
        except Exception as error:  # noqa: BLE001  the user's loader may raise anything
            self.failed(key, facts, error)
        else:
            facts.provide(key, found)

    def failed(self, key: tuple[Any, ...], facts: Facts, error: Exception) -> Any:
        """What cannot be loaded cannot be granted."""
        report(f"authorization loader {self.loader!r}", error)
        return facts.provide(key, None, "load-failed")


def _by_one_id(load: Load, names: tuple[str]) -> Callable[[Facts], Any]:
    """The usual case: one id, in the path, and nothing to await. What `objects` does, without what
    only other cases need."""
    (name,), identity = names, load.loader.identity
    fetch, take = load.loader.by_one(name), load.take

    def one(facts: Facts) -> Any:
        objects = facts.objects
        if objects is not NO_OBJECTS or not facts.inline:
            found = load.objects(facts)
            return None if found is None else found[0]
        value = facts.params[name]
        try:
            thing = fetch(value)
        except Exception as error:  # noqa: BLE001  the user's loader may raise anything
            load.failed((identity, names, value), facts, error)
            return None
        return take((identity, names, value), facts, thing)

    return one
