"""Ringwall in a Django project.

# settings.py
INSTALLED_APPS = [..., "ringwall_django"]
MIDDLEWARE = [..., "ringwall_django.RingwallMiddleware"]     # after Django's authentication
RINGWALL = "mysite.security.stack"

# wsgi.py; in asgi.py likewise
from ringwall_django import get_wsgi_application
application = get_wsgi_application()
"""

from ringwall import decisions_of, principal_of

from ._application import get_asgi_application, get_wsgi_application
from ._middleware import RingwallMiddleware
from ._user import PrincipalUser
from ._view import limit, require

__all__ = [
    "PrincipalUser",
    "RingwallMiddleware",
    "decisions_of",
    "get_asgi_application",
    "get_wsgi_application",
    "limit",
    "principal_of",
    "require",
]
