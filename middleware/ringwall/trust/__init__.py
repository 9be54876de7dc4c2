"""Nothing between services is believed: identity headers that nobody vouches for do not reach the
app, and what it tells the next service is signed."""

from .headers import IDENTITY_HEADERS, IdentityHeaders
from .token import InternalToken, internal_token_of

__all__ = ["IDENTITY_HEADERS", "IdentityHeaders", "InternalToken", "internal_token_of"]
