"""Body validation: nothing malformed, oversized or undeclared reaches the app."""

from ._files import UploadedFile
from .context import validated_body_of, validated_parameters_of
from .layer import BodyValidation

__all__ = ["BodyValidation", "UploadedFile", "validated_body_of", "validated_parameters_of"]
