"""Ringwall in a FastAPI app.

secure(app, stack)                  # the stack around the app, problems, OpenAPI

@app.get("/v1/orders", dependencies=[require(scope("orders:read"))])
async def orders(who: Principal): ...
"""

from ringwall import decisions_of, principal_of

from ._app import secure
from ._dependencies import OptionalPrincipal, Principal, limit, require

__all__ = [
    "OptionalPrincipal",
    "Principal",
    "decisions_of",
    "limit",
    "principal_of",
    "require",
    "secure",
]
