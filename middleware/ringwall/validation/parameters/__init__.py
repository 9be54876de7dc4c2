"""Parameters in path, query, headers and cookies: decoded strictly, typed by their schemas."""

from ._set import MOST_BYTES, MOST_PARAMETERS, Parameters, ParameterSet, make_parameter_set
from ._spec import Spec

__all__ = [
    "MOST_BYTES",
    "MOST_PARAMETERS",
    "ParameterSet",
    "Parameters",
    "Spec",
    "make_parameter_set",
]
