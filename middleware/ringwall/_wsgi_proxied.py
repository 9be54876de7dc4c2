"""Behind proxies under WSGI: where a request comes from, and what the app gets to see of that."""

from __future__ import annotations

from collections.abc import Callable

from ._boundary import COMMON_METHODS, Boundary, Provenance, TrustedProxies, warn_of_rewriting
from ._boundary.provenance import padded, remember
from ._wsgi_request import Environ, WSGIExchange, environ_keys


def deriving(
    boundary: Boundary, proxies: TrustedProxies
) -> Callable[[WSGIExchange], Provenance | None]:
    """`boundary.derive` with a memory of what the last few peers said."""
    first, second, third = (
        key for name in padded(proxies.wants) for _, key in environ_keys(frozenset({name}))
    )
    known = boundary.known_provenances

    def derive(exchange: WSGIExchange) -> Provenance | None:
        if exchange.parent is not None:  # the variables tell what that one has found out
            return boundary.derive(exchange)
        get = exchange.environ.get
        key = (get("REMOTE_ADDR"), get("HTTP_HOST"), get(first), get(second), get(third))
        found = known.get(key)
        if found is None or exchange.method not in COMMON_METHODS:
            made = boundary.derive(exchange)
            if made is not None and exchange.malformed is None:
                remember(known, key, made)
            return made
        exchange.host, exchange.client = found.host, found.client
        if found.scheme is not None:
            exchange.scheme = found.scheme
        if found.authority is not None:
            exchange.headers[b"host"] = found.authority.encode("ascii")
        return found

    return derive


def tell(provenance: Provenance, exchange: WSGIExchange, environ: Environ) -> None:
    """Tell the app where the request comes from, and nothing that nobody vouches for."""
    if _is_rewritten(environ):
        warn_of_rewriting()
    for key in provenance.withheld.variables(environ):
        del environ[key]
    if provenance.authority is not None:
        environ["HTTP_HOST"] = provenance.authority
    environ["wsgi.url_scheme"] = exchange.scheme
    if provenance.client is not None:
        environ["REMOTE_ADDR"] = provenance.client
        if provenance.forwarded:
            environ.pop("REMOTE_PORT", None)
            environ.pop("REMOTE_HOST", None)


def _is_rewritten(environ: Environ) -> bool:
    """Whether gunicorn calls a socket without TLS https, or werkzeug's ProxyFix was here. Other
    servers leave no trace."""
    connection = environ.get("gunicorn.socket")
    if connection is not None and environ["wsgi.url_scheme"] == "https":
        return not hasattr(connection, "getpeercert")
    return "werkzeug.proxy_fix.orig" in environ
