"""Response headers that harden every answer, and cookies that leave no weaker than they could."""

from .cookies import Cookies
from .disclosing import DISCLOSING
from .layer import SecurityHeaders
from .nonce import nonce_of

__all__ = ["DISCLOSING", "Cookies", "SecurityHeaders", "nonce_of"]
