"""Ringwall in a Falcon app, WSGI or ASGI.

class Orders:
    @falcon.before(require(scope("orders:read")))
    def on_get(self, request, response): ...

app = secure(app, stack)
"""

from ringwall import decisions_of, principal_of

from ._app import PrincipalMiddleware, secure
from ._hooks import limit, require

__all__ = [
    "PrincipalMiddleware",
    "decisions_of",
    "limit",
    "principal_of",
    "require",
    "secure",
]
