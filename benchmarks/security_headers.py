"""HTTPS, HSTS and nine headers, against a function written by hand and the package `secure`.

Run: python -m benchmarks.security_headers (with the package `secure` installed for the last)
"""

from __future__ import annotations

from typing import Any

from ringwall import HTTPS, SecurityHeaders, Stack
from ringwall.headers import DISCLOSING

from . import requests as r
from .harness import interleaved, overhead, report, run_to_end

HOSTS = frozenset({b"api.example.com"})
NATIVE_HOSTS = frozenset({"api.example.com"})
STS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
LINES = (STS, *SecurityHeaders().constant_headers)
NAMES = frozenset(name for name, _ in LINES)
REMOVED = frozenset(name.encode() for name in DISCLOSING)
NATIVE = [(name.decode(), value.decode()) for name, value in LINES]
NATIVE_NAMES = frozenset(name for name, _ in NATIVE)


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    # Made anew each time, as frameworks do: not every middleware leaves the app's list alone.
    await send({**r.START, "headers": list(r.RESPONSE_HEADERS)})
    await send(r.BODY)


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", list(r.NATIVE_HEADERS))
    return [b"{}"]


def by_hand_asgi(app: Any) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        host = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
        if scope["scheme"] != "https" or host not in HOSTS:
            raise ValueError("not measured")

        async def out(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers, present = [], set()
                for line in message["headers"]:
                    name = line[0].lower()
                    if name == b"set-cookie":
                        line = (name, line[1] + b"; Secure; HttpOnly; SameSite=Lax")
                    if name not in REMOVED:
                        present.add(name)
                        headers.append(line)
                if NAMES.isdisjoint(present):
                    headers += LINES
                else:
                    headers += [line for line in LINES if line[0] not in present]
                message = {**message, "headers": headers}
            await send(message)

        return await app(scope, receive, out)

    return wrapped


def by_hand_wsgi(app: Any) -> Any:
    removed = DISCLOSING

    def wrapped(environ: Any, start_response: Any) -> Any:
        if environ["wsgi.url_scheme"] != "https" or environ["HTTP_HOST"] not in NATIVE_HOSTS:
            raise ValueError("not measured")

        def start(status: str, lines: Any, exc_info: Any = None) -> Any:
            headers, present = [], set()
            for line in lines:
                name = line[0].lower()
                if name == "set-cookie":
                    line = (name, line[1] + "; Secure; HttpOnly; SameSite=Lax")
                if name not in removed:
                    present.add(name)
                    headers.append(line)
            if NATIVE_NAMES.isdisjoint(present):
                headers += NATIVE
            else:
                headers += [line for line in NATIVE if line[0] not in present]
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return wrapped


def variants(wrap: str, app: Any) -> dict[str, Any]:
    api, browser = SecurityHeaders(), SecurityHeaders("browser")
    https = HTTPS(hosts=["api.example.com"])
    static = SecurityHeaders(remove=(), cookies=None)
    found = {
        "bare": app,
        "by hand": by_hand_asgi(app) if wrap == "asgi" else by_hand_wsgi(app),
        "SecurityHeaders": getattr(api, wrap)(app),
        "SecurityHeaders, constant ones only": getattr(static, wrap)(app),
        "SecurityHeaders('browser'), with a nonce": getattr(browser, wrap)(app),
        "HTTPS alone": getattr(https, wrap)(app),
        "HTTPS > SecurityHeaders": getattr(Stack(api, https), wrap)(app),
        "HTTPS > SecurityHeaders, constant": getattr(Stack(static, https), wrap)(app),
    }
    try:
        from secure import Preset, Secure
        from secure.middleware import SecureASGIMiddleware, SecureWSGIMiddleware
    except ImportError:
        return found
    peer = SecureASGIMiddleware if wrap == "asgi" else SecureWSGIMiddleware
    found["secure"] = peer(app, secure=Secure.from_preset(Preset.STRICT))
    return found


def main() -> None:
    def asgi(app: Any) -> Any:
        return lambda: run_to_end(app(r.asgi_scope(), r.receive, r.send))

    def wsgi(app: Any) -> Any:
        return lambda: app(r.wsgi_environ(), r.start_response)

    for label, wrap, drive, app in (
        ("ASGI", "asgi", asgi, asgi_app),
        ("WSGI", "wsgi", wsgi, wsgi_app),
    ):
        samples = interleaved({name: drive(made) for name, made in variants(wrap, app).items()})
        print(label)
        report(samples, "bare")
        ours = overhead(samples, "HTTPS > SecurityHeaders", "bare")
        print(f"over the hand-written: {ours / overhead(samples, 'by hand', 'bare'):.2f} (goal: 2)")
        if "secure" in samples:
            print(f"secure over it: {overhead(samples, 'secure', 'bare') / ours:.2f} (goal: 5)")


if __name__ == "__main__":
    main()
