"""Body validation: nothing malformed, oversized or undeclared reaches the app."""

from ._files import UploadedFile
from .context import validated_body_of, validated_parameters_of
from .layer import BodyValidation
from .urls import public_url

__all__ = [
    "BodyValidation",
    "UploadedFile",
    "public_url",
    "validated_body_of",
    "validated_parameters_of",
]
