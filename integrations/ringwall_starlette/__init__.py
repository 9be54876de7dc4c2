"""Ringwall in a Starlette app.

secure(app, stack)                  # the stack around the app, refusals as problems

@require(scope("orders:read"))      # at one endpoint
async def orders(request): ...
"""

from ringwall import decisions_of, principal_of

from ._app import handle_refusal, problem_response, secure
from ._endpoint import limit, require

__all__ = [
    "decisions_of",
    "handle_refusal",
    "limit",
    "principal_of",
    "problem_response",
    "require",
    "secure",
]
