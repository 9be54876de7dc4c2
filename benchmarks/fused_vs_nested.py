"""Six layers compiled into one stack, against the same six wrapped one by one.

Run: python -m benchmarks.fused_vs_nested
"""

from __future__ import annotations

from ringwall import Decision, Layer, Response, Stack

from . import requests as r
from .harness import interleaved, overhead, report, run_to_end

ALLOW = Decision("sample", "allow", "rule", "ok")


class Constant(Layer):
    name = "constant"
    constant_headers = ((b"strict-transport-security", b"max-age=63072000"),)


class Redirect(Layer):
    name = "redirect"

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        return None if exchange.secure else Response(308)


class Credential(Layer):
    name = "credential"
    wants = frozenset({b"authorization"})

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        if b"authorization" not in exchange.headers:
            return Response(401)
        exchange.decisions.append(ALLOW)
        return None


class Rule(Layer):
    name = "rule"
    by_path = True

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        exchange.decisions.append(ALLOW)


class Counter(Layer):
    name = "counter"
    sets = frozenset({b"ratelimit"})

    def on_request(self, exchange):  # type: ignore[no-untyped-def]
        exchange.decisions.append(ALLOW)

    def on_response(self, exchange, head):  # type: ignore[no-untyped-def]
        head.add(b"ratelimit", b'"client";r=9;t=1')


class Observer(Layer):
    name = "observer"
    observes = tolerant = True

    def on_complete(self, exchange, outcome):  # type: ignore[no-untyped-def]
        return None


LAYERS = (Observer(), Redirect(), Constant(), Credential(), Rule(), Counter())


def main() -> None:
    fused, nested = Stack(*LAYERS).asgi(r.asgi_app), r.asgi_app
    fused_wsgi, nested_wsgi = Stack(*LAYERS).wsgi(r.wsgi_app), r.wsgi_app
    for layer in reversed(LAYERS):
        nested, nested_wsgi = layer.asgi(nested), layer.wsgi(nested_wsgi)

    def asgi(app):  # type: ignore[no-untyped-def]
        return lambda: run_to_end(app(r.asgi_scope(), r.receive, r.send))

    def wsgi(app):  # type: ignore[no-untyped-def]
        return lambda: app(r.wsgi_environ(), r.start_response)

    for label, variants in (
        ("ASGI", {"bare": asgi(r.asgi_app), "fused": asgi(fused), "nested": asgi(nested)}),
        (
            "WSGI",
            {"bare": wsgi(r.wsgi_app), "fused": wsgi(fused_wsgi), "nested": wsgi(nested_wsgi)},
        ),
    ):
        samples = interleaved(variants)
        print(label)
        report(samples, "bare")
        ratio = overhead(samples, "fused", "bare") / overhead(samples, "nested", "bare")
        print(f"fused over nested: {ratio:.2f} (goal: at most 0.50)\n")


if __name__ == "__main__":
    main()
