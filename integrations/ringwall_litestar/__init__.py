"""Ringwall in a Litestar app.

wall = RingwallPlugin(stack)

@get("/v1/orders", guards=[require(scope("orders:read"))])
async def orders(principal: Principal) -> dict[str, str]: ...

app = wall.around(Litestar([orders], plugins=[wall]))
"""

from typing import Annotated

import ringwall
from ringwall import decisions_of, principal_of

from ._guards import limit, require
from ._plugin import RingwallPlugin

#: The type of the parameter `principal`; without one the request is refused with 401. Annotated, as
#: Litestar 3 will infer no dependency from a bare type.
Principal = Annotated[ringwall.Principal, "the dependency of RingwallPlugin"]

__all__ = [
    "Principal",
    "RingwallPlugin",
    "decisions_of",
    "limit",
    "principal_of",
    "require",
]
