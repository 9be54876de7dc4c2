"""Ways around an authorization rule that have worked somewhere. None of them reaches the app."""

from __future__ import annotations

import asyncio

import pytest

from authz_support import ADMIN, ALICE, BOB, UUID1, Orders, decide, person, send
from ringwall.authz import (
    Authorization,
    allow,
    body,
    forbid,
    owner,
    public,
    query,
    role,
    scope,
    when,
)

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])


@pytest.fixture
def orders():
    return Orders()


def guide(orders):
    """The rules of the guide."""
    return Authorization(
        public("GET", "/healthz"),
        allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(orders.load)),
        allow("POST", "/v1/orders", scope("orders:write")),
        allow("*", "/v1/admin/**", role("admin")),
    )


@INTERFACES
def test_the_owner_reads_and_nobody_else_does(interface, orders):
    assert send(interface, guide(orders), "/v1/orders/1001").body == b"secret"
    assert send(interface, guide(orders), "/v1/orders/1002", who=BOB).body == b"secret"
    for who, order in [(ALICE, 1002), (BOB, 1001), (ADMIN, 1001)]:
        answer = send(interface, guide(orders), f"/v1/orders/{order}", who=who)
        assert (answer.status, answer.called) == (403, 0)


@INTERFACES
@pytest.mark.parametrize(
    "spelling",
    [
        "01002", "+1002", "-1002", "1002.0", "1002e0", "1_002", "%201002", "1002%20", "1002%0a",
        "1002%0d", "1002%09", "%31002x", "1002%00", "%D9%A1%D9%A0%D9%A0%D9%A2",
        "%EF%BC%91%EF%BC%90%EF%BC%90%EF%BC%92", "1002/", "1002//", "1002/.", "./1002",
        "1001/../1002",
        "1001%2f..%2f1002", "%2e%2e/orders/1002", "1002;x=1", ";/1002", "1001,1002", "%5c1002",
        "1002%23", "%252e", "0x3ea", "1002%C2%A0", "9999999999999999999999", "1002%ED%A0%80",
    ],
)  # fmt: skip
@pytest.mark.parametrize("raw", [True, False])
def test_no_spelling_of_an_id_gets_past_the_owner(interface, spelling, raw, orders):
    answer = send(interface, guide(orders), f"/v1/orders/{spelling}", raw=raw)
    assert answer.called == 0
    assert answer.status in (400, 403)
    assert 1002 not in orders.read


@INTERFACES
@pytest.mark.parametrize("spelling", ["07", "+7", "7.0", "7%20", "%D9%A7", "007"])
def test_another_spelling_is_refused_even_for_the_owner(interface, spelling, orders):
    """The audit, the cache and the handler must not see two names for one object."""
    answer = send(interface, guide(orders), f"/v1/orders/{spelling}")
    assert (answer.status, answer.called, orders.read) == (403, 0, [])


@INTERFACES
@pytest.mark.parametrize("spelling", ["07", "+7", "7.0", "%D9%A7", "1_0"])
def test_no_wider_rule_takes_another_spelling(interface, spelling, orders):
    """`/orders/07` is no `int`, but a router's converter may read it as one: the rule for slugs,
    which asks for no owner, must not open it."""
    layer = Authorization(
        allow("GET", "/v1/orders/{order_id:int}", owner(orders.load)),
        allow("GET", "/v1/orders/{slug}", scope("orders:read")),
        allow("GET", "/v1/**", scope("orders:read")),
    )
    answer = send(interface, layer, f"/v1/orders/{spelling}", who=BOB)
    assert (answer.status, answer.called) == (403, 0)
    assert answer.exchange.decisions[-1].reason == "not-canonical"
    assert send(interface, layer, "/v1/orders/newest", who=BOB).called == 1


@INTERFACES
@pytest.mark.parametrize("spelling", [UUID1.upper(), UUID1.replace("-", ""), "{" + UUID1 + "}"])
def test_a_uuid_has_one_spelling(interface, spelling):
    layer = Authorization(allow("GET", "/v1/files/{file_id:uuid}"))
    assert send(interface, layer, f"/v1/files/{UUID1}").called == 1
    answer = send(interface, layer, f"/v1/files/{spelling}")
    assert (answer.status, answer.called) == (403, 0)


@INTERFACES
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    "target",
    [
        "//v1/admin/users", "///v1/admin/users", "/v1//admin/users", "/v1/admin//users",
        "/V1/admin/users", "/v1/Admin/users", "/v1/%61dmin/users", "/v1/admin%2fusers",
        "/v1/admin/users%0a", "/v1/admin%0a", "/v1/admin/users%00", "/v1/admin;x/users",
        "/healthz/../v1/admin/users", "/healthz/%2e%2e/v1/admin/users", "/./v1/admin/users",
        "/healthz/..;/v1/admin/users", "/v1\\admin\\users", "/v1%5cadmin/users",
        "/healthz%2f..%2fv1/admin/users", "/%2e/v1/admin/users", "/healthz%3f/v1/admin",
        "/v1/admin%252fusers", "/healthz#/v1/admin/users", "/healthz%23/../v1/admin/users",
        "v1/admin/users", "http://h/v1/admin/users", "/v1/admin/users%ff",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_opens_the_admin_pages(interface, target, raw, orders):
    """CVE-2022-22978, CVE-2026-48710, Envoy CVE-2019-9901 and CVE-2021-29492, Shiro CVE-2020-1957,
    Traefik CVE-2025-66490 and their kin."""
    answer = send(interface, guide(orders), target, raw=raw)
    assert answer.called == 0
    assert answer.status in (400, 403)


@INTERFACES
@pytest.mark.parametrize(
    "target",
    [
        "/public/../admin", "/public/%2e%2e/admin", "/public/..", "/public/.%2e/admin",
        "/public/..;/admin", "/public/x;/../../admin", "/public//admin", "/public/%2f/admin",
        "/public/x%0a", "/public/x%00", "/public/\\..\\admin", "/public/%5c", "/public/%252e%252e",
    ],
)  # fmt: skip
def test_nothing_leads_out_of_an_open_folder(interface, target):
    """A router, a proxy or a static file server behind the rule may fold what the rule does not."""
    answer = send(interface, Authorization(public("GET", "/public/**")), target, who=None)
    assert (answer.status, answer.called) == (400, 0)


@INTERFACES
@pytest.mark.parametrize("who", [None, "unknown", ALICE, ADMIN])
@pytest.mark.parametrize(
    "target",
    ["/", "/v1", "/v1/", "/v1/orders/", "/healthz/", "/healthzz", "/v1/admin", "/healthz/x"],
)
def test_what_no_rule_governs_is_closed(interface, who, target, orders):
    """GHSA-f2vm-w8gq-h378: a route that could not be resolved went unchecked."""
    answer = send(interface, guide(orders), target, who=who)
    assert answer.called == 0
    assert answer.status == (401 if who in (None, "unknown") else 403)


@INTERFACES
@pytest.mark.parametrize(
    "method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "DEBUG", "get", "GeT"]
)
@pytest.mark.parametrize("target", ["/v1/admin/users", "/healthz"])
def test_no_other_method_slips_past(interface, method, target, orders):
    """Denied OPTIONS requests have got through, and `get` has been upper-cased after the check."""
    for who in (None, ALICE, ADMIN):
        answer = send(interface, guide(orders), target, method=method, who=who)
        assert answer.called == 0
        assert answer.status in (400, 405)


@INTERFACES
def test_head_is_judged_like_get(interface, orders):
    assert send(interface, guide(orders), "/v1/orders/1002", method="HEAD").called == 0
    assert send(interface, guide(orders), "/v1/orders/1001", method="HEAD").called == 1
    only_head = Authorization(allow("HEAD", "/x"))
    assert send(interface, only_head, "/x", method="GET").status == 405


def test_a_websocket_is_no_get(orders):
    """Layers that know only HTTP have let handshakes pass."""
    layer = Authorization(public("GET", "/feed"), allow("WEBSOCKET", "/chat", role("admin")))
    assert (a := send("asgi", layer, "/feed", method="WEBSOCKET")).called == 0
    assert a.status == 403
    assert send("asgi", layer, "/chat", method="WEBSOCKET").called == 0
    assert send("asgi", layer, "/chat", method="WEBSOCKET", who=None).status == 401
    assert send("asgi", layer, "/chat", method="WEBSOCKET", who=ADMIN).status == 101
    # ... and a GET is no websocket; Allow has no word for one, so there is none to name.
    answer = send("asgi", layer, "/chat", who=ADMIN)
    assert (answer.status, answer.called) == (403, 0)


def test_a_request_with_the_method_websocket_is_no_handshake():
    layer = Authorization(public("WEBSOCKET", "/chat"), allow("GET", "/chat", role("admin")))
    answer = send("wsgi", layer, "/chat", method="WEBSOCKET")
    assert (answer.status, answer.called) == (400, 0)


@INTERFACES
@pytest.mark.parametrize("hide", [False, True])
def test_what_is_missing_and_what_is_anothers_look_alike(interface, hide, orders):
    def load(order_id: int):
        if order_id == 3:
            raise RuntimeError("the database is away")
        return orders.load(order_id)

    layer = Authorization(allow("GET", "/o/{order_id:int}", owner(load), hide=hide))
    answers = [send(interface, layer, f"/o/{order}") for order in (1002, 404, 3, "07")]
    assert {(a.status, a.body, tuple(sorted(a.headers.items()))) for a in answers} == {
        (404 if hide else 403, answers[0].body, tuple(sorted(answers[0].headers.items())))
    }
    assert all(answer.called == 0 for answer in answers)


@INTERFACES
def test_the_scope_that_lacks_is_told_without_touching_the_object(interface, orders):
    layer = guide(orders)
    stranger = person("stranger")
    answers = [send(interface, layer, f"/v1/orders/{order}", who=stranger) for order in (1001, 404)]
    assert answers[0].body == answers[1].body
    assert orders.read == []


@INTERFACES
@pytest.mark.parametrize(
    "target",
    [
        "/o?id=7&id=1002", "/o?id=1002&id=7", "/o?id=7&%69d=1002", "/o?id=7&x=1;id=1002",
        "/o?id=7;id=1002", "/o?id=07", "/o?id=+7", "/o?id=7%00", "/o?id=", "/o?id", "/o", "/o?ID=7",
        "/o?id=%D9%A7", "/o?id=7&" + "x&" * 200, "/o?id=%ff", "/o?id[]=7", "/o?id=7%0a",
        "/o?id=%37&id=1002", "/o?\u00e9=1&id=7",
    ],
)  # fmt: skip
def test_an_id_in_the_query_has_one_reading(interface, target, orders):
    """Frameworks differ on which of two counts, and some split at semicolons."""
    layer = Authorization(allow("GET", "/o", owner(orders.load, order_id=query("id", int))))
    answer = send(interface, layer, target)
    assert (answer.status, answer.called, orders.read) == (403, 0, [])


@INTERFACES
@pytest.mark.parametrize("query_", ["id=a%00", "id=a%0a", "id=a&x=%ff", "id=", "id=%e2%80%a8"])
def test_a_text_in_the_query_is_plain(interface, query_):
    def load(id):
        return {"owner": "alice"}

    layer = Authorization(allow("GET", "/o", owner(load, id=query("id"))))
    assert send(interface, layer, "/o?id=a+b").called == 1
    assert send(interface, layer, f"/o?{query_}").called == 0


@INTERFACES
def test_an_id_in_the_query_is_loaded(interface, orders):
    layer = Authorization(allow("GET", "/o", owner(orders.load, order_id=query("id", int))))
    assert send(interface, layer, "/o?id=7&x=1&x=2").called == 1
    assert send(interface, layer, "/o?id=1002").status == 403
    assert orders.read == [7, 1002]


JSON = "application/json"


@INTERFACES
@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"id": 1002}', JSON, 403),
        (b'{"id": 7, "id": 1002}', JSON, 400),
        (b'{"id": 1002, "id": 7}', JSON, 400),
        (b'{"id": 7, "\\u0069d": 1002}', JSON, 400),
        (b'{"id": "7"}', JSON, 403),
        (b'{"id": 7.0}', JSON, 403),
        (b'{"id": true}', JSON, 403),
        (b'{"id": [7]}', JSON, 403),
        (b'{"id": -7}', JSON, 403),
        (b'{"id": 9223372036854775808}', JSON, 403),
        (b'{"id": ' + b"9" * 5000 + b"}", JSON, 400),
        (b'{"id": NaN}', JSON, 400),
        (b'{"ID": 7}', JSON, 403),
        (b"[7]", JSON, 403),
        (b"7", JSON, 403),
        (b"", JSON, 400),
        (b'{"id": 7} x', JSON, 400),
        (b'\xef\xbb\xbf{"id": 7}', JSON, 400),
        ('{"id": 7}'.encode("utf-16"), JSON, 400),
        (b'{"id": 7, "x": "\xff"}', JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b'{"id": 7, "x": "&id=1002&"}', "application/x-www-form-urlencoded", 415),
        (b'{"id": 7}', "multipart/form-data; boundary=x", 415),
        (b'{"id": 7}', "text/plain", 415),
        (b'{"id": 7}', "application/json, text/plain", 415),
        (b'{"id": 7}', "application/json; charset=utf-7", 415),
        (b'{"id": 7}', "application/jsonx", 415),
        (b'{"id": 7}', None, 415),
        (b'{"id": 7}' + b" " * 2000, JSON, 413),
    ],
)
def test_an_id_in_the_body_has_one_reading(interface, content, content_type, status, orders):
    layer = Authorization(
        allow("POST", "/o", owner(orders.load, order_id=body("/id", int))),
        body_limit=100 if status == 413 else 1_000_000,
    )
    answer = send(interface, layer, "/o", "POST", body=content, content_type=content_type)
    assert (answer.status, answer.called) == (status, 0)
    assert answer.problem
    assert 7 not in orders.read
    assert len(answer.exchange.decisions) == 1


@INTERFACES
@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/v+json",
    ],
)
def test_the_app_gets_the_body_that_was_judged(interface, content_type, orders):
    layer = Authorization(allow("POST", "/o", owner(orders.load, order_id=body("/id", int))))
    content = b'{"id": 7, "note": "\xc3\xa9"}'
    answer = send(interface, layer, "/o", "POST", body=content, content_type=content_type)
    assert (answer.called, answer.received) == (1, content)
    assert orders.read == [7]


@INTERFACES
def test_a_body_that_is_not_as_long_as_declared_is_refused(interface, orders):
    layer = Authorization(allow("POST", "/o", owner(orders.load, order_id=body("/id", int))))
    answer = send(interface, layer, "/o", "POST", body=b'{"id": 7}', content_type=JSON, length=99)
    assert (answer.status, answer.called, answer.code) == (400, 0, "malformed-body")


@INTERFACES
@pytest.mark.parametrize(
    ("content", "passes"),
    [
        (b'{"items": [{"id": 7}, {"id": 8}]}', True),
        (b'{"items": [{"id": 7}, {"id": 1002}]}', False),
        (b'{"items": [{"id": 1002}, {"id": 7}]}', False),
        (b'{"items": [{"id": 7}, {"id": 404}]}', False),
        (b'{"items": [{"id": 7}, {}]}', False),
        (b'{"items": [{"id": 7}, 8]}', False),
        (b'{"items": [{"id": 7}, {"id": "8"}]}', False),
        (b'{"items": []}', False),
        (b'{"items": {"id": 7}}', False),
        (b'{"items": [' + b'{"id": 7},' * 5 + b'{"id": 7}]}', False),
        (b"{}", False),
    ],
)
def test_every_id_of_an_array_must_pass(interface, content, passes, orders):
    ids = body("/items/*/id", int, most=5)
    layer = Authorization(allow("POST", "/o", owner(orders.load, order_id=ids)))
    answer = send(interface, layer, "/o", "POST", body=content, content_type=JSON)
    assert (answer.status, answer.called) == ((200, 1) if passes else (403, 0))


@INTERFACES
def test_a_forbid_wins_over_everything(interface):
    layer = Authorization(public("*", "/**"), forbid("*", "/v1/admin/**", ~role("admin")))
    for target in ("/v1/admin", "/v1/admin/", "/v1/admin/users", "/v1/admin/users/"):
        assert send(interface, layer, target).status == 403
        assert send(interface, layer, target, who=None).status == 401
        assert send(interface, layer, target, who=ADMIN).called == 1
    assert send(interface, layer, "/v1/administrators").called == 1


@pytest.mark.parametrize("path", ["//v1/admin", "/v1//admin/x", "/v1/admin//x", "/v1/admin//"])
def test_a_forbid_holds_for_paths_that_a_relaxed_boundary_lets_through(path):
    rules = public("*", "/**"), forbid("*", "/v1/admin/**")
    assert decide(*rules, path=path).outcome == "deny"


def test_a_forbid_holds_for_another_spelling_of_an_id(orders):
    rules = (
        public("GET", "/o/{slug}"),
        forbid("GET", "/o/{order_id:int}", when(orders.load, lambda who, o: o["status"] != "open")),
    )
    assert decide(*rules, path="/o/7").outcome == "allow"
    assert decide(*rules, path="/o/8").outcome == "deny"
    assert decide(*rules, path="/o/08").reason == "not-canonical"
    assert decide(*rules, path="/o/404").reason == "object-missing"
    assert decide(*rules, path="/o/newest").outcome == "allow"


def test_a_narrow_rule_is_not_opened_by_a_broad_one(orders):
    rules = (
        allow("*", "/v1/**", scope("orders:read")),
        allow("GET", "/v1/orders/{order_id:int}", owner(orders.load)),
    )
    assert decide(*rules, path="/v1/orders/1002").outcome == "deny"
    assert decide(*rules, path="/v1/orders/1002", method="HEAD").outcome == "deny"
    assert decide(*reversed(rules), path="/v1/orders/1002").outcome == "deny"
    assert decide(*rules, path="/v1/orders/1001").outcome == "allow"


@INTERFACES
def test_the_mount_point_is_no_part_of_the_path(interface, orders):
    layer = guide(orders)
    assert send(interface, layer, "/v1/orders/1001", root="/api").called == 1
    assert send(interface, layer, "/v1/orders/1002", root="/api").called == 0
    assert send(interface, Authorization(public("GET", "/")), "", root="/api").called == 1


def test_a_slow_loader_of_one_request_does_not_decide_for_another(orders):
    """State lies on the exchange: interleaved requests keep their own objects."""
    layer = Authorization(allow("GET", "/o/{order_id:int}", owner(orders.aload)))

    async def both():
        from authz_support import App, As, _asgi
        from ringwall import Stack

        apps = [App(), App()]
        wrapped = [
            Stack(As(who), layer).asgi(app.asgi)
            for who, app in zip([ALICE, BOB], apps, strict=True)
        ]
        return await asyncio.gather(
            *(
                _asgi(w, a, "/o/1001", "GET", [], b"", True, "")
                for w, a in zip(wrapped, apps, strict=True)
            )
        )

    first, second = asyncio.run(both())
    assert (first.status, first.called) == (200, 1)
    assert (second.status, second.called) == (403, 0)
