"""Ringwall in a Pyramid app.

config.include("ringwall_pyramid")
config.add_view(orders, route_name="orders", require=scope("orders:read"), limit="5/minute")
app = make_wsgi_app(config, stack)
"""

from ringwall import decisions_of, principal_of

from ._config import includeme, make_wsgi_app
from ._policy import RingwallSecurityPolicy

__all__ = [
    "RingwallSecurityPolicy",
    "decisions_of",
    "includeme",
    "make_wsgi_app",
    "principal_of",
]
