"""Parameters in path, query, headers and cookies: decoded strictly, typed by their schemas."""

from ._set import MOST_BYTES, MOST_PARAMETERS, Parameters, ParameterSet, make_parameter_set
from ._shape import items_of, named_kinds, properties_of, shape_of
from ._spec import Spec
from ._text import Malformed, unquote

__all__ = [
    "MOST_BYTES",
    "MOST_PARAMETERS",
    "Malformed",
    "ParameterSet",
    "Parameters",
    "Spec",
    "items_of",
    "make_parameter_set",
    "named_kinds",
    "properties_of",
    "shape_of",
    "unquote",
]
