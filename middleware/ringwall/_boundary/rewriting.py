"""Something before us has judged the proxy headers already: then the peer is not the peer."""

from __future__ import annotations

import functools
import logging

logger = logging.getLogger("ringwall")


@functools.cache
def warn_of_rewriting() -> None:
    """Say it once in a process: it is so on every request, or on none."""
    logger.warning(
        "TrustedProxies is set, but the server or a middleware in front of Ringwall has applied the"
        " proxy headers already, so that Ringwall cannot tell who sent them. Trust in one place:"
        " start uvicorn with --no-proxy-headers, gunicorn with --forwarded-allow-ips='', and leave"
        " out ProxyFix."
    )
