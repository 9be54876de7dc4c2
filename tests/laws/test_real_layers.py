"""The laws, held against the layers that Ringwall ships."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit_support import Lines
from authn_support import sign
from core_support import Script, Scripted
from laws import real_layers as real
from ringwall.testing import (
    Request,
    SampleApp,
    check_closed,
    check_fusion,
    check_interface,
    check_order,
    check_silence,
    check_transparency,
    drive,
    run,
    validate_asgi,
)

INTERFACES = pytest.mark.parametrize("interface", ["asgi", "wsgi"])
BEARER = (b"host", b"api.example.com"), (b"authorization", b"Bearer " + sign())


@INTERFACES
@settings(deadline=None, max_examples=150)
@given(names=real.stacks, request=real.requests())
def test_fusion(interface, names, request):
    check_fusion(lambda: real.layers(names), SampleApp(), request, interface)


@settings(deadline=None, max_examples=100)
@given(names=real.stacks, request=real.requests(websocket=st.just(True), denial=st.booleans()))
def test_fusion_with_websockets(names, request):
    check_fusion(lambda: real.layers(names), SampleApp(), request, "asgi")


LARGE = Request(
    "POST",
    b"/v1/orders",
    ((b"host", b"api.example.com"), (b"content-type", b"application/json")),
    body=(b"x" * 5000,),
)


@settings(deadline=None, max_examples=200)
@example(names=["body"], request=LARGE)  # the answer ends the connection
@given(names=real.stacks, request=real.requests())
def test_interface(names, request):
    check_interface(lambda: real.layers(names), SampleApp(), request)


@settings(deadline=None, max_examples=100)
@given(names=real.stacks, request=real.requests())
def test_interface_of_the_audit_record(names, request):
    records = []
    for interface in ("asgi", "wsgi"):
        sink = Lines()
        run(interface, real.layers({*names, "audit"}, sink), SampleApp(), request)
        record = json.loads(sink.lines[-1])
        records.append({key: value for key, value in record.items() if key not in VARYING})
    assert records[0] == records[1]


# What belongs to one exchange alone, or says on which interface it was.
VARYING = {"id", "request_id"}


@INTERFACES
@pytest.mark.parametrize(
    "request_",
    [
        Request(headers=BEARER, target=b"/v1/orders/1001"),
        Request(headers=BEARER, target=b"/v1/orders/1001", method="HEAD"),
        Request(headers=BEARER[:1], target=b"/healthz"),
        Request(
            headers=(*BEARER, (b"content-type", b"application/json")),
            target=b"/v1/orders",
            method="POST",
            body=(b'{"item": ', b'"tea"}'),
        ),
    ],
)
def test_transparency(interface, request_):
    for count in range(1, len(real.NAMES) + 1):
        check_transparency(
            lambda count=count: real.layers(real.NAMES[:count]), SampleApp(), request_, interface
        )


@INTERFACES
@settings(deadline=None, max_examples=60)
@given(names=real.stacks, request=real.requests())
def test_closed(interface, names, request):
    check_closed(lambda: real.layers(names), SampleApp(), request, interface)


@pytest.mark.parametrize("names", list(itertools.combinations(real.NAMES, 3)))
def test_order(names):
    check_order(lambda: real.layers(names))


@settings(deadline=None, max_examples=100)
@given(names=real.stacks, request=real.requests())
def test_silence(names, request):
    sink = Lines()
    secrets = [value for name, value in request.headers if name == b"authorization"]
    secrets = [secret.partition(b" ")[2] for secret in secrets]
    secrets += [b"tea", b"price"] if request.body else []
    secrets = [secret for secret in secrets if len(secret) > 3]
    check_silence(lambda: real.layers(names, sink), SampleApp(), request, secrets)
    assert not any(secret in line for secret in secrets for line in sink.lines)


@settings(deadline=None, max_examples=100)
@example(names=["body"], request=LARGE)  # the answer ends the connection
@given(names=real.stacks, request=real.requests(websocket=st.booleans(), denial=st.booleans()))
def test_the_asgi_validator_is_content_on_both_sides_of_each(names, request):
    app = validate_asgi(SampleApp().asgi)
    for layer in reversed(real.layers(names)):
        app = validate_asgi(layer.asgi(app))
    assert drive("asgi", app, request).error is None


@INTERFACES
@settings(deadline=None, max_examples=100)
@given(request=real.requests())
def test_a_refusal_of_the_full_stack_is_a_problem_and_the_app_is_not_called(interface, request):
    app = SampleApp()
    done = run(interface, real.layers(real.NAMES), app, request)
    if app.seen:
        assert done.result.status == 200
        return
    assert done.result.status >= 300 or request.method == "OPTIONS"
    if done.result.status >= 400:
        lines = done.result.lines
        assert lines[b"content-type"] == [b"application/problem+json"]
        if request.method != "HEAD":
            assert json.loads(done.result.body)["status"] == done.result.status
    assert any(decision.outcome == "deny" for decision in done.decisions) or (
        request.method == "OPTIONS"
    )


@INTERFACES
def test_what_a_layer_in_the_middle_refuses_is_counted_decorated_and_recorded(interface):
    sink = Lines()
    layers = real.layers(real.NAMES, sink)
    layers.insert(8, Scripted("refusal", Script("refuse")))
    done = run(interface, layers, SampleApp(), Request(headers=BEARER))
    assert done.result.status == 403
    assert b"ratelimit" in done.result.lines
    assert b"strict-transport-security" in done.result.lines
    assert json.loads(sink.lines[-1])["status"] == 403
