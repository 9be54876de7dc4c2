"""A policy is replaced at once and whole, or not at all."""

from __future__ import annotations

import logging

import pytest

from authz_support import ALICE, Orders, exchange, send
from ringwall import ConfigurationError
from ringwall.authz import Authorization, Policy, allow, body, owner, public, scope

OPEN, CLOSED = Policy(public("GET", "/a")), Policy(allow("GET", "/a", scope("none")))


def status(layer):
    return send("wsgi", layer, "/a").status


def test_the_next_request_meets_the_new_policy():
    """Also in a stack that was compiled before."""
    layer = Authorization(policy=OPEN)
    hook = layer.on_request
    assert hook(exchange("/a")) is None
    layer.replace(CLOSED)
    assert hook(exchange("/a")).status == 403
    assert layer.policy is CLOSED


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "takes a Policy"),
        (
            Policy(allow("GET", "/o/{order_id:int}", owner(Orders().aload))),
            "serve fewer interfaces",
        ),
        (
            Policy(allow("POST", "/a", owner(Orders().load, order_id=body("/id", int)))),
            "it reads bodies",
        ),
    ],
)
def test_a_policy_that_the_stack_was_not_compiled_for_is_refused(bad, message):
    layer = Authorization(policy=CLOSED)
    with pytest.raises(ConfigurationError, match=message):
        layer.replace(bad)
    assert layer.policy is CLOSED
    assert status(layer) == 403


def test_one_that_reads_bodies_may_follow_one_that_did():
    def reading(path):
        return Policy(allow("POST", path, owner(Orders().load, order_id=body("/id", int))))

    layer = Authorization(policy=reading("/a"))
    layer.replace(reading("/b"))
    answer = send("asgi", layer, "/b", "POST", body=b'{"id":1001}', content_type="application/json")
    assert answer.status == 200


def test_a_reload_that_fails_keeps_the_last_good_policy(caplog):
    def build():
        raise OSError("hunter" + str(2))

    layer = Authorization(policy=CLOSED)
    with caplog.at_level(logging.ERROR, "ringwall"):
        assert layer.reload(build) is False
    assert layer.policy is CLOSED
    assert status(layer) == 403
    assert "the last policy stays: failed with OSError" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_reload_that_works_says_so():
    layer = Authorization(policy=CLOSED)
    assert layer.reload(lambda: OPEN) is True
    assert status(layer) == 200


def test_a_request_that_waits_is_decided_by_the_policy_it_began_with():
    """Its match is the old policy's; a mix of two could allow what neither does."""
    orders = Orders()
    old = Policy(allow("GET", "/o/{order_id:int}", owner(orders.aload)))
    layer = Authorization(policy=old)
    made = exchange("/o/1002", who=ALICE)
    pending = layer.on_request(made)
    call = next(pending)
    layer.replace(Policy(public("GET", "/o/{order_id:int}")))
    with pytest.raises(StopIteration) as end:
        pending.send(orders.load(*call.args[0].values()))
    assert end.value.value.status == 403
