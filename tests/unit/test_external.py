"""A stack as an external authorizer: what is not allowed is never a 2xx for the proxy."""

from __future__ import annotations

import asyncio
import io

import pytest

from authz_support import As, Orders, person
from ringwall import (
    CORS,
    HTTPS,
    Authorization,
    BodyValidation,
    ConfigurationError,
    Layer,
    Response,
    Stack,
    TrustedProxies,
    allow,
    owner,
    public,
)
from ringwall.authz import Policy, body
from ringwall.external import extauthz

BOTH = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
WHO = person("alice", "orders:read", "a:b", roles=["ops", "a,b"])


class Teapot(Layer):
    name = "teapot"

    def __init__(self, status):
        self.status = status

    def on_request(self, exchange):
        return Response(self.status, body=b"tea")


def stack(*more, who=WHO, **options):
    rules = Authorization(
        public("GET", "/public/**"),
        public("GET", "/healthz"),
        allow("GET", "/v1/orders/{order_id:int}", owner(Orders().load)),
        allow("DELETE", "/v1/things"),
    )
    return Stack(*more, As(who), rules, **options)


def ask(interface, made, headers, target="/auth", method="GET", extra=None):
    """One subrequest. Returns status, headers and body."""
    path, _, query = target.partition("?")
    if interface == "wsgi":
        environ = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
            "SERVER_NAME": "auth", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "10.0.0.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(b"x"),
            "CONTENT_LENGTH": "1", "CONTENT_TYPE": "text/plain", **(extra or {}),
        }  # fmt: skip
        for name, value in headers:
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        head = []
        content = b"".join(made.wsgi(environ, lambda status, lines: head.extend([status, lines])))
        answered = {k.lower(): v for k, v in head[1]}
        return int(head[0][:3]), answered, content
    sent = []

    async def run():
        scope = {
            "type": "http", "method": method, "scheme": "http", "path": path, "root_path": "",
            "raw_path": path.encode(), "query_string": query.encode(), "client": ("10.0.0.1", 9),
            "headers": [(k.encode(), v.encode()) for k, v in headers], **(extra or {}),
        }  # fmt: skip

        async def send(message):
            sent.append(message)

        await made.asgi(scope, None, send)

    asyncio.run(run())
    answered = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], answered, sent[1]["body"]


# As recorded: what each proxy sends for one request of a client.
NGINX = [
    ("host", "shop.example"), ("x-original-method", "{method}"), ("x-original-uri", "{uri}"),
    ("connection", "close"), ("user-agent", "curl/8"),
]  # fmt: skip
FORWARDED = [
    ("host", "auth"), ("x-forwarded-method", "{method}"), ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"), ("x-forwarded-uri", "{uri}"),
    ("x-forwarded-for", "192.0.2.7"),
]  # fmt: skip
SHAPES = {"nginx": NGINX, "traefik": FORWARDED, "caddy": FORWARDED, "envoy": [("host", "shop")]}


def request(interface, dialect, uri, method="GET", made=None, more=()):
    made = made or extauthz(stack(), dialect=dialect, prefix="/ask" if dialect == "envoy" else "")
    lines = [(k, v.format(method=method, uri=uri)) for k, v in SHAPES[dialect]] + list(more)
    if dialect == "envoy":
        raw = {"RAW_URI": f"/ask{uri}"} if interface == "wsgi" else {}
        return ask(interface, made, lines, f"/ask{uri}", method, raw)
    return ask(interface, made, lines)


@BOTH
@pytest.mark.parametrize("dialect", SHAPES)
def test_the_guides_attack_and_its_neighbours(interface, dialect):
    status, headers, content = request(interface, dialect, "/v1/orders/1001?x=1,2")
    assert (status, content) == (200, b"")
    assert headers["x-ringwall-subject"] == "alice"
    assert headers["x-ringwall-scopes"] == "a:b orders:read"
    assert headers["x-ringwall-roles"] == "a%2Cb,ops"
    for uri in ("/v1/orders/1002", "/v1/orders/07", "/none", "/public/..%2fv1", "/public//x",
                "/public/%ff", "/public/a#b", "/public/\xe9"):  # fmt: skip
        if "\xe9" in uri and dialect == "envoy":
            continue
        status, headers, _ = request(interface, dialect, uri)
        assert status in ((403,) if dialect == "nginx" else (400, 403))
        assert "x-ringwall-subject" not in headers
    assert request(interface, dialect, "/v1/things", "DELETE")[0] == 200
    assert request(interface, dialect, "/healthz", "DELETE")[0] == (
        403 if dialect == "nginx" else 405
    )


@BOTH
def test_identity_headers_are_answered_even_empty(interface):
    """So that copying them overwrites what the client sent."""
    made = extauthz(stack(who=None), dialect="caddy")
    more = [("x-ringwall-subject", "root")]
    status, headers, _ = request(interface, "caddy", "/healthz", made=made, more=more)
    assert status == 200
    names = ("subject", "scopes", "roles")
    assert [headers[f"x-ringwall-{name}"] for name in names] == ["", "", ""]


@BOTH
def test_a_subject_cannot_split_the_header(interface):
    made = extauthz(stack(who=person("a\r\nx: y\u20ac,b")), dialect="nginx")
    headers = request(interface, "nginx", "/healthz", made=made)[1]
    assert headers["x-ringwall-subject"] == "a%0D%0Ax:%20y%E2%82%AC%2Cb"


@BOTH
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-original-uri", "/healthz")],
        [("x-original-method", "GET")],
        [("x-original-method", "GET"), ("x-original-uri", "")],
        [("x-original-method", "GET"), ("x-original-uri", "http://h/healthz")],
        [("x-original-method", "get"), ("x-original-uri", "/healthz")],
        [("x-original-method", "WEBSOCKET"), ("x-original-uri", "/healthz")],
        [("x-original-method", "GET"), ("x-original-uri", "/public/"), ("x-original-uri", "/v1/x")],
        [*[("x-original-method", "GET")] * 2, ("x-original-uri", "/healthz")],
        [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/healthz")],
        [("x-original-method", "GET"), ("x-original-uri", "/healthz"), ("upgrade", "WebSocket")],
    ],
)  # fmt: skip
def test_a_request_that_is_not_told_exactly_once_is_refused(interface, headers):
    assert ask(interface, extauthz(stack(), dialect="nginx"), headers)[0] == 403


@BOTH
def test_a_preflight_that_a_layer_answers_is_no_permission(interface):
    """Or any OPTIONS request would reach the upstream, whatever the rules."""
    cors = CORS(origins=["https://a.example"])
    more = [("origin", "https://a.example"), ("access-control-request-method", "GET")]
    made = extauthz(stack(cors), dialect="traefik")
    status, headers, _ = request(interface, "traefik", "/v1/x", "OPTIONS", made, more)
    assert status == 403
    assert "x-ringwall-subject" not in headers


@BOTH
@pytest.mark.parametrize(
    ("status", "nginx"),
    [(200, 403), (302, 403), (400, 403), (401, 401), (403, 403), (429, 403), (503, 503)],
)
def test_nginx_knows_401_and_403_alone(interface, status, nginx):
    for dialect, expected in (("nginx", nginx), ("traefik", 403 if status == 200 else status)):
        made = extauthz(stack(Teapot(status)), dialect=dialect)
        assert request(interface, dialect, "/healthz", made=made)[0] == expected


@BOTH
def test_lengths_are_those_of_the_subrequest(interface):
    """A refused HEAD has no body, but the subrequest that tells of it is a GET."""
    status, headers, content = request(interface, "nginx", "/none", "HEAD")
    assert (status, int(headers["content-length"])) == (403, len(content))
    made = extauthz(stack(), dialect="envoy")
    status, _, content = ask(interface, made, [("host", "h")], "/none", "HEAD")
    assert (status, content) == (403, b"")


@BOTH
def test_the_original_host_and_scheme_are_judged(interface):
    proxies = TrustedProxies(["10.0.0.1"])
    https = HTTPS(hosts=["shop.example"])
    made = extauthz(stack(https, proxies=proxies), dialect="traefik")
    assert request(interface, "traefik", "/healthz", made=made)[0] == 200
    assert ask(interface, extauthz(stack(https), dialect="traefik"), [
        ("x-forwarded-method", "GET"), ("x-forwarded-uri", "/healthz"),
        ("x-forwarded-host", "other.example"), ("host", "shop.example"),
    ])[0] != 200  # fmt: skip
    double = [("x-forwarded-host", "evil.example")]
    assert request(interface, "traefik", "/healthz", made=made, more=double)[0] != 200


@BOTH
def test_a_principal_of_the_subrequest_is_not_that_of_the_request(interface):
    """An outer stack may have authenticated the proxy."""
    inner = extauthz(Stack(Authorization(allow("GET", "/healthz"))), dialect="nginx")
    app = getattr(inner, interface)
    outer = type("Wrapped", (), {interface: staticmethod(getattr(Stack(As(WHO)), interface)(app))})
    assert request(interface, "nginx", "/healthz", made=outer)[0] == 401


@BOTH
def test_envoy_without_its_prefix_or_raw_path(interface):
    made = extauthz(stack(), dialect="envoy", prefix="/ask")
    assert ask(interface, made, [], "/healthz")[0] == 403
    assert ask(interface, made, [], "/askhealthz")[0] == 403
    assert ask(interface, made, [], "/ask/healthz?a=b", extra={"raw_path": None})[0] == 200
    told = {"raw_path": b"/ask/none", "RAW_URI": "/ask/none"}
    assert ask(interface, made, [], "/ask/healthz", extra=told)[0] == 403


def test_other_scopes_are_answered_too():
    app = extauthz(stack(), dialect="nginx").asgi
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive():
        return events.pop(0)

    async def send(message):
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))
    asyncio.run(app({"type": "websocket"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


@BOTH
def test_every_exchange_ends_and_a_layer_that_reads_the_body_finds_none(interface):
    """Whatever the subrequest carries is not the body of the request."""

    class Reading(Layer):
        ended = 0

        def on_request(self, exchange):
            self.body = yield from exchange.read_body(100)

        def on_complete(self, exchange, outcome):
            self.ended += 1

    layer = Reading()
    made = extauthz(stack(layer), dialect="nginx")
    more = [("content-length", "0")] if interface == "asgi" else []
    assert request(interface, "nginx", "/healthz", made=made, more=more)[0] == 200
    assert (layer.body, layer.ended) == (b"", 1)


BY_BODY = Policy(allow("POST", "/r", owner(Orders().load, order_id=body("/id", int))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: extauthz(stack(), dialect="ngnix"), "did you mean 'nginx'"),
        (lambda: extauthz(stack(), dialect=None), "unknown dialect"),
        (lambda: extauthz(Stack(), dialect="nginx"), "with layers"),
        (lambda: extauthz(Authorization(public("GET", "/")), dialect="nginx"), "takes a Stack"),
        (lambda: extauthz(stack(), dialect="nginx", prefix="/a"), "Envoy's path_prefix"),
        (lambda: extauthz(stack(), dialect="envoy", prefix="a"), "Envoy's path_prefix"),
        (lambda: extauthz(stack(), dialect="envoy", prefix="/a/"), "Envoy's path_prefix"),
        (
            lambda: extauthz(Stack(Authorization(policy=BY_BODY)), dialect="nginx"),
            "Authorization reads bodies",
        ),
        (
            lambda: extauthz(Stack(BodyValidation({"POST /a": {}})), dialect="nginx"),
            "BodyValidation reads bodies",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_construction(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
