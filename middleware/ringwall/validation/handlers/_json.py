"""A JSON text that follows a schema."""

from __future__ import annotations

from typing import Any

from .._coerce import Coercer
from .._defaults import Filler
from .._json import Parse
from .._models import Make, NotAnInstance
from .._options import Options
from .._refusal import INVALID, Refused
from .._typed import typed
from ._content import Content, Handler, Rewrite

_BROKEN_RULE = {"pointer": "#", "code": "model", "detail": "Breaks a rule of its model."}


def json_handler(content: Content, options: Options) -> Handler:
    """What judges JSON by this schema, and makes the instance of its model."""
    schema = options.compile(content.schema, content.where, lenient=content.lenient)
    strict = options.parse.knowing(content.schema, schema.is_valid, schema.errors)
    parse: Parse = strict.__call__  # a method is quicker to call than an instance
    known = typed(content.schema, options.formats)
    if known is not None:
        rest = None
        if known.rest is not True:
            rest = options.compile(known.rest, content.where, lenient=content.lenient).is_valid
        parse = strict.typed(known.decode, rest)
    if content.make is not None:
        return InstanceMaker(parse, content.make).judge
    if options.defaults:
        fill = Filler(content.schema)
        return lambda body, content_type: fill(parse(body))
    return parse


def json_rewriter(content: Content, options: Options) -> Rewrite | None:
    """What writes a body of this schema anew before it is judged, if `coerce` asks for that."""
    return Coercer(content.schema, options.parse) if options.coerce else None


class InstanceMaker:
    """Judges a JSON text, and makes the instance of a model, which has defaults of its own.

    Parameters:
        parse: the strict parser, which knows the schema of the model. make: makes the instance.
    """

    __slots__ = ("_make", "_parse")

    def __init__(self, parse: Parse, make: Make) -> None:
        self._parse = parse
        self._make = make

    def judge(self, body: bytes, content_type: bytes) -> Any:
        """See `Handler`."""
        self._parse(body)
        try:
            return self._make(body)
        except NotAnInstance:
            raise Refused(INVALID, (_BROKEN_RULE,)) from None
