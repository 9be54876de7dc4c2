"""What judges a body of one media type, and gives the app its value."""

from __future__ import annotations

from typing import Any, Protocol

from ._json import StrictJSON
from ._models import Make, NotAnInstance
from ._refusal import INVALID, Refused
from ._schema import Schema

_BROKEN_RULE = {"pointer": "#", "code": "model", "detail": "Breaks a rule of its model."}


class Check(Protocol):
    """Judges a whole body: returns its value, or raises `Refused`."""

    def __call__(self, body: bytes) -> Any: ...


class JSONCheck:
    """A JSON text that follows a schema.

    Parameters:
        parse: the strict parser.
        schema: what the value must follow.
        make: makes the instance of a model, where there is one.
    """

    __slots__ = ("_is_valid", "_make", "_parse", "_schema")

    def __init__(self, parse: StrictJSON, schema: Schema, make: Make | None = None) -> None:
        self._parse = parse
        self._schema = schema
        self._is_valid = schema.is_valid
        self._make = make

    def __call__(self, body: bytes) -> Any:
        value = self._parse(body)
        try:
            valid = self._is_valid(value)
        except BaseException as error:
            if type(error).__module__ != "pyo3_runtime":
                raise
            # A panic is no Exception: it would end a worker instead of being answered with 500.
            raise RuntimeError("the schema engine failed") from None
        if not valid:
            raise Refused(INVALID, self._schema.errors(value, body))
        if self._make is None:
            return value
        try:
            return self._make(body)
        except NotAnInstance:
            raise Refused(INVALID, (_BROKEN_RULE,)) from None
