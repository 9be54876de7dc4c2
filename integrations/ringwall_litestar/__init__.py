"""Ringwall in a Litestar app.

wall = RingwallPlugin(stack)

@get("/v1/orders", guards=[require(scope("orders:read"))])
async def orders(principal: Principal) -> dict[str, str]: ...

app = wall.around(Litestar([orders], plugins=[wall]))
"""

from ringwall import Principal, decisions_of, principal_of

from ._guards import limit, require
from ._plugin import RingwallPlugin

__all__ = [
    "Principal",
    "RingwallPlugin",
    "decisions_of",
    "limit",
    "principal_of",
    "require",
]
