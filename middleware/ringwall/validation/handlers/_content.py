"""The interface between an operation and what judges its bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from .._models import Make
from .._schema import JSONSchema


class Handler(Protocol):
    """Judges a whole body of one media type.

    Parameters:
        body: the bytes as they were sent, no more than the limit of the route.
        content_type: the header as it was sent; its media type is the handler's, its charset UTF-8.

    Returns the value that the app is given. Raises `Refused` with the reason, and for `INVALID`
    with `errors`; any other exception is a 500 and the app is not called.
    """

    def __call__(self, body: bytes, content_type: bytes, /) -> Any: ...


# Writes a body anew; returns the same object where there is nothing to write. Raises Refused.
Rewrite = Callable[[bytes], bytes]


class Content(NamedTuple):
    """What the source of truth says of bodies of one media type.

    media_type: in lower case. schema: what the value must follow. where: the place of the schema,
    for error messages. make: makes the instance of a model, where there is one. lenient: the schema
    comes from a library, so that unknown formats are no mistake. encoding: OpenAPI's, by property.
    """

    media_type: str
    schema: JSONSchema
    where: str
    make: Make | None = None
    lenient: bool = False
    encoding: Mapping[str, Any] = MappingProxyType({})

    @property
    def defs(self) -> dict[str, JSONSchema]:
        """What `#/$defs/...` in the schema means."""
        if not isinstance(self.schema, dict):
            return {}
        return {**self.schema.get("definitions", {}), **self.schema.get("$defs", {})}
