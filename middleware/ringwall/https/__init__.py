"""HTTPS only: redirect or refuse plain HTTP, check the host, send HSTS."""

from .credentials import CREDENTIALS
from .hosts import ANY_HOST
from .hsts import HSTS
from .layer import HTTPS

__all__ = ["ANY_HOST", "CREDENTIALS", "HSTS", "HTTPS"]
