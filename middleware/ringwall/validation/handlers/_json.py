"""A JSON text that follows a schema."""

from __future__ import annotations

from typing import Any

from .._coerce import Coercer
from .._defaults import Filler
from .._json import StrictJSON
from .._models import Make, NotAnInstance
from .._options import Options
from .._refusal import INVALID, Refused
from .._schema import Schema
from ._content import Content, Handler, Rewrite

_BROKEN_RULE = {"pointer": "#", "code": "model", "detail": "Breaks a rule of its model."}


def json_handler(content: Content, options: Options) -> Handler:
    """What judges JSON by this schema, and makes the instance of its model."""
    schema = options.compile(content.schema, content.where, lenient=content.lenient)
    fill = Filler(content.schema) if options.defaults else None
    parse = options.parse.knowing(content.schema, schema.is_valid)
    return JSONHandler(parse, schema, content.make, fill).judge


def json_rewriter(content: Content, options: Options) -> Rewrite | None:
    """What writes a body of this schema anew before it is judged, if `coerce` asks for that."""
    return Coercer(content.schema, options.parse) if options.coerce else None


class JSONHandler:
    """Judges a JSON text.

    Parameters:
        parse: the strict parser, which knows the schema.
        schema: what the value must follow.
        make: makes the instance of a model, where there is one.
        fill: sets defaults in the value; models have their own.
    """

    __slots__ = ("_fill", "_judged", "_make", "_schema")

    def __init__(
        self,
        parse: StrictJSON,
        schema: Schema,
        make: Make | None = None,
        fill: Filler | None = None,
    ) -> None:
        self._fill = fill
        self._judged = parse.judged
        self._schema = schema
        self._make = make

    def judge(self, body: bytes, content_type: bytes = b"") -> Any:
        """See `Handler`."""
        try:
            value, valid = self._judged(body)
        except BaseException as error:
            if type(error).__module__ != "pyo3_runtime":
                raise
            # A panic is no Exception: it would end a worker instead of being answered with 500.
            raise RuntimeError("the schema engine failed") from None
        if not valid:
            raise Refused(INVALID, self._schema.errors(value, body))
        if self._make is None:
            return value if self._fill is None else self._fill(value)
        try:
            return self._make(body)
        except NotAnInstance:
            raise Refused(INVALID, (_BROKEN_RULE,)) from None
