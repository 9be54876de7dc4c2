"""What conditions are judged on. Values only: no I/O, no framework types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

from ..principal import Principal

if TYPE_CHECKING:
    from ._load import Load

_MOST_FIELDS = 100


class Context(Protocol):
    """What conditions may know of a request beside its principal. An `Exchange` is one.

    query: the raw query string. client: the client's address in canonical form. host: an object
    with a `name`, or None.
    """

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def client(self) -> str | None: ...
    @property
    def host(self) -> Any: ...
    @property
    def query(self) -> bytes: ...


class RequestContext(NamedTuple):
    """A `Context` for decisions outside a request."""

    method: str
    path: str
    scheme: str = "https"
    client: str | None = None
    host: Any = None
    query: bytes = b""


class Sentinel:
    """A value that equals nothing else."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABSENT = Sentinel("ABSENT")  # not there, or not known yet
NO_OBJECT = Sentinel("NO_OBJECT")  # the loader found none, or failed


class Need(NamedTuple):
    """What a decision lacks: the body, where `load` is None, or an object, by its key."""

    load: Load | None = None
    key: tuple[Any, ...] = ()


NO_OBJECTS: dict[tuple[Any, ...], Any] = {}  # replaced by the first object, never filled


class Facts:
    """What one decision rests on. User predicates get it as their only argument.

    Attributes:
        principal: who asks; None in a `forbid` rule that judges an anonymous request.
        params: the typed path parameters of the rule.
        context: method, path, scheme, client, host and query of the request.

    The rest serves the conditions of this package: `objects` by key, `given` (an object that stands
    for all of them), the parsed `body`; `inline` (loaders that await nothing may run while a
    condition is tested, instead of a need being left); and what a condition that came to no answer
    left: a `need`, or the `trouble` it had.
    """

    objects: dict[tuple[Any, ...], Any] = NO_OBJECTS
    inline: bool = False
    body: Any = ABSENT
    given: Any = ABSENT
    need: Need | None = None
    trouble: str | None = None
    _query: dict[str, Any] | None = None

    def __init__(
        self, principal: Principal | None, params: Mapping[str, Any], context: Context
    ) -> None:
        self.principal = principal
        self.params = params
        self.context = context

    def __repr__(self) -> str:
        return "<Facts>"

    def query(self, name: str) -> Any:
        """The one value of a query parameter; ABSENT if there is none or more than one.

        Frameworks disagree on which of several counts, and whether `;` separates.
        """
        if self._query is None:
            self._query = _parse_query(self.context.query)
        if self._query is _AMBIGUOUS or self._query.get(name, "") is None:
            self.trouble = "ambiguous-query"
            return ABSENT
        return self._query.get(name, ABSENT)

    def provide(self, key: tuple[Any, ...], found: Any, trouble: str = "object-missing") -> Any:
        """Add an object that a decision needed, or that there is none (None), for the reason in
        `trouble`."""
        if found is None:
            found = NO_OBJECT
            self.trouble = trouble
        if self.objects is NO_OBJECTS:
            self.objects = {}
        self.objects[key] = found
        return found


class RequestFacts(Facts):
    """Those of a request that the layer judges. No object is given, and loaders that await nothing
    run at once."""

    inline = True


_AMBIGUOUS: dict[str, Any] = {}


def _parse_query(query: bytes) -> dict[str, Any]:
    if b";" in query:
        return _AMBIGUOUS
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        return _AMBIGUOUS
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields[name] = None if name in fields else value
    return fields
