"""OpenAPI 3.0 and 3.1 as the source of truth: every operation with its parameters and bodies."""

from ._operations import Rules, table_of_document

__all__ = ["Rules", "table_of_document"]
