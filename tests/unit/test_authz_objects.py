"""Objects: what loaders are given and return, what handlers get, and the short cache."""

from __future__ import annotations

import functools
import inspect
import uuid
from uuid import UUID

import pytest

from authz_support import ADMIN, ALICE, BOB, UUID1, Orders, decide, person, send
from ringwall import ConfigurationError
from ringwall.authz import (
    Authorization,
    Loader,
    ObjectCache,
    Policy,
    allow,
    attribute,
    body,
    forbid,
    owner,
    public,
    query,
    resource_of,
    role,
    scope,
    when,
)

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
ORDER = "/o/{order_id:int}"


@pytest.fixture
def orders():
    return Orders()


def passes(condition, path="/o/7", template=ORDER, who=ALICE):
    return decide(allow("GET", template, condition), path=path, who=who).outcome == "allow"


# --- owner and when ------------------------------------------------------------------------------


class Row:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("resource", "subject", "answer"),
    [
        ({"owner": "alice"}, "alice", True),
        (Row(owner="alice"), "alice", True),
        ({"owner": "Alice"}, "alice", False),
        ({"owner": "alice "}, "alice", False),
        ({"owner": 42}, "42", True),
        ({"owner": 42}, "042", False),
        ({"owner": UUID(UUID1)}, UUID1, True),
        ({"owner": UUID(UUID1)}, UUID1.upper(), False),
        ({"owner": True}, "True", None),
        ({"owner": 1.0}, "1.0", None),
        ({"owner": None}, "None", None),
        ({"owner": ""}, "", None),
        ({"owner": ["alice"]}, "alice", None),
        ({"owner": b"alice"}, "alice", None),
        ({"owners": "alice"}, "alice", None),
        ({}, "", None),
        (0, "0", None),
        (False, "False", None),
    ],
)
def test_the_owner_is_the_subject_and_nothing_like_it(resource, subject, answer):
    """What cannot be compared grants nothing, under `~` either."""

    def load(order_id: int):
        return resource

    assert passes(owner(load), who=person(subject)) is (answer is True)
    assert passes(~owner(load), who=person(subject)) is (answer is False)


def test_the_owner_may_lie_deeper():
    def load(order_id: int):
        return Row(account={"holder": Row(id="alice")})

    assert passes(owner(load, "account.holder.id"))
    assert passes(owner(load, attribute="account.holder.id"))
    assert not passes(owner(load, "account.holder"))
    with pytest.raises(ConfigurationError, match="do not begin with an underscore"):
        owner(load, "account._holder")


def test_when_asks_principal_and_object(orders):
    watching = when(
        orders.load, lambda who, order: order["status"] == "open" and "r" not in who.roles
    )
    assert passes(watching)
    assert not passes(watching, "/o/8")
    assert not passes(watching, who=person("x", roles=["r"]))
    assert not passes(when(orders.load, lambda who, order: order["nothing"]))
    assert not passes(~when(orders.load, lambda who, order: order["nothing"]))


def test_objects_work_in_a_forbid(orders):
    rules = (
        allow("GET", ORDER),
        forbid("GET", ORDER, when(orders.load, lambda who, order: order["status"] == "closed")),
    )
    assert decide(*rules, path="/o/7").outcome == "allow"
    assert decide(*rules, path="/o/8")[1:4] == ("deny", f"forbid GET {ORDER}", "forbidden")
    assert decide(*rules, path="/o/404").reason == "object-missing"
    own = allow("GET", ORDER), forbid("GET", ORDER, owner(orders.load))
    assert decide(*own, path="/o/7").outcome == "deny"
    assert decide(*own, path="/o/7", who=BOB).outcome == "allow"


def test_rules_that_name_one_loader_read_once(orders):
    rules = (
        allow("GET", ORDER, owner(orders.load) & attribute("resource.status", "open")),
        forbid("GET", ORDER, attribute("resource.status", "closed", load=orders.load)),
    )
    assert decide(*rules, path="/o/7").outcome == "allow"
    assert orders.read == [7]


def test_two_objects_of_one_loader_are_two(orders):
    """The same parameter name at another place of the path is another id."""

    def same_tenant(who, order):
        return order["tenant"] == "acme"

    rules = (
        allow("GET", "/o/{order_id:int}/x/{other:int}", owner(orders.load)),
        forbid("GET", "/o/{other:int}/x/{order_id:int}", ~when(orders.load, same_tenant)),
    )
    assert decide(*rules, path="/o/7/x/8").outcome == "allow"
    assert decide(*rules, path="/o/7/x/1002").outcome == "deny"
    assert decide(*rules, path="/o/1002/x/7").outcome == "deny"
    assert orders.read == [7, 8, 7, 1002, 1002]


def test_nobody_owns_anything(orders):
    rules = public("GET", ORDER), forbid("GET", ORDER, owner(orders.load))
    assert decide(*rules, path="/o/7", who=None).outcome == "allow"
    rules = public("GET", ORDER), forbid("GET", ORDER, ~owner(orders.load))
    assert decide(*rules, path="/o/7", who=None).outcome == "deny"


@pytest.mark.parametrize(
    ("content", "passes_"),
    [
        (b'{"ids": ["mine", "mine"]}', True),
        (b'{"ids": ["mine", "orphan"]}', False),
        (b'{"ids": ["orphan", "mine"]}', False),
        (b'{"ids": ["orphan", "theirs"]}', False),
    ],
)
def test_one_uncertain_object_of_many_is_too_many(content, passes_):
    owners = {"mine": "alice", "theirs": "bob"}

    def load(ids):
        return {"owner": owners.get(ids)}

    layer = Authorization(allow("POST", "/x", owner(load, ids=body("/ids/*"))))
    answer = send("wsgi", layer, "/x", "POST", body=content, content_type="application/json")
    assert answer.called == passes_


# --- what loaders take ---------------------------------------------------------------------------


def test_a_loader_gets_the_typed_parameters_that_it_names():
    got = []

    def load(principal, file_id: UUID, *, shelf, page: int = 1, extra=None):
        got.append((principal, file_id, shelf, page, extra))
        return {"owner": "alice"}

    assert passes(owner(load), f"/{UUID1}/a b/3", template="/{file_id:uuid}/{shelf}/{page:int}")
    assert got == [(ALICE, uuid.UUID(UUID1), "a b", 3, None)]


def test_a_loader_may_take_several_ids_of_the_path():
    def load(item: int, order: int):
        return {"owner": "alice"} if (order, item) == (1, 2) else None

    assert passes(owner(load), "/1/2", template="/{order:int}/{item:int}")
    assert not passes(owner(load), "/2/1", template="/{order:int}/{item:int}")


def test_a_parameter_of_the_path_named_principal_is_that():
    got = []

    def load(principal):
        got.append(principal)
        return {"owner": "alice"}

    assert passes(owner(load), "/bob", template="/{principal}")
    assert got == ["bob"]


def test_a_loader_that_wants_a_principal_is_not_asked_without():
    called = []

    def load(principal, order_id: int):
        called.append(order_id)
        return {}

    rules = (
        allow("GET", "/other"),
        forbid("GET", ORDER, when(load, lambda who, order: False)),
    )
    assert decide(public("GET", ORDER), *rules, path="/o/7", who=None).outcome == "deny"
    assert called == []


@pytest.mark.parametrize("order_id", [0, 2**63 - 1])
def test_the_edges_of_an_int_are_loaded(order_id):
    assert passes(owner(lambda order_id: {"owner": "alice"}), f"/o/{order_id}")


class Repository:
    def get(self, order_id: int):
        return {"owner": "alice"}

    async def aget(self, order_id: int):
        return {"owner": "alice"}

    def __call__(self, order_id: int):
        return {"owner": "alice"}

    __hash__ = None


class AsyncRepository:
    async def __call__(self, order_id: int):
        return {"owner": "alice"}


def by_name_only(function):
    """A decorator that tells the signature of what it wraps, and takes arguments by name alone."""

    @functools.wraps(function)
    def wrapper(**ids):
        return function(**ids)

    return wrapper


class Told:
    """It says itself how it wants to be called."""

    __signature__ = inspect.signature(lambda order_id: None)

    def __call__(self, **ids):
        return {"owner": "alice"} if ids == {"order_id": 7} else None


def tells_another(most=None, order_id=None):
    return {"owner": "alice"} if order_id == 7 else None


tells_another.__signature__ = inspect.signature(lambda order_id: None)


class OfClass:
    @classmethod
    def of_class(cls, order_id: int):
        return {"owner": "alice"}


@INTERFACES
@pytest.mark.parametrize(
    "load",
    [
        Repository().get,
        Repository(),
        by_name_only(lambda order_id: {"owner": "alice"}),
        by_name_only(Repository().get),
        Told(),
        OfClass.of_class,
        lambda *, order_id: {"owner": "alice"},
        lambda order_id, more=1, *, most=2: {"owner": "alice" if (more, most) == (1, 2) else ""},
        lambda more=1, order_id=2: {"owner": "alice" if (more, order_id) == (1, 7) else ""},
        tells_another,
        functools.partial(Repository.get, Repository()),
        Loader(Repository().get),
        Loader(Repository().get, Repository().aget),
        Loader(Repository().aget, Repository().get),
    ],
)
def test_anything_that_can_be_called_is_a_loader(interface, load):
    layer = Authorization(allow("GET", ORDER, owner(load)))
    assert layer.colours == {"asgi", "wsgi"}
    assert send(interface, layer, "/o/7").called == 1
    assert send(interface, layer, "/o/7", who=BOB).called == 0


@pytest.mark.parametrize(
    "load", [Repository().aget, AsyncRepository(), functools.partial(Repository.aget, Repository())]
)
def test_an_async_loader_is_awaited(load):
    layer = Authorization(allow("GET", ORDER, owner(load)))
    assert layer.colours == {"asgi"}
    assert send("asgi", layer, "/o/7").called == 1
    assert send("asgi", layer, "/o/7", who=BOB).called == 0


def test_the_driver_picks_the_form():
    used = []

    def load(order_id: int):
        used.append("sync")
        return {"owner": "alice"}

    async def aload(order_id: int):
        used.append("async")
        return {"owner": "alice"}

    layer = Authorization(allow("GET", ORDER, owner(Loader(load, aload))))
    assert send("asgi", layer, "/o/7").called == send("wsgi", layer, "/o/7").called == 1
    assert used == ["async", "sync"]


@INTERFACES
@pytest.mark.parametrize("error", [RuntimeError, KeyError, TimeoutError, RecursionError])
def test_a_loader_that_raises_grants_nothing(interface, error):
    def load(order_id: int):
        raise error("x")

    async def aload(order_id: int):
        raise error("x")

    for loader in (load, Loader(load, aload)):
        conditions = (
            *(owner(loader), ~owner(loader), owner(loader, "account.holder")),
            *(when(loader, lambda who, order: True), attribute("resource.x", 1, load=loader)),
        )
        for condition in conditions:
            answer = send(interface, Authorization(allow("GET", ORDER, condition)), "/o/7")
            assert (answer.status, answer.called) == (403, 0)
            assert answer.exchange.decisions[-1][1:4] == ("error", f"GET {ORDER}", "load-failed")


@INTERFACES
def test_a_loader_of_two_ids_that_raises_grants_nothing(interface):
    def load(shop: int, order_id: int):
        raise RuntimeError("x")

    layer = Authorization(allow("GET", "/s/{shop:int}/{order_id:int}", owner(load)))
    answer = send(interface, layer, "/s/1/7")
    assert (answer.status, answer.called) == (403, 0)
    assert answer.exchange.decisions[-1].reason == "load-failed"


@INTERFACES
@pytest.mark.parametrize("negated", [False, True])
def test_an_object_that_raises_when_looked_at_grants_nothing(interface, negated):
    class Detached:
        def __getattr__(self, name):
            raise RuntimeError("x")

    class Proxy:
        @property
        def owner(self):
            raise RuntimeError("x")

    for kind in (Detached, Proxy):

        def load(order_id: int, kind=kind):
            return kind()

        for name in ("owner", "owner.id"):
            condition = owner(load, name)
            layer = Authorization(allow("GET", ORDER, ~condition if negated else condition))
            answer = send(interface, layer, "/o/7")
            assert (answer.status, answer.called) == (403, 0)


@INTERFACES
def test_an_object_is_read_once_whatever_is_decided_and_not_without_the_scope(interface, orders):
    layer = Authorization(allow("GET", ORDER, scope("orders:read") & owner(orders.load)))
    for path, who, called, read in (
        ("/o/7", ALICE, 1, [7]),
        ("/o/7", BOB, 0, [7]),
        ("/o/404", ALICE, 0, [404]),
        ("/o/7", person("alice", "orders:write"), 0, []),
        ("/o/7", None, 0, []),
    ):
        orders.read.clear()
        assert send(interface, layer, path, who=who).called == called
        assert orders.read == read


@INTERFACES
def test_one_object_of_several_that_raises_when_looked_at_grants_nothing(interface):
    class Detached:
        @property
        def owner(self):
            raise RuntimeError("x")

    def load(order_id: int):
        return Detached() if order_id == 8 else {"owner": "alice"}

    layer = Authorization(allow("POST", "/x", owner(load, order_id=body("/ids/*", int))))
    for content, called in ((b'{"ids":[7]}', 1), (b'{"ids":[7, 8]}', 0)):
        answer = send(interface, layer, "/x", "POST", body=content, content_type="application/json")
        assert answer.called == called


@pytest.mark.filterwarnings("error")
def test_a_sync_loader_that_returns_an_awaitable_grants_nothing():
    """Every attribute of a coroutine is missing, but it must not be handed on, nor leak."""

    class Awaitable:
        owner = "alice"

        def __await__(self):
            yield

    assert not passes(owner(lambda order_id: Repository().aget(order_id)))
    assert not passes(owner(lambda order_id: Awaitable()))


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (
            lambda: owner(lambda order_id: None),
            "needs 'order_id', but the path '/x' has no parameter",
        ),
        (lambda: owner(42), "a loader is a function"),
        (lambda: owner(lambda *ids: None), "matched by name"),
        (lambda: owner(lambda **ids: None), "matched by name"),
        (lambda: owner(lambda order_id, /: None), "matched by name"),
        (lambda: owner(Orders().load, order=query("o", int)), "has no parameter 'order'"),
        (lambda: owner(Orders().load, order_id="o"), r"order_id=body\('/order_id', int\)"),
        (lambda: owner(Orders().load, order_id=query("o")), "takes order_id: int, but gets a str"),
        (lambda: owner(Orders().load, order_id=body("/o")), "takes order_id: int, but gets a str"),
        (
            lambda: ~owner(Orders().load, order_id=body("/ids/*", int)),
            "put the negation into the predicate",
        ),
        (lambda: when(Orders().load, 1), "takes a function, not 'int'"),
        (lambda: when(Orders().load, lambda order: True), "must take 2 arguments"),
        (lambda: when(Orders().load, Orders().aload), "is async"),
        (lambda: owner(Loader(Orders().load, Orders().load)), "one sync and one async"),
        (lambda: Loader(Orders().load, AsyncOther()), "must take the same parameters"),
        (
            lambda: Loader(lambda principal: None, cache=ObjectCache(seconds=1)),
            "takes the principal",
        ),
        (lambda: ObjectCache(seconds=0), "up to 60 seconds"),
        (lambda: ObjectCache(seconds=61), "up to 60 seconds"),
        (lambda: ObjectCache(seconds=1, entries=0), "how many objects to keep"),
        (lambda: query("x", float), "of type int, str or uuid.UUID"),
        (lambda: body("x"), "must begin with '/'"),
        (lambda: body("/x", list), "of type int, str or uuid.UUID"),
        (lambda: Loader(SilentCall()), "does not tell its parameters"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(make, hint):
    with pytest.raises(ConfigurationError, match=hint):
        Policy(allow("POST", "/x", make()))


class AsyncOther:
    async def __call__(self, other_id):
        return None


class SilentCall:
    __signature__ = "not told"

    def __call__(self):
        return None


@pytest.mark.parametrize("template", ["/o/{order_id}", "/o/{order_id:uuid}"])
def test_an_int_is_not_loaded_by_text(template, orders):
    """`/o/{order_id}` would let `07` through, and the handler's int would be 7."""
    with pytest.raises(ConfigurationError, match=r"write one type in both, such as {order_id:int}"):
        Policy(allow("GET", template, owner(orders.load)))


def test_a_message_names_the_parameters_there_are_and_the_rule():
    with pytest.raises(ConfigurationError, match=r"in the rule 'GET /o/{id:int}'.* has {id}; name"):
        Policy(allow("GET", "/o/{id:int}", owner(Orders().load)))


def test_only_one_id_may_come_from_an_array():
    def load(a, b):
        return None

    ids = {"a": body("/a/*"), "b": body("/b/*")}
    with pytest.raises(ConfigurationError, match="only one id may come from an array"):
        Policy(allow("POST", "/x", owner(load, **ids)))


def test_a_forbid_turns_an_array_round_unless_it_is_negated(orders):
    ids = body("/ids/*", int)
    with pytest.raises(ConfigurationError, match="put the negation into the predicate"):
        Policy(allow("POST", "/x"), forbid("POST", "/x", owner(orders.load, order_id=ids)))
    layer = Authorization(
        allow("POST", "/x"), forbid("POST", "/x", ~owner(orders.load, order_id=ids))
    )
    for content, status in ((b'{"ids": [7, 8]}', 200), (b'{"ids": [7, 1002]}', 403)):
        answer = send("wsgi", layer, "/x", "POST", body=content, content_type="application/json")
        assert answer.status == status


@INTERFACES
def test_a_body_is_refused_by_a_forbid_as_by_an_allow(interface, orders):
    layer = Authorization(
        allow("POST", "/x"),
        forbid("POST", "/x", ~owner(orders.load, order_id=body("/id", int))),
    )
    answer = send(interface, layer, "/x", "POST", body=b"{", content_type="application/json")
    assert (answer.status, answer.called) == (400, 0)
    assert answer.exchange.decisions[-1][1:4] == ("deny", "POST /x", "malformed-body")


@pytest.mark.parametrize(
    ("pointer", "content", "status"),
    [
        ("/a~1b/m~0n", b'{"a/b": {"m~n": 7}}', 200),
        ("/a/1/id", b'{"a": [0, {"id": 7}]}', 200),
        ("/a/2/id", b'{"a": [0, {"id": 7}]}', 403),
        ("/a/-1/id", b'{"a": [0, {"id": 7}]}', 403),
        ("/a/*/*", b'{"a": [[7, 8], [8]]}', 200),
        ("/a/*/*", b'{"a": [[7, 8], []]}', 403),
        ("/a/*/*", b'{"a": [[7, 8], [1002]]}', 403),
        ("/a/id", b'{"a": 7}', 403),
    ],
)
def test_a_pointer_is_that_of_rfc_6901_with_a_star(pointer, content, status, orders):
    ids = body(pointer, int)
    layer = Authorization(allow("POST", "/x", owner(orders.load, order_id=ids)))
    answer = send("asgi", layer, "/x", "POST", body=content, content_type="application/json")
    assert answer.status == status


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        (str, b'{"id": "seven"}', 200),
        (str, b'{"id": ""}', 403),
        (str, b'{"id": 7}', 403),
        (str, b'{"id": "seven\\u0000"}', 403),
        (str, b'{"id": "\\ud800"}', 403),
        (UUID, b'{"id": "%s"}' % UUID1.encode(), 200),
        (UUID, b'{"id": "%s"}' % UUID1.upper().encode(), 403),
        (UUID, b'{"id": 7}', 403),
    ],
)
def test_ids_in_a_body_have_one_type(kind, content, status):
    def load(thing):
        assert type(thing) is kind
        return {"owner": "alice"}

    layer = Authorization(allow("POST", "/x", owner(load, thing=body("/id", kind))))
    answer = send("asgi", layer, "/x", "POST", body=content, content_type="application/json")
    assert answer.status == status


# --- handing over --------------------------------------------------------------------------------


@INTERFACES
def test_the_handler_gets_the_object_without_a_second_read(interface, orders):
    layer = Authorization(allow("GET", ORDER, scope("orders:read") & owner(orders.load)))
    answer = send(interface, layer, "/o/7", look=resource_of)
    assert answer.seen is orders.rows[7]
    assert orders.read == [7]
    answer = send(interface, layer, "/o/7", look=lambda x: resource_of(x, orders.load))
    assert answer.seen is orders.rows[7]
    assert send(interface, layer, "/o/7", look=lambda x: resource_of(x, len)).seen is None


@INTERFACES
def test_two_conditions_on_one_object_hand_over_one(interface, orders):
    layer = Authorization(
        allow("GET", ORDER, owner(orders.load) & when(orders.load, lambda who, order: True))
    )
    assert send(interface, layer, "/o/7", look=resource_of).seen is orders.rows[7]
    assert orders.read == [7]


@INTERFACES
def test_an_array_of_ids_hands_over_a_list(interface, orders):
    ids = body("/ids/*", int)
    layer = Authorization(allow("POST", "/x", owner(orders.load, order_id=ids)))
    for content, rows in ((b'{"ids":[7,8,7]}', [7, 8]), (b'{"ids":[7]}', [7])):
        answer = send(
            interface, layer, "/x", "POST", body=content, content_type="application/json",
            look=resource_of,
        )  # fmt: skip
        assert answer.seen == [orders.rows[row] for row in rows]
    assert orders.read == [7, 8, 7]


@INTERFACES
def test_one_loader_for_two_ids_hands_over_both(interface, orders):
    both = owner(orders.load, order_id=body("/a", int)) & owner(
        orders.load, order_id=body("/b", int)
    )
    layer = Authorization(allow("POST", "/x", both))
    content = b'{"a": 7, "b": 8}'
    answer = send(
        interface, layer, "/x", "POST", body=content, content_type="application/json",
        look=resource_of,
    )  # fmt: skip
    assert answer.seen == [orders.rows[7], orders.rows[8]]
    content = b'{"a": 7, "b": 1002}'
    answer = send(interface, layer, "/x", "POST", body=content, content_type="application/json")
    assert answer.called == 0


@INTERFACES
def test_of_several_loaders_the_handler_names_one(interface, orders):
    def load_shop(shop: int):
        return {"owner": "alice", "shop": shop}

    layer = Authorization(
        allow("GET", "/s/{shop:int}/{order_id:int}", owner(load_shop) & owner(orders.load))
    )

    def look(x):
        with pytest.raises(LookupError, match="name the loader"):
            resource_of(x)
        return resource_of(x, load_shop), resource_of(x, orders.load)

    answer = send(interface, layer, "/s/1/7", look=look)
    assert answer.seen == ({"owner": "alice", "shop": 1}, orders.rows[7])


@INTERFACES
def test_what_was_not_needed_is_not_loaded_nor_handed_over(interface, orders):
    layer = Authorization(allow("GET", ORDER, owner(orders.load) | role("admin")))
    answer = send(interface, layer, "/o/7", who=ADMIN, look=resource_of)
    assert (answer.called, answer.seen, orders.read) == (1, None, [])


@INTERFACES
def test_an_object_that_is_missing_is_not_handed_over(interface, orders):
    def never(other: int):
        return None

    rule = owner(orders.load) | owner(never)
    layer = Authorization(allow("GET", "/{other:int}/{order_id:int}", rule))
    assert send(interface, layer, "/1/7", look=resource_of).seen is orders.rows[7]
    rule = owner(never) | owner(orders.load)
    layer = Authorization(allow("GET", "/{other:int}/{order_id:int}", rule))
    assert send(interface, layer, "/1/7", look=resource_of).seen is orders.rows[7]


@INTERFACES
def test_an_object_that_is_missing_is_none_where_something_else_allows(interface, orders):
    either = (owner(orders.load) | role("admin")) | (owner(orders.load) | role("reader"))
    layer = Authorization(allow("GET", ORDER, either))
    reader = person("carol", roles={"reader"})
    answer = send(interface, layer, "/o/9", who=reader, look=resource_of)
    assert (answer.called, answer.seen, orders.read) == (1, None, [9])


def test_what_a_forbid_loaded_is_not_handed_over(orders):
    layer = Authorization(
        allow("GET", ORDER), forbid("GET", ORDER, when(orders.load, lambda who, order: False))
    )
    answer = send("wsgi", layer, "/o/7", look=resource_of)
    assert (answer.called, answer.seen, orders.read) == (1, None, [7])


@INTERFACES
def test_an_object_is_found_through_a_stack_within(interface, orders):
    from authz_support import App, As, _asgi, _wsgi
    from ringwall import Layer, Stack

    app = App(resource_of)
    outer = Stack(As(ALICE), Authorization(allow("GET", ORDER, owner(orders.load))))
    inner = Layer()
    if interface == "asgi":
        import asyncio

        wrapped = outer.asgi(inner.asgi(app.asgi))
        asyncio.run(_asgi(wrapped, app, "/o/7", "GET", [], b"", True, ""))
    else:
        _wsgi(outer.wsgi(inner.wsgi(app.wsgi)), app, "/o/7", "GET", [], b"", True, "")
    assert app.seen is orders.rows[7]


def test_where_no_stack_is_there_is_no_object():
    assert resource_of({"type": "http"}) is None
    assert resource_of(object()) is None


# --- the cache -----------------------------------------------------------------------------------


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@INTERFACES
def test_a_cached_object_decides_for_seconds_and_no_longer(interface, orders):
    clock = Clock()
    load = Loader(orders.load, orders.aload, cache=ObjectCache(seconds=2, clock=clock))
    layer = Authorization(allow("GET", ORDER, scope("orders:read") & owner(load)))
    assert send(interface, layer, "/o/7").called == 1
    clock.now += 1.9
    assert send(interface, layer, "/o/7").called == 1
    assert orders.read == [7]
    orders.rows[7] = {**orders.rows[7], "owner": "bob"}
    clock.now += 0.2
    assert send(interface, layer, "/o/7").called == 0
    assert orders.read == [7, 7]


def test_decisions_are_never_cached(orders):
    """The object is: who asks, and what they were granted, counts anew."""
    load = Loader(orders.load, cache=ObjectCache(seconds=60))
    layer = Authorization(allow("GET", ORDER, scope("orders:read") & owner(load)))
    assert send("wsgi", layer, "/o/7").called == 1
    assert send("wsgi", layer, "/o/7", who=BOB).called == 0
    assert send("wsgi", layer, "/o/7", who=person("alice")).called == 0
    assert orders.read == [7]


@INTERFACES
def test_a_cached_object_is_not_handed_to_handlers(interface, orders):
    """What one handler changed in it would decide for the next request."""
    load = Loader(orders.load, orders.aload, cache=ObjectCache(seconds=60))
    layer = Authorization(allow("GET", ORDER, owner(load)))
    for _ in range(2):
        assert send(interface, layer, "/o/7", look=resource_of).seen is None


def test_that_there_is_none_is_not_cached(orders):
    load = Loader(orders.load, cache=ObjectCache(seconds=60))
    layer = Authorization(allow("GET", ORDER, owner(load)))
    assert send("wsgi", layer, "/o/9").called == 0
    orders.rows[9] = {"owner": "alice"}
    assert send("wsgi", layer, "/o/9").called == 1


def test_a_cache_is_bounded_and_can_be_cleared():
    clock = Clock()
    cache = ObjectCache(seconds=2, entries=3, clock=clock)
    assert repr(cache) == "<ObjectCache 2 s>"
    for key in range(100):
        cache.put(key, f"object {key}")
        cache.put(key, f"object {key}")
    assert [key for key in range(100) if not isinstance(cache.get(key), type(cache.get(-1)))] == [
        97, 98, 99,
    ]  # fmt: skip
    cache.clear()
    assert cache.get(99) is cache.get(-1)


def test_one_cache_may_serve_several_loaders(orders):
    cache = ObjectCache(seconds=60)
    mine = Loader(lambda order_id: {"owner": "alice"}, cache=cache)
    rows = Loader(orders.load, cache=cache)
    for _ in range(2):
        assert passes(owner(mine), "/o/1002")
        assert not passes(owner(rows), "/o/1002")
