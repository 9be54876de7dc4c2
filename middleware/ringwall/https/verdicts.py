"""What the layer answers and notes, made once: nothing in it comes from a request."""

from __future__ import annotations

from typing import NamedTuple

from .._exchange import Decision, Exchange
from ..problem import Response, problem


class Refusal(NamedTuple):
    response: Response
    decision: Decision


def _refusal(status: int, rule: str, code: str, detail: str) -> Refusal:
    return Refusal(problem(status, detail, code=code), Decision("https", "deny", rule, code))


CREDENTIAL_IN_CLEAR = _refusal(
    403,
    "plain-http",
    "credential-sent-in-clear",
    "A credential was sent over plain HTTP, where others can read it: revoke it, and use https://.",
)
HTTPS_REQUIRED = _refusal(403, "plain-http", "https-required", "Use https:// for this request.")
WSS_REQUIRED = _refusal(403, "plain-http", "wss-required", "Use wss:// for this websocket.")
# RFC 9112 section 3.2: 400 is a must. A host that is not ours is well-formed, but misdirected
# (RFC 9110 section 15.5.20): 421 tells a client that reused a connection to open another one.
MISSING_HOST = _refusal(400, "hosts", "missing-host", "The request has no Host header.")
UNKNOWN_HOST = _refusal(421, "hosts", "unknown-host", "This host is not served here.")
MALFORMED_TARGET = _refusal(
    400, "target", "malformed-target", "The request target breaks the grammar of URIs."
)
SECURE = Decision("https", "allow", "hosts", "secure")
EXEMPT = Decision("https", "allow", "exempt", "exempt")
EXEMPT_CREDENTIAL = Decision("https", "allow", "exempt", "credential-sent-in-clear")
REDIRECTED = Decision("https", "deny", "redirect", "redirected-to-https")


def refuse(exchange: Exchange, refusal: Refusal) -> Response:
    """Note the decision, and give the answer."""
    exchange.decisions.append(refusal.decision)
    return refusal.response
