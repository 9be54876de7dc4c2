"""HTTPS, hosts, response headers, CORS and proxies, as users get them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import requests as r
from .. import world
from ..lab import Made
from . import these

ORIGIN = "https://app.example.com"


def hosts(interface: str) -> list[Made]:
    if interface == "WSGI":
        return []
    return these(("Starlette HTTPSRedirect, TrustedHost", ("starlette",), _starlette_hosts))


def headers(interface: str) -> list[Made]:
    if interface == "WSGI":
        return these(
            ("secure", ("secure",), _secure_wsgi),
            ("flask-talisman", ("flask_talisman",), _talisman),
        )
    return these(("secure", ("secure",), lambda: [("secure", "peer", _secure(r.asgi_app), "bare")]))


def transport(interface: str) -> list[Made]:
    """HTTPS, hosts and headers together."""
    if interface == "WSGI":
        return these(("flask-talisman", ("flask_talisman",), _talisman))
    return these(("Starlette's two and secure", ("starlette", "secure"), _starlette_and_secure))


def cors(interface: str) -> list[Made]:
    if interface == "WSGI":
        return []
    return these(("Starlette CORS", ("starlette",), _starlette_cors))


def proxies(interface: str) -> list[Made]:
    if interface == "WSGI":
        return these(("werkzeug ProxyFix (believes anybody)", ("werkzeug",), _proxy_fix))
    return these(("uvicorn ProxyHeaders", ("uvicorn",), _proxy_headers))


def _starlette_hosts() -> Iterator[Made]:
    from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    redirect = HTTPSRedirectMiddleware(r.asgi_app)
    trusted = TrustedHostMiddleware(r.asgi_app, allowed_hosts=[world.HOST])
    yield "Starlette HTTPSRedirect (no HSTS, no hosts)", "part", redirect, "bare"
    yield "Starlette TrustedHost (no HTTPS)", "part", trusted, "bare"
    both = HTTPSRedirectMiddleware(trusted)
    yield "Starlette HTTPSRedirect, TrustedHost (no HSTS)", "peer", both, "bare"


def _secure(app: Any) -> Any:
    from secure import Secure
    from secure.middleware import SecureASGIMiddleware

    return SecureASGIMiddleware(app, secure=Secure.with_default_headers())


def _secure_wsgi() -> Iterator[Made]:
    from secure import Secure
    from secure.middleware import SecureWSGIMiddleware

    app = SecureWSGIMiddleware(r.wsgi_app, secure=Secure.with_default_headers())
    yield "secure", "peer", app, "bare"


def _starlette_and_secure() -> Iterator[Made]:
    from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    app: Any = TrustedHostMiddleware(_secure(r.asgi_app), allowed_hosts=[world.HOST])
    yield "Starlette's two and secure", "peer", HTTPSRedirectMiddleware(app), "bare"


def _talisman() -> Iterator[Made]:
    from flask import Flask
    from flask_talisman import Talisman

    def made() -> Flask:
        app = Flask("bench")
        app.add_url_rule("/v1/orders/<int:order_id>", "order", lambda order_id: {})
        return app

    protected = made()
    Talisman(protected)
    yield "Flask, bare", "bare", made(), ""
    yield "flask-talisman", "peer", protected, "Flask, bare"


def _starlette_cors() -> Iterator[Made]:
    from starlette.middleware.cors import CORSMiddleware

    app = CORSMiddleware(r.asgi_app, allow_origins=[ORIGIN], allow_methods=["GET", "POST"])
    yield "Starlette CORS", "peer", app, "bare"


def _proxy_headers() -> Iterator[Made]:
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    app: Any = ProxyHeadersMiddleware(r.asgi_app, trusted_hosts=["192.0.2.7"])
    yield "uvicorn ProxyHeaders", "peer", app, "bare"


def _proxy_fix() -> Iterator[Made]:
    from werkzeug.middleware.proxy_fix import ProxyFix

    yield "werkzeug ProxyFix (believes anybody)", "part", ProxyFix(r.wsgi_app), "bare"
