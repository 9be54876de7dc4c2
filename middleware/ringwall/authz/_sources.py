"""Where the ids of objects come from: the path by default, else the query or a JSON body."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from .._errors import ConfigurationError
from .._template import KINDS, Kind
from ._facts import ABSENT, Facts, Need

_BY_TYPE = {kind.type: kind for kind in KINDS.values()}


class Source(ABC):
    """Where one argument of a loader comes from. many: it may give several values."""

    __slots__ = ("kind",)

    __constant__ = True
    kind: Kind | None
    reads_body = False

    @property
    def many(self) -> bool:
        return False

    @abstractmethod
    def values(self, facts: Facts) -> tuple[Any, ...] | None:
        """The values; None where there is none, or the body must be read first."""


class PathId(Source):
    """A parameter of the path template, typed and canonical already."""

    __slots__ = ("_name",)

    def __init__(self, name: str, kind: Kind) -> None:
        self._name = name
        self.kind = kind

    def values(self, facts: Facts) -> tuple[Any, ...] | None:
        return (facts.params[self._name],)


class PrincipalArgument(Source):
    """The principal, for loaders that look among its own objects only."""

    __slots__ = ()

    def __init__(self) -> None:
        self.kind = None

    def values(self, facts: Facts) -> tuple[Any, ...] | None:
        return None if facts.principal is None else (facts.principal,)


class QueryId(Source):
    """See `query`."""

    __slots__ = ("_kind", "_name")

    def __init__(self, name: str, kind: Kind) -> None:
        self._name = name
        self.kind = self._kind = kind

    def values(self, facts: Facts) -> tuple[Any, ...] | None:
        text = facts.query(self._name)
        value = None
        if text is not ABSENT and text.isprintable():
            value = self._kind.read(text)
        if value is None:
            facts.trouble = facts.trouble or "malformed-id"
            return None
        return (value,)


class BodyId(Source):
    """See `body`."""

    __slots__ = ("_kind", "_most", "_path")
    reads_body = True

    def __init__(self, path: tuple[str, ...], kind: Kind, most: int) -> None:
        self._path = path
        self.kind = self._kind = kind
        self._most = most

    @property
    def many(self) -> bool:
        return "*" in self._path

    def values(self, facts: Facts) -> tuple[Any, ...] | None:
        if facts.body is ABSENT:
            facts.need = facts.need or Need()
            return None
        found: list[Any] = [facts.body]
        for part in self._path:
            found = [item for holder in found for item in _step(holder, part)]
            if len(found) > self._most:
                found = [ABSENT]
        values = tuple(map(self._kind.json, found))
        if None in values:
            facts.trouble = "malformed-id"
            return None
        return values


def _step(holder: Any, part: str) -> list[Any]:
    """What a pointer's part leads to; ABSENT, so that no element is passed over in silence."""
    if part == "*":
        return holder if type(holder) is list and holder else [ABSENT]
    if type(holder) is dict:
        return [holder.get(part, ABSENT)]
    if type(holder) is list and part.isascii() and part.isdigit() and int(part) < len(holder):
        return [holder[int(part)]]
    return [ABSENT]


def query(name: str, type: type = str) -> Source:
    """An id in the query string: refused if it is given twice or not in canonical spelling.

    Parameters:
        name: the parameter's name, decoded.
        type: `int`, `str` or `uuid.UUID`.

    Raises:
        ConfigurationError: another type.

    >>> from ringwall.authz import allow, owner
    >>> rule = allow("GET", "/v1/invoice", owner(lambda number: None, number=query("nr", int)))
    """
    return QueryId(name, _kind(type))


def body(pointer: str, type: type = str, *, most: int = 100) -> Source:
    """An id in a JSON body, of exactly that JSON type.

    Parameters:
        pointer: a JSON Pointer (RFC 6901); `*` stands for every element of an array, which then
            must all pass, and must not be empty.
        type: `int`, `str` or `uuid.UUID`.
        most: how many ids there may be: each costs one load.

    Raises:
        ConfigurationError: another type, or a malformed pointer.

    >>> from ringwall.authz import allow, owner
    >>> ids = body("/items/*/order_id", int)
    >>> rule = allow("POST", "/v1/refunds", owner(lambda order_id: None, order_id=ids))
    """
    if not pointer.startswith("/"):
        raise ConfigurationError(f"the JSON Pointer {pointer!r} must begin with '/'")
    parts = pointer[1:].split("/")
    path = tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)
    return BodyId(path, _kind(type), most)


def _kind(given: type) -> Kind:
    kind = _BY_TYPE.get(given)
    if kind is None:
        raise ConfigurationError(f"ids are of type int, str or {UUID.__module__}.UUID")
    return kind
