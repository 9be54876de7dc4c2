"""Which fields of a body a role may write, and which of a response it may read (OWASP API3)."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest

from authz_support import ADMIN, ALICE, As, Orders
from ringwall import ConfigurationError, Stack
from ringwall.authz import Authorization, Policy, allow, body, fields, forbid, owner, public, role
from ringwall.authz._json import AmbiguousBody, parse_body
from ringwall.external import extauthz
from ringwall.testing import Request, SampleApp, run

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
JSON = (b"content-type", b"application/json")
USER = {"id": 7, "name": "alice", "salary": 9, "address": {"city": "Bern", "door": "13"}}
READS = ["/id", "/name", "/address/city", fields("/salary", when=role("admin"))]


def answer(
    interface, rule, who=ALICE, method="GET", content=(), kind=JSON, path=b"/u/7", **app_or_layer
):
    """What came back, with `seen`: what reached the app."""
    options = {
        name: app_or_layer.pop(name)
        for name in ("response_limit", "body_limit", "streams", "error_fields")
        if name in app_or_layer
    }
    headers = ((b"host", b"a"), *((kind,) if kind and content else ()))
    request = Request(method=method, target=path, headers=headers, body=tuple(content))
    app = SampleApp(**app_or_layer)
    done = run(interface, [As(who), Authorization(rule, **options)], app, request)
    done.result.seen = app.seen
    done.result.last = done.decisions[-1]
    return done.result


def reading(interface, value=USER, reads=READS, status=200, headers=(JSON,), **others):
    sent = value if isinstance(value, bytes) else json.dumps(value).encode()
    rule = allow("GET", "/u/{id:int}", reads=reads, **others.pop("rule", {}))
    return answer(interface, rule, status=status, headers=headers, chunks=(sent,), **others)


def writing(interface, value, writes=("/name", "/address/city"), **others):
    sent = value if isinstance(value, bytes) else json.dumps(value).encode()
    rule = allow("PATCH", "/u/{id:int}", writes=writes, **others.pop("rule", {}))
    return answer(interface, rule, method="PATCH", content=(sent,), **others)


def left(result):
    return result.status, json.loads(result.body)


def is_withheld(result):
    document = json.loads(result.body)
    assert b"salary" not in result.body
    assert result.last[:2] + result.last[3:4] == ("authorization", "deny", "response-withheld")
    return (result.status, document["code"]) == (500, "response-withheld")


# --- reading --------------------------------------------------------------------------------------


@INTERFACES
def test_what_the_list_does_not_name_does_not_leave(interface):
    result = reading(interface)
    assert left(result) == (200, {"id": 7, "name": "alice", "address": {"city": "Bern"}})
    assert result.last[:4] == ("authorization", "allow", "GET /u/{id:int}", "granted")


@INTERFACES
def test_a_role_reads_more(interface):
    result = reading(interface, who=ADMIN)
    assert json.loads(result.body)["salary"] == 9


@INTERFACES
def test_what_was_taken_out_shows_in_no_header(interface):
    """The length and the validators of the whole would tell of it."""
    told = ((b"etag", b'"x"'), (b"content-length", b"80"), (b"accept-ranges", b"bytes"))
    result = reading(interface, headers=(JSON, *told))
    assert result.lines == {
        b"content-type": [b"application/json"],
        b"content-length": [b"%d" % len(result.body)],
    }


@INTERFACES
def test_a_head_request_learns_nothing_of_the_length(interface):
    rule = allow("GET", "/u/{id:int}", reads=READS)
    told = ((b"etag", b'"x"'), (b"content-length", b"80"))
    result = answer(interface, rule, method="HEAD", headers=(JSON, *told), chunks=())
    assert (result.status, result.lines) == (200, {b"content-type": [b"application/json"]})


@INTERFACES
def test_a_response_that_holds_nothing_else_leaves_byte_for_byte(interface):
    text = b' { "id": 1.50, "name": "\\u00e9" }\n'
    result = reading(interface, text, headers=(JSON, (b"etag", b'"x"')))
    assert (result.body, result.lines[b"etag"]) == (text, [b'"x"'])


@INTERFACES
def test_arrays_nulls_and_objects_where_a_value_was_named(interface):
    reads = ["/*/id", "/*/tags/*", "/*/in/x", "/*/meta/**", "/*/a~1b~0c"]
    value = [
        {"id": 1, "tags": ["a", {"x": 1}], "in": {"x": 1, "y": 2}, "meta": {"z": [1]}, "a/b~c": 1},
        {"id": {"deep": 1}, "tags": None, "in": None, "meta": None, "other": 1},
        {"id": [1], "tags": "a", "in": [{"x": 1}]},
        "loose",
    ]
    assert left(reading(interface, value, reads)) == (
        200,
        [
            {"id": 1, "tags": ["a"], "in": {"x": 1}, "meta": {"z": [1]}, "a/b~c": 1},
            {"tags": None, "in": None, "meta": None},
            {},
        ],
    )


@INTERFACES
@pytest.mark.parametrize("value", [[USER], "text", 7, b"null"])
def test_a_document_of_another_shape_is_withheld(interface, value):
    assert is_withheld(reading(interface, value, reads=["/id"] if value != b"null" else []))


@INTERFACES
def test_more_than_the_list_is_withheld_by_option(interface):
    strict = {"unreadable": "refuse"}
    assert is_withheld(reading(interface, rule=strict))
    assert reading(interface, {"id": 1}, rule=strict).status == 200


ATTACKS = {
    "duplicate": b'{"id": 1, "id": {"salary": 9}}',
    "bom": b'\xef\xbb\xbf{"salary": 9}',
    "utf-16": '{"salary": 9}'.encode("utf-16"),
    "utf-32": '{"salary": 9}'.encode("utf-32-le"),
    "bad utf-8": b'{"salary": "\xff"}',
    "two documents": b'{"id": 1}{"salary": 9}',
    "NaN": b'{"salary": NaN}',
    "infinite": b'{"id": 1e999, "salary": 9}',
    "half": b'{"salary": 9',
    "deep": b"[" * 100_000,
    "deep objects": b'{"id":' * 70 + b"1" + b"}" * 70,
    "long number": b'{"salary": ' + b"9" * 5000 + b"}",
}


@INTERFACES
@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_what_parsers_could_read_differently_is_withheld(interface, text):
    assert is_withheld(reading(interface, text))


TYPES = {
    "missing": (),
    "text": ((b"content-type", b"text/plain"),),
    "html": ((b"content-type", b"text/html"),),
    "javascript": ((b"content-type", b"application/javascript"),),
    "sequence": ((b"content-type", b"application/jsonx"),),
    "utf-16": ((b"content-type", b"application/json; charset=utf-16"),),
    "two charsets": ((b"content-type", b"application/json; charset=utf-8; charset=utf-16"),),
    "other charset": ((b"content-type", b"application/json; x=1; CHARSET='utf-8'"),),
    "twice": ((b"content-type", b"application/json"), (b"Content-Type", b"text/html")),
    "joined": ((b"content-type", b"application/json, text/html"),),
    "br": (JSON, (b"content-encoding", b"br")),
    "gzip twice": (JSON, (b"content-encoding", b"gzip, gzip")),
    "range": (JSON, (b"content-range", b"bytes 0-9/80")),
    "ranges": ((b"content-type", b"multipart/byteranges; boundary=x"),),
}


@INTERFACES
@pytest.mark.parametrize("headers", TYPES.values(), ids=TYPES)
def test_what_is_not_plain_json_is_withheld(interface, headers):
    assert is_withheld(reading(interface, {"id": 1}, headers=headers))


@INTERFACES
def test_a_piece_of_json_is_withheld(interface):
    assert is_withheld(reading(interface, {"id": 1}, status=206))


@INTERFACES
@pytest.mark.parametrize(
    "kind",
    [
        b"Application/JSON",
        b"application/json ;charset=UTF-8",
        b'application/json;charset="utf-8"',
        b"application/vnd.api+json; profile=x",
        b"application/hal+json",
    ],
)
def test_other_names_of_json_are_filtered(interface, kind):
    assert left(reading(interface, headers=((b"content-type", kind),)))[1]["id"] == 7
    assert b"salary" not in reading(interface, headers=((b"content-type", kind),)).body


@INTERFACES
@pytest.mark.parametrize(
    ("coding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)]
)
def test_a_compressed_response_is_filtered_and_leaves_plain(interface, coding, pack):
    headers = (JSON, (b"content-encoding", coding))
    result = reading(interface, pack(json.dumps(USER).encode()), headers=headers)
    assert json.loads(result.body)["name"] == "alice"
    assert b"content-encoding" not in result.lines
    packed = pack(b'{"id": 1}')
    result = reading(interface, packed, headers=headers)
    assert (result.body, result.lines[b"content-encoding"]) == (packed, [coding])


@INTERFACES
@pytest.mark.parametrize(
    "packed",
    [
        b"not gzip",
        gzip.compress(b'{"id": 1}', mtime=0)[:-4],
        gzip.compress(b'{"id": 1}', mtime=0) + gzip.compress(b'{"salary": 1}', mtime=0),
        gzip.compress(b'{"id": "' + b"a" * 100_000 + b'"}', mtime=0),
    ],
    ids=["garbage", "cut", "two members", "bomb"],
)
def test_a_compressed_response_that_is_not_what_it_says_is_withheld(interface, packed):
    headers = (JSON, (b"content-encoding", b"gzip"))
    assert is_withheld(reading(interface, packed, headers=headers, response_limit=1000))


@INTERFACES
def test_a_response_beyond_the_limit_is_withheld(interface):
    text = b'{"id": 1}'
    assert reading(interface, text, response_limit=len(text)).status == 200
    assert is_withheld(reading(interface, text, response_limit=len(text) - 1))


@INTERFACES
@pytest.mark.parametrize(
    "kind", [b"text/event-stream", b"text/event-stream; charset=utf-8", b"application/x-ndjson"]
)
def test_streams_pass_untouched_and_the_record_says_so(interface, kind):
    text, headers = b'data: {"salary": 9}\n\n', ((b"content-type", kind),)
    result = reading(interface, text, headers=headers)
    assert (result.body, result.last.reason) == (text, "stream-not-filtered")
    assert is_withheld(reading(interface, text, headers=headers, streams="refuse"))


@INTERFACES
@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_an_error_keeps_its_status_and_tells_no_more_than_errors_should(interface, status):
    error = {"title": "Bad", "code": "x", "debug": {"salary": 9}, "detail": [
        {"type": "int", "loc": ["body", "id"], "msg": "no int", "input": {"salary": 9}}
    ]}  # fmt: skip
    result = reading(interface, error, status=status, rule={"unreadable": "refuse"})
    kept = [{"type": "int", "loc": ["body", "id"], "msg": "no int"}]
    assert left(result) == (status, {"title": "Bad", "code": "x", "detail": kept})
    own = reading(interface, error, status=status, error_fields=["/debug/**"])
    assert left(own) == (status, {"debug": {"salary": 9}})


@INTERFACES
@pytest.mark.parametrize(
    ("headers", "text"),
    [((b"content-type", b"text/html"), b"<h1>salary</h1>"), (JSON, b'["salary"]'), (JSON, b"{")],
)
def test_an_error_that_is_no_json_object_becomes_a_problem(interface, headers, text):
    extra = (b"www-authenticate", b"Bearer"), (b"content-encoding", b"identity")
    result = reading(interface, text, status=401, headers=(headers, *extra))
    assert result.lines[b"www-authenticate"] == [b"Bearer"]
    assert result.lines[b"content-type"] == [b"application/problem+json"]
    status, document = left(result)
    assert (status, document["code"]) == (401, "error")


@INTERFACES
def test_a_redirect_keeps_its_target_and_loses_its_body(interface):
    headers = ((b"location", b"/x"), (b"content-type", b"text/html"))
    result = reading(interface, b"<a>salary</a>", status=302, headers=headers)
    assert (result.status, result.body) == (302, b"")
    assert result.lines == {b"location": [b"/x"], b"content-length": [b"0"]}


@INTERFACES
@pytest.mark.parametrize("status", [200, 404])
def test_an_empty_body_leaves(interface, status):
    assert reading(interface, b"", status=status, headers=()).status == status


@INTERFACES
def test_a_304_passes_without_the_validator_of_the_whole(interface):
    result = reading(interface, b"", status=304, headers=((b"etag", b'"x"'),))
    assert (result.status, result.lines) == (304, {})


@INTERFACES
def test_public_rules_filter_too_and_refusals_are_problems_as_ever(interface):
    rule = public("GET", "/u/{id:int}", reads=["/id"])
    text = json.dumps(USER).encode()
    result = answer(interface, rule, None, headers=(JSON,), chunks=(text,))
    assert left(result) == (200, {"id": 7})
    assert answer(interface, rule, None, path=b"/x").status == 401


@INTERFACES
def test_a_condition_may_load_the_object(interface):
    orders = Orders()
    load = orders.aload if interface == "asgi" else orders.load
    reads = ["/id", fields("/status", when=owner(load))]
    rule = allow("GET", "/orders/{order_id:int}", reads=reads)
    for order, expected in ((7, {"id": 1, "status": "x"}), (1002, {"id": 1}), (9, {"id": 1})):
        text = b'{"id": 1, "status": "x"}'
        path = b"/orders/%d" % order
        result = answer(interface, rule, path=path, headers=(JSON,), chunks=(text,))
        assert json.loads(result.body) == expected
    assert orders.read == [7, 1002, 9]


@INTERFACES
def test_a_shadow_filters_nothing_and_the_record_says_so(interface):
    result = reading(interface, rule={"shadow": True})
    assert json.loads(result.body) == USER
    assert result.last[:4] == (
        "authorization", "allow", "GET /u/{id:int}", "would-deny-response-withheld",
    )  # fmt: skip
    result = reading(interface, rule={"shadow": True}, response_limit=5)
    assert json.loads(result.body) == USER
    assert result.last.reason == "would-deny-response-withheld"
    text = b"<salary>"
    assert reading(interface, text, headers=(), rule={"shadow": True}).body == text


def test_what_a_rule_reads_does_not_reach_other_routes():
    layer = Authorization(
        allow("GET", "/u", reads=["/id"]), allow("GET", "/v", reads=None), allow("GET", "/w/**")
    )
    for interface in ("asgi", "wsgi"):
        for path, expected in ((b"/u", {"id": 7}), (b"/v", USER), (b"/w/x", USER)):
            app = SampleApp(headers=(JSON,), chunks=(json.dumps(USER).encode(),))
            done = run(interface, [As(ALICE), layer], app, Request(target=path))
            assert json.loads(done.result.body) == expected


# --- writing --------------------------------------------------------------------------------------


@INTERFACES
@pytest.mark.parametrize(
    "value",
    [
        {"role": "admin"},
        {"name": "x", "role": "admin"},
        {"name": "x", "Name": "y"},
        {"name": {"$ne": 1}},
        {"name": ["x"]},
        {"address": None},
        {"address": {"city": "x", "door": "1"}},
        {"address": "x"},
        {"__proto__": {"role": 1}},
        {"ｎame": "x"},
        {"address.city": "x"},
        {"": {"": 1}},
        [{"name": "x"}],
        "name",
        None,
        b'{"n\\u0061me": "x", "r\\u006fle": "admin"}',
        b'[{"op": "replace", "path": "/role", "value": "admin"}]',
    ],
)
def test_mass_assignment_is_refused_and_the_app_not_called(interface, value):
    result = writing(interface, value)
    status, document = left(result)
    assert (status, document["code"], result.seen) == (403, "field-not-allowed", [])
    assert result.last[:4] == ("authorization", "deny", "PATCH /u/{id:int}", "field-not-allowed")
    assert b"admin" not in result.body


@INTERFACES
@pytest.mark.parametrize(
    "value",
    [{}, {"name": "x"}, {"name": None}, {"address": {"city": "x"}}, b'{"n\\u0061me": "x"}', b""],
)
def test_what_may_be_written_reaches_the_app_as_it_was_sent(interface, value):
    result = writing(interface, value)
    assert (result.status, len(result.seen)) == (200, 1)
    sent = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert result.seen[0].body == sent


@INTERFACES
def test_a_role_writes_more(interface):
    writes = ["/name", fields("/role", when=role("admin"))]
    value = {"name": "x", "role": "admin"}
    assert writing(interface, value, writes).status == 403
    assert writing(interface, value, writes, who=ADMIN).status == 200


@INTERFACES
def test_an_empty_list_lets_nothing_be_written(interface):
    assert writing(interface, {"name": "x"}, []).status == 403
    assert writing(interface, b"", []).status == 200


@INTERFACES
def test_fields_are_stripped_by_option(interface):
    value = {"name": "é", "role": "admin", "address": {"city": "x", "door": 1}}
    result = writing(interface, value, rule={"unwritable": "strip"})
    (seen,) = result.seen
    assert json.loads(seen.body) == {"name": "é", "address": {"city": "x"}}
    assert writing(interface, [value], rule={"unwritable": "strip"}).status == 403


@INTERFACES
@pytest.mark.parametrize(
    ("kind", "text", "status"),
    [
        (b"application/x-www-form-urlencoded", b"role=admin", 415),
        (b"multipart/form-data; boundary=x", b"--x--", 415),
        (b"text/plain", b'{"name": "x"}', 415),
        (b"application/json; charset=utf-16", b'{"name": "x"}', 415),
        (b"application/json, text/plain", b'{"name": "x"}', 415),
        (None, b'{"name": "x"}', 415),
        (b"application/json", b'{"name": 1, "name": 2}', 400),
        (b"application/json", b'\xef\xbb\xbf{"name": 1}', 400),
        (b"application/json", '{"name": 1}'.encode("utf-16"), 400),
        (b"application/json", gzip.compress(b'{"name": 1}', mtime=0), 400),
        (b"application/json", b"[" * 90_000, 400),
        (b"application/json", b'{"name": "' + b"x" * 100_000 + b'"}', 413),
    ],
)
def test_a_body_that_cannot_be_judged_is_refused(interface, kind, text, status):
    kind = kind and (b"content-type", kind)
    result = writing(interface, text, kind=kind, body_limit=100_000)
    assert (result.status, result.seen) == (status, [])


@INTERFACES
def test_a_body_is_judged_whatever_the_method(interface):
    rule = allow("GET", "/u/{id:int}", writes=[])
    assert answer(interface, rule, content=(b'{"a": 1}',)).status == 403
    assert answer(interface, rule).status == 200


@INTERFACES
def test_ids_and_fields_share_one_reading(interface):
    orders = Orders()
    rule = allow(
        "PATCH", "/u/{id:int}", owner(orders.load, order_id=body("/order", int)),
        writes=["/order", "/note"],
    )  # fmt: skip
    for value, status in (
        ({"order": 7, "note": "x"}, 200),
        ({"order": 7, "role": "x"}, 403),
        ({"order": 1002, "note": "x"}, 403),
        (b"{", 400),
    ):
        sent = value if isinstance(value, bytes) else json.dumps(value).encode()
        assert answer(interface, rule, method="PATCH", content=(sent,)).status == status


@INTERFACES
def test_a_condition_of_fields_may_take_its_id_from_the_body(interface):
    orders = Orders()
    rule = allow(
        "PATCH", "/u/{id:int}",
        writes=["/order", fields("/note", when=owner(orders.load, order_id=body("/order", int)))],
    )  # fmt: skip
    for value, status in (
        (b'{"order": 7, "note": "x"}', 200),
        (b'{"order": 1002, "note": "x"}', 403),
        (b'{"order": 1002}', 200),
        (b"[", 400),
    ):
        assert answer(interface, rule, method="PATCH", content=(value,)).status == status


@INTERFACES
@pytest.mark.parametrize("text", [b'{"role": "admin"}', b"no json"])
def test_a_shadow_lets_everything_be_written_and_the_record_says_so(interface, text):
    result = writing(interface, text, rule={"shadow": True})
    assert (result.status, result.seen[0].body) == (200, text)
    assert result.last.reason == "would-deny-field-not-allowed"


@INTERFACES
def test_a_refusal_of_the_rule_comes_before_its_fields(interface):
    result = writing(interface, {"role": 1}, rule={"condition": role("admin")})
    assert json.loads(result.body)["code"] == "forbidden"


# --- configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: fields("name"), "begins with '/'"),
        (lambda: fields(7), "begins with '/'"),
        (lambda: fields("/a/**/b"), "stands at the end"),
        (lambda: fields("/a", when="admin"), "is not a condition"),
        (lambda: allow("GET", "/", reads="/a"), "takes a list"),
        (lambda: allow("GET", "/", reads=fields("/a")), "takes a list"),
        (lambda: allow("GET", "/", writes=[7]), "not 7"),
        (lambda: allow("GET", "/", reads=["a"]), "begins with '/'"),
        (lambda: allow("*", "/", reads=["/a"]), "name the methods"),
        (lambda: public("GET,WEBSOCKET", "/", writes=["/a"]), "name the methods"),
        (lambda: allow("GET", "/", reads=[], unreadable="drop"), "unreadable='drop'"),
        (lambda: allow("GET", "/", reads=[], unwritable="x"), "use 'strip' or 'refuse'"),
        (
            lambda: allow("GET", "/", reads=[fields("/a", when=role(f"r{n}")) for n in range(9)]),
            "at most 8",
        ),
        (
            lambda: Policy(allow("GET", "/", reads=[fields("/a", when=owner(Orders().load))])),
            "in the rule 'GET /'",
        ),
        (lambda: Authorization(public("GET", "/"), response_limit=0), "response_limit=0"),
        (lambda: Authorization(public("GET", "/"), streams="drop"), "use 'pass' or 'refuse'"),
        (lambda: Authorization(public("GET", "/"), error_fields=["x"]), "begins with '/'"),
    ],
)
def test_mistakes_teach(make, hint):
    with pytest.raises(ConfigurationError, match=hint):
        make()


def test_a_policy_that_changes_bodies_cannot_replace_one_that_did_not():
    layer = Authorization(public("POST", "/", writes=["/a"]))
    with pytest.raises(ConfigurationError, match="changes bodies"):
        layer.replace(Policy(public("GET", "/", reads=["/a"])))
    filtering = Authorization(public("GET", "/", reads=["/a"]))
    filtering.replace(Policy(public("GET", "/")))


def test_an_external_authorizer_sees_no_bodies():
    for rule in (public("GET", "/", reads=["/a"]), public("POST", "/", writes=["/a"])):
        with pytest.raises(ConfigurationError, match="reads bodies"):
            extauthz(Stack(Authorization(rule)), dialect="nginx")


def test_a_stack_without_fields_is_not_cut():
    app = SampleApp().asgi
    assert Authorization(public("GET", "/"), forbid("GET", "/a")).asgi(app).app is app
    assert Authorization(public("POST", "/", writes=["/a"])).asgi(app).app is app
    assert Authorization(public("GET", "/", reads=["/a"])).asgi(app).app is not app


def test_brackets_in_strings_count_as_no_depth():
    text = b'{"a": "' + b"[" * 100 + b'\\"]"}'
    assert parse_body(text)["a"].startswith("[[[")
    assert parse_body(b"[" + b"[]," * 100 + b"[]]") == [[]] * 101
    with pytest.raises(AmbiguousBody):
        parse_body(b"[" * 65 + b"]" * 65)


def test_the_stream_of_a_filtered_route_is_stopped_at_the_limit():
    sent = []

    async def endless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [JSON]})
        while True:
            await send({"type": "http.response.body", "body": b" " * 100, "more_body": True})

    async def collect(message):
        sent.append(message)

    app = Authorization(public("GET", "/", reads=["/a"]), response_limit=1000).asgi(endless)
    asyncio.run(app(Request().scope(), None, collect))
    assert [message.get("status") for message in sent] == [500, None]
