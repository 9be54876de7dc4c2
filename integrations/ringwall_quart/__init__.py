"""Ringwall in a Quart app.

Ringwall(app, stack)                # or Ringwall().init_app(app), with app.config

@app.get("/v1/orders")
@require(scope("orders:read"))
async def orders():
    return {"for": current_principal.subject}
"""

from ringwall import decisions_of, principal_of

from ._extension import Ringwall
from ._view import current_principal, limit, require

__all__ = [
    "Ringwall",
    "current_principal",
    "decisions_of",
    "limit",
    "principal_of",
    "require",
]
