"""The nonce of a request: what lets the page's own scripts run, and no injected one."""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import Any

from .._exchange import Exchange
from ..context import exchange_of

_KEY = "headers.nonce"


def give_nonce(exchange: Exchange) -> str:
    """Make the nonce of this request, or take the one that a stack around this one has made.

    Made with the request, not with the response: a page that is streamed asks for it after the
    header has left. 128 bits from the system's source (CSP Level 3, section 7.1).
    """
    state = exchange.state
    if _KEY not in state:
        made = None if exchange.parent is None else _find(exchange.parent)
        state[_KEY] = made or b64encode(secrets.token_bytes(16)).decode("ascii")
    nonce: str = state[_KEY]
    return nonce


def nonce_of(x: Any) -> str | None:
    """The nonce of this request, for the `nonce` attribute of the page's scripts and styles.

    Parameters:
        x: an ASGI scope, a WSGI environ, or the request object of a known framework.

    Returns None where no `SecurityHeaders` layer with a `'nonce'` in its policy stands around.

    >>> nonce_of({"type": "http"}) is None
    True
    """
    exchange = exchange_of(x)
    return None if exchange is None else _find(exchange)


def _find(exchange: Exchange) -> str | None:
    found: Exchange | None = exchange
    while found is not None:
        nonce: str | None = found.state.get(_KEY)
        if nonce is not None:
            return nonce
        found = found.parent
    return None
