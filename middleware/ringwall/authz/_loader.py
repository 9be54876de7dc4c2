"""Loaders: the user's functions that fetch the object a rule judges."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import FunctionType, MethodType
from typing import Any, NoReturn

from .._errors import ConfigurationError
from .._fingerprint import Configured
from .._pending import Call, Pending
from ._cache import ObjectCache
from ._facts import ABSENT
from ._predicate import is_async, name_of


class Loader(Configured):
    """A function that fetches objects, in one form or both, with an optional short cache.

    Give the function itself to `owner` or `when` where neither both forms nor a cache are needed.

    Parameters:
        function: sync or async; its parameters are ids, and `principal` if it wants that.
            It returns the object, or None where there is none. A sync function is called inline:
            under ASGI it blocks the event loop for as long as it runs.
        other: the same in the other form, so that one policy serves ASGI and WSGI.
        cache: keeps objects for seconds. A cached object is for deciding only: it is never handed
            to handlers, as what one of them changed in it would decide for the next.

    Raises:
        ConfigurationError: no such functions, or the forms differ in their parameters.

    >>> loader = Loader(lambda order_id: {"owner": "alice"}, cache=ObjectCache(seconds=2))
    """

    __slots__ = ("aio", "cache", "identity", "parameters", "sync")

    def __init__(
        self,
        function: Callable[..., Any],
        other: Callable[..., Any] | None = None,
        *,
        cache: ObjectCache | None = None,
    ) -> None:
        self.parameters: Mapping[str, inspect.Parameter] = _parameters(function)
        forms = [function] if other is None else [function, other]
        self.sync: Callable[..., Any] | None = None
        self.aio: Callable[..., Awaitable[Any]] | None = None
        for form in forms:
            if is_async(form):
                self.aio = form
            else:
                self.sync = form
        if other is not None:
            if self.sync is None or self.aio is None:
                raise ConfigurationError("Loader takes one sync and one async function")
            if _parameters(other).keys() != self.parameters.keys():
                raise ConfigurationError(
                    f"{name_of(function)} and {name_of(other)} must take the same parameters"
                )
        if cache is not None and "principal" in self.parameters:
            raise ConfigurationError(
                f"{name_of(function)} takes the principal, so the id alone cannot be the key of a"
                " cache"
            )
        self.cache: ObjectCache | None = cache
        # What it is known by: two loaders of one plain function share one read per request.
        self.identity: Any = self

    @classmethod
    def of(cls, given: Loader | Callable[..., Any]) -> Loader:
        """A loader as it is, or a plain function made one."""
        if isinstance(given, Loader):
            return given
        loader = cls(given)
        try:
            hash(given)
        except TypeError:
            return loader
        loader.identity = given
        return loader

    def __repr__(self) -> str:
        return name_of(self.sync or self.aio)

    @property
    def colours(self) -> frozenset[str]:
        """The interfaces it can serve."""
        return frozenset({"asgi"} if self.sync is None else {"asgi", "wsgi"})

    @property
    def inline(self) -> bool:
        """Whether there is nothing to await."""
        return self.aio is None

    def by_one(self, name: str) -> Callable[[Any], Any]:
        """Calls the sync form with one id: by position, where that is sure to be the same, as an
        argument by name costs three times as much. An awaitable is for the caller to refuse."""
        function: Callable[..., Any] = self.sync or self.fetch
        if _takes_first(function, name):
            return function
        return lambda value: function(**{name: value})

    def fetch(self, arguments: Mapping[str, Any]) -> Any:
        """Call the sync form."""
        found = None if self.sync is None else self.sync(**arguments)
        return self.refuse(found) if hasattr(found, "__await__") else found

    def refuse(self, found: Any) -> NoReturn:
        """Raises TypeError: a sync form that returns an awaitable."""
        if inspect.iscoroutine(found):
            found.close()
        raise TypeError(f"{self!r} returned an awaitable; define it with async def")

    async def aio_fetch(self, arguments: Mapping[str, Any]) -> Any:
        """Call the async form."""
        return None if self.aio is None else await self.aio(**arguments)

    def load(self, arguments: Mapping[str, Any]) -> Any:
        """The object, from the cache or from the sync form."""
        if self.cache is None:
            return self.fetch(arguments)
        found = self._cached(arguments)
        return self._kept(arguments, self.fetch(arguments)) if found is ABSENT else found

    def wait(self, arguments: Mapping[str, Any]) -> Pending[Any]:
        """The same, in the colour of the driver."""
        found = self._cached(arguments)
        if found is ABSENT:
            sync = None if self.sync is None else self.fetch
            found = self._kept(arguments, (yield Call(sync, self.aio_fetch, arguments)))
        return found

    def _cached(self, arguments: Mapping[str, Any]) -> Any:
        return ABSENT if self.cache is None else self.cache.get(self._key(arguments))

    def _kept(self, arguments: Mapping[str, Any], found: Any) -> Any:
        if self.cache is not None and found is not None:
            self.cache.put(self._key(arguments), found)
        return found

    def _key(self, arguments: Mapping[str, Any]) -> tuple[Any, ...]:
        return (self.identity, *arguments.items())


def _takes_first(function: Any, name: str) -> bool:
    """Whether `function(value)` is sure to be `function(name=value)`: its code says so, whatever
    signature it tells."""
    skipped = 0
    if type(function) is MethodType:
        function, skipped = function.__func__, 1
    if type(function) is not FunctionType:
        return False
    code = function.__code__
    return code.co_varnames[: code.co_argcount][skipped : skipped + 1] == (name,)


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    if not callable(function):
        raise ConfigurationError(
            f"a loader is a function that takes ids and returns the object, not {function!r}"
        )
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{name_of(function)} does not tell its parameters; wrap it: lambda order_id: ..."
        ) from None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    for parameter in parameters.values():
        if parameter.kind not in named:
            raise ConfigurationError(
                f"{name_of(function)} takes {parameter}: a loader's parameters are matched by name"
            )
    return parameters
