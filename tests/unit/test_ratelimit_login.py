"""Guessing: no number of parallel wrong passwords, and no spelling of a name, gets past."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratelimit_support import SENDERS, App, Clock, Remote
from ringwall import ConfigurationError, Decision, Stack
from ringwall.ratelimit import ConcurrencyLimit, LoginLimit, MemoryStore, RateLimit, refund
from ringwall.ratelimit._account import canonical_account
from ringwall.ratelimit._lockout import ladder
from ringwall.ratelimit.engine import SECOND

FORM = "application/x-www-form-urlencoded"


class Login(App):
    """An app that knows one password, and says it by status or through `refund`."""

    def __init__(self, by_status: bool = True) -> None:
        super().__init__()
        self.by_status = by_status
        self.tried: list[bytes] = []

    def judge(self, request, body):
        self.calls += 1
        self.tried.append(body)
        right = b"right" in body
        if right and not self.by_status:
            refund(request)
        return 200 if right or not self.by_status else 401

    async def asgi(self, scope, receive, send):
        status = self.judge(scope, (await receive())["body"])
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"app"})

    def wsgi(self, environ, start_response):
        start_response(f"{self.judge(environ, environ['wsgi.input'].read())} x", [])
        return [b"app"]


@pytest.fixture(params=SENDERS)
def sender(request):
    return request.param


def made(clock=None, **options):
    options = {"account": "form:name", "success": [200]} | options
    return LoginLimit("POST /login", clock=clock or Clock(), **options)


def tries(send, guess="wrong", name="alice", **others):
    request = {"path": "/login", "method": "POST", "content_type": FORM} | others
    return send(body=f"name={name}&password={guess}".encode(), **request)


@pytest.mark.parametrize("by_status", [True, False])
@pytest.mark.parametrize("remote", [True, False])
def test_wrong_ones_lock_and_right_ones_cost_nothing(sender, by_status, remote):
    clock, app = Clock(), Login(by_status)
    layer = made(clock, success=[200] if by_status else (), store=Remote(clock) if remote else None)
    send = sender(Stack(layer), app)
    for _ in range(20):
        assert tries(send, "right").status == 200
    calls = app.calls
    answers = [tries(send) for _ in range(8)]
    assert [answer.status for answer in answers][5:] == [429] * 3
    assert app.calls == calls + 5
    assert answers[-1]["retry-after"] == "60"
    assert not answers[0].all("ratelimit")
    assert answers[0].decisions == [Decision("login", "allow", "login", "within-quota")]
    assert answers[-1].decisions == [Decision("login", "deny", "login-lock-1", "quota-exceeded")]
    assert tries(send, "right").status == 429
    assert tries(send, name="bob").status != 429


def test_the_refund_reaches_a_stack_around_the_innermost(sender):
    app = Login(by_status=False)
    inner = Stack(made(success=()))
    layer = made(success=())
    outer = sender(layer, app)
    for _ in range(8):
        assert tries(outer, "right").status == 200
    # Two stacks around each other, each with a limit of its own.
    both = Login(by_status=False)
    both.asgi, both.wsgi = inner.asgi(both.asgi), inner.wsgi(both.wsgi)
    send = sender(Stack(made(success=())), both)
    for _ in range(8):
        assert tries(send, "right").status == 200


def test_each_lock_is_longer_than_the_one_before_up_to_the_longest(sender):
    clock, app = Clock(), Login()
    send = sender(made(clock, per_account="1000/day", per_client="1000/day"), app)
    for _ in range(5):
        assert tries(send).status == 401
    locks = []
    for _ in range(8):
        refused = tries(send)
        assert refused.status == 429
        locks.append(int(refused["retry-after"]))
        clock.forward(locks[-1] - 0.001)
        assert tries(send).status == 429
        clock.forward(0.001)
        assert tries(send).status == 401
    assert locks == [60, 120, 240, 480, 960, 1860, 1860, 1860]
    assert app.calls == 13


@given(
    attempts=st.integers(1, 20),
    first=st.integers(1, 600),
    longest=st.integers(1, 100_000),
    waits=st.lists(st.integers(0, 5000), max_size=30),
)
def test_nobody_is_locked_for_longer_than_the_longest_lock(attempts, first, longest, waits):
    steps = ladder("x", attempts, first, max(first, longest))
    store = MemoryStore(clock=(clock := Clock(0.0)))
    checks = [(limit, "k", 1) for limit in steps]
    for wait in waits:
        clock.forward(wait)
        quotas = store.acquire(checks)
        assert max(quota.wait for quota in quotas) <= max(first, longest) * SECOND


def test_guessing_one_account_from_many_addresses_has_a_limit_too(sender):
    app = Login()
    send = sender(made(per_account="12/hour"), app)
    seen = [tries(send, client=f"198.51.100.{i}").status for i in range(20)]
    assert seen == [401] * 12 + [429] * 8
    assert app.calls == 12


def test_one_password_tried_on_many_accounts_has_a_limit_too(sender):
    app = Login()
    send = sender(made(per_client="12/hour"), app)
    seen = [tries(send, name=f"user{i}").status for i in range(20)]
    assert seen == [401] * 12 + [429] * 8
    assert app.calls == 12
    assert tries(send, client="198.51.100.1").status == 401


def test_one_stranger_cannot_lock_an_account_for_its_owner(sender):
    """Each attempt that is refused is charged to nothing, so the locks of the stranger's address
    keep the account's own limit free."""
    clock, app = Clock(), Login()
    send = sender(made(clock), app)
    for _ in range(2000):
        tries(send, client="203.0.113.1")
        clock.forward(1)
    assert tries(send, "right").status == 200


SPELLINGS = [
    "Alice", "ALICE", "+alice", "alice+", "%61lice", "%20alice%09", "%EF%BC%A1lice",
    "al%C3%ADce", "ali%CC%81ce", "ali%E2%80%8Bce", "al%C2%ADice", "%E2%80%AEalice", "alice%00",
    "%F0%9D%93%AAlice", "a+l+i+c+e",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_name_is_another_account(sender, spelling):
    app = Login()
    send = sender(made(), app)
    for _ in range(5):
        tries(send)
    assert tries(send, name=spelling).status == 429
    assert app.calls == 5


@settings(max_examples=60)
@given(st.text())
def test_a_canonical_name_is_canonical(text):
    assert canonical_account(canonical_account(text)) == canonical_account(text)


AMBIGUOUS = {
    "twice": (FORM, b"name=bob&name=alice", 400),
    "twice, encoded": (FORM, b"name=bob&n%61me=alice", 400),
    "bad UTF-8": (FORM, b"name=%ff", 400),
    "long name": (FORM, b"name=alice" + b"%CC%81%CC%A7" * 200, 400),
    "many fields": (FORM, b"a=b&" * 200 + b"name=alice", 400),
    "too large": (FORM, b"name=alice&x=" + b"x" * 20_000, 413),
    "multipart": ("multipart/form-data; boundary=x", b"--x--", 415),
    "text": ("text/plain", b"name=alice", 415),
    "two types": (f"{FORM}, {FORM}", b"name=alice", 415),
    "charset": (f"{FORM}; charset=utf-16", b"name=alice", 415),
    "none": ("", b"name=alice", 415),
    "JSON twice": ("application/json", b'{"name":"bob","name":"alice"}', 400),
    "JSON in UTF-16": ("application/json", '{"name":"alice"}'.encode("utf-16"), 400),
    "JSON deep": ("application/json", b'{"x":' * 3000, 400),
    "JSON list": ("application/json", b'["alice"]', 400),
    "JSON name as list": ("application/json", b'{"name":["alice"]}', 400),
    "JSON name as null": ("application/json", b'{"name":null}', 400),
    "JSON name as bool": ("application/json", b'{"name":true}', 400),
    "JSON name as number": ("application/json", b'{"name":1.5}', 400),
    "JSON number without end": ("application/json", b'{"name":' + b"9" * 9000 + b"}", None),
    "no JSON": ("application/json", b"name=alice", 400),
    "JSON with a charset": ("application/json; charset=latin-1", b'{"name":"alice"}', 415),
}


@pytest.mark.parametrize(
    ("content_type", "body", "status"), AMBIGUOUS.values(), ids=AMBIGUOUS.keys()
)
def test_what_two_readers_could_read_differently_never_reaches_the_app(
    sender, content_type, body, status
):
    app = Login()
    send = sender(made(account=["form:name", "json:name"]), app)
    answer = send(path="/login", method="POST", content_type=content_type, body=body)
    if status is None:  # an interpreter without a limit of digits reads it
        assert answer.status in (400, 401)
        return
    assert answer.status == status
    assert answer["content-type"] == "application/problem+json"
    assert answer.decisions == [Decision("login", "deny", "login", "malformed-body")]
    assert app.calls == 0


def test_a_body_that_ends_early_is_refused():
    app = Login()
    import io

    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/login", "wsgi.url_scheme": "http",
        "REMOTE_ADDR": "192.0.2.1", "CONTENT_TYPE": FORM, "CONTENT_LENGTH": "99",
        "wsgi.input": io.BytesIO(b"name=alice"),
    }  # fmt: skip
    seen = []
    made().wsgi(app.wsgi)(environ, lambda status, *args: seen.append(status))
    assert seen == ["400 Bad Request"]
    assert app.calls == 0


def test_a_refund_concerns_no_other_layer(sender):
    app = Login(by_status=False)
    clock = Clock()
    stack = Stack(
        RateLimit("3/minute", "9/hour", clock=clock), ConcurrencyLimit(9), made(success=())
    )
    assert [tries(sender(stack, app), "right").status for _ in range(4)] == [200] * 3 + [429]


def test_a_compressed_body_is_refused(sender):
    app = Login()
    assert tries(sender(made(), app), content_encoding="gzip").status == 415
    assert tries(sender(made(), app), content_encoding="Identity").status == 401
    assert app.calls == 1


@pytest.mark.parametrize("content_type", ["application/json", 'Application/JSON;charset="UTF-8";'])
def test_json_and_form_count_as_one_account(sender, content_type):
    app = Login()
    send = sender(made(account=("form:name", "json:name")), app)
    for _ in range(5):
        tries(send)
    answer = send(
        path="/login", method="POST", content_type=content_type, body=b'{"name":"Alice","x":{}}'
    )
    assert answer.status == 429
    ok = send(path="/login", method="POST", content_type=content_type, body=b'{"name":17}')
    assert ok.status == 401
    assert app.tried[-1] == b'{"name":17}'


def test_a_login_without_a_name_counts_all_the_same(sender):
    app = Login()
    send = sender(made(), app)
    request = {"path": "/login", "method": "POST", "content_type": FORM, "body": b"x=y"}
    assert [send(**request).status for _ in range(7)] == [401] * 5 + [429] * 2


def test_a_function_may_say_who_logs_in(sender):
    app = Login()
    layer = made(account=lambda exchange: exchange.query.decode() or None)
    send = sender(layer, app)
    request = {"path": "/login", "method": "POST", "body": b"x"}
    assert [send(**request).status for _ in range(6)] == [401] * 5 + [429]


def test_other_requests_are_none_of_its_business(sender):
    app = App()
    send = sender(made(), app)
    for request in ({"path": "/login"}, {"path": "/other", "method": "POST"}):
        answers = [send(**request) for _ in range(9)]
        assert {answer.status for answer in answers} == {200}
        assert answers[0].decisions == []


def test_a_function_cannot_hand_on_a_name_without_end(sender):
    app = Login()
    send = sender(made(account=lambda exchange: "x" * 257), app)
    assert send(path="/login", method="POST").status == 400
    assert app.calls == 0


@pytest.mark.parametrize("path", ["/login/", "//login", "/x/../login"])
@pytest.mark.parametrize("method", ["POST", "post"])
def test_no_spelling_of_the_route_escapes(sender, path, method):
    app = Login()
    send = sender(made(), app)
    for _ in range(5):
        tries(send)
    assert tries(send, path=path, method=method).status in (400, 429)
    assert app.calls == 5


@pytest.mark.parametrize("ending", ["error", "cancel", "silence"])
def test_an_attempt_without_an_answer_stays_charged(ending):
    clock = Clock()

    async def app(scope, receive, send):
        if ending == "error":
            raise RuntimeError
        if ending == "cancel":
            raise asyncio.CancelledError

    layer = made(clock)
    wrapped = layer.asgi(app)
    scope = {
        "type": "http", "method": "POST", "path": "/login", "client": ("192.0.2.1", 1),
        "headers": [(b"content-type", FORM.encode())],
    }  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": b"name=alice"}

    sent = []

    async def send(message):
        sent.append(message)

    async def flood():
        for _ in range(7):
            await asyncio.gather(wrapped(dict(scope), receive, send), return_exceptions=True)

    asyncio.run(flood())
    assert [m["status"] for m in sent if "status" in m][-2:] == [429, 429]


@pytest.mark.parametrize("when", ["before", "between"])
@pytest.mark.parametrize("when_down", ["deny", "local"])
def test_a_store_that_is_down_opens_nothing(sender, when, when_down):
    store, app = Remote(Clock()), Login()
    send = sender(made(store=store, when_down=when_down, workers=2), app)
    if when == "between":
        app.judge = (lambda judge: lambda *a: setattr(store, "down", "later") or judge(*a))(
            app.judge
        )
        assert tries(send, "right").status == 200  # what cannot be given back stays charged
        return
    store.down = "later"
    seen = [tries(send).status for _ in range(6)]
    assert seen == ([503] * 6 if when_down == "deny" else [401] * 2 + [429] * 4)
    with pytest.raises(ConfigurationError, match="must not be open to guessing"):
        made(when_down="allow")


# In parallel


@settings(max_examples=25, deadline=None)
@given(attempts=st.integers(1, 8), order=st.lists(st.sampled_from("rww"), min_size=1, max_size=40))
def test_parallel_tasks_never_exceed_the_limit(attempts, order):
    """Whatever right ones come between: of the wrong ones at most `attempts` reach the app."""
    app = Login()
    layer = made(attempts=attempts, per_client="1000/day", per_account="1000/day")
    wrapped = layer.asgi(app.asgi)
    scope = {
        "type": "http", "method": "POST", "path": "/login", "client": ("192.0.2.1", 1),
        "headers": [(b"content-type", FORM.encode())],
    }  # fmt: skip

    async def one(kind):
        body = b"name=alice&password=" + (b"right" if kind == "r" else b"wrong")

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            await asyncio.sleep(0)

        await wrapped(dict(scope), receive, send)

    async def flood():
        await asyncio.gather(*map(one, order))

    asyncio.run(flood())
    assert sum(b"wrong" in body for body in app.tried) <= attempts


def test_parallel_threads_never_exceed_the_limit():
    app = Login()
    layer = made(attempts=5)
    wrapped = layer.wsgi(app.wsgi)
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        for _ in range(20):
            send = sender_of(wrapped)
            send()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(app.tried) == 5


def sender_of(wrapped):
    import io

    body = b"name=alice&password=wrong"

    def send():
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/login", "wsgi.url_scheme": "http",
            "REMOTE_ADDR": "192.0.2.1", "CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }  # fmt: skip
        return b"".join(wrapped(environ, lambda *args: None))

    return send


def test_four_processes_never_exceed_the_limit(tmp_path):
    from ringwall.ratelimit.lmdb import LMDBStore

    store = LMDBStore(tmp_path, timeout=30)
    read, write = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                app = Login()
                layer = LoginLimit("POST /login", account="form:name", store=store)
                send = sender_of(layer.wsgi(app.wsgi))
                for _ in range(10):
                    send()
                os.write(write, b"x" * app.calls)
            finally:
                os._exit(0)
        children.append(child)
    os.close(write)
    for child in children:
        os.waitpid(child, 0)
    with os.fdopen(read, "rb") as pipe:
        assert len(pipe.read()) == 5


# Configuration


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attempts": 0}, "attempts="),
        ({"attempts": True}, "attempts="),
        ({"body_limit": 0}, "body_limit="),
        ({"lock": "soon"}, "lock= takes a span"),
        ({"longest": "1 second"}, "shorter than"),
        ({"lock": "0 minutes"}, "lock= takes a span"),
        ({"lock": "1 minute; 5/hour"}, "lock= takes a span"),
        ({"account": "name"}, "account= takes"),
        ({"account": ["form:name", 5]}, "account= takes"),
        ({"account": 5}, "account= takes"),
        ({"success": [401]}, "success= takes statuses"),
        ({"success": [True]}, "success= takes statuses"),
        ({"per_client": "many"}, "is not a rate"),
    ],
)
def test_arguments_that_cannot_work_teach(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        made(**arguments)


def test_without_the_package_limits_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "limits", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        made()


async def coroutine(exchange):
    raise AssertionError


def test_a_coroutine_cannot_say_who_logs_in():
    with pytest.raises(ConfigurationError, match="not a coroutine"):
        made(account=coroutine)


def test_no_name_is_kept_anywhere():
    store = MemoryStore(clock=Clock())
    layer = made(store=store)
    wrapped = layer.wsgi(Login().wsgi)
    sender_of(wrapped)()
    keys = [key for table in store._tables.values() for states in table.maps for key in states]
    assert len(keys) == 7
    assert not any("alice" in key for key in keys)
    assert repr(layer) == "<LoginLimit login>"


def test_right_logins_of_ones_own_that_overlap_buy_no_further_guess():
    """Two are under way, the first ends early and the second late: by then time has given back all
    that there was, and what is charged is a guess."""

    class Streaming(Login):
        def wsgi(self, environ, start_response):
            return iter(super().wsgi(environ, start_response))

    clock, app = Clock(), Streaming()
    wrapped = made(clock, attempts=1000, per_client="2/minute").wsgi(app.wsgi)
    statuses = []

    def send(body):
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/login", "wsgi.url_scheme": "https",
            "CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": io.BytesIO(body),
        }  # fmt: skip
        result = wrapped(
            environ, lambda status, headers, exc_info=None: statuses.append(status[:3])
        )
        assert list(result)
        return result

    early, late = send(b"name=me&password=right"), send(b"name=me&password=right")
    early.close()
    clock.forward(30)
    send(b"name=you&password=1").close()
    late.close()
    for guess in (b"2", b"3"):
        getattr(send(b"name=you&password=" + guess), "close", lambda: None)()
    assert statuses == ["200", "200", "401", "401", "429"]
    assert app.calls == 4
