"""Cross-origin requests: which pages of other origins may call the app from a browser."""

from .layer import CORS

__all__ = ["CORS"]
