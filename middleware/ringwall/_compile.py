"""Layers become one plan at construction, so that the request path holds no configuration.

Rule 1. A request meets the layers from the outside in; the first response ends it.
Rule 2. A response made by layer k passes the layers outside k only, from the inside out.
Rule 3. Constant headers leave in one batch before all hooks, unless the hook of a layer further
        inside may write the same name: then they keep their place among the hooks.
        Lines that layers leave in `exchange.additions` follow it, under the same condition for all.
Rule 4. `on_complete` runs once for each layer whose `on_request` had its turn.
Rule 5. The boundary's checks stand right before the first layer that relies on them.
These make the fused stack equal to the same layers wrapped one by one (see `ringwall.testing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._boundary import Boundary
from ._contract import check_order
from ._exchange import Exchange
from ._failure import checked, report
from ._layer import Layer, ResponseHead, Verdict
from ._pending import Pending
from ._plan import Complete, Edit, Plan, RequestHook, Step, Unwind, is_contained
from ._timing import timed_steps
from ._unwind import in_one
from .problem import Header, Response


def compile_plan(
    layers: Sequence[Layer],
    boundary: Boundary,
    strict_paths: bool,
    answer_errors: bool,
    inner: Plan | None,
) -> Plan:
    """Compile layers, outermost first. `inner` is the plan of a directly wrapped Ringwall app.

    Raises:
        ConfigurationError: a layer breaks the contract of `Layer`, or the order cannot work.
    """
    chain = (*layers, *(inner.chain if inner else ()))
    check_order(chain)
    options = {
        "proxies": boundary.proxies,
        "relax": boundary.relax,
        "paths": "strict" if strict_paths else "auto",
        "answer_errors": answer_errors,
    }
    for layer in layers:
        layer.on_stack(chain, options)
    steps = tuple(_steps(layers, boundary, strict_paths, inner))
    if any(layer.wants_timings for layer in layers):
        steps = timed_steps(steps, layers)
    plain = tuple(step for step in steps if step.hook != boundary.judge_target)
    batched = _additions_leave_in_one_batch(layers)
    return Plan(
        layers=tuple(layers),
        chain=chain,
        boundary=boundary,
        wants=boundary.wants.union(*(layer.wants for layer in layers)),
        reads_headers=any(layer.reads_headers for layer in layers),
        keeps_state=any(layer.keeps_state for layer in layers),
        wants_tls=any(layer.wants_tls for layer in layers),
        wants_route=any(layer.wants_route for layer in layers),
        wants_client=any(layer.wants_client for layer in layers),
        wants_sizes=any(layer.wants_sizes for layer in layers),
        steps=steps,
        plain_steps=plain,
        known_steps=tuple(step for step in plain if step.hook != boundary.judge_path),
        unwinds=tuple(_unwind(layers[:depth], batched) for depth in range(len(layers) + 1)),
        completes=tuple(_completes(layers[:count]) for count in range(len(layers) + 1)),
        answers_errors=answer_errors,
        adding=any(layer.adds for layer in layers),
    )


def _is_set(layer: Layer, hook: str) -> bool:
    # Asked of the instance: its configuration may choose another hook, or the base's empty one.
    bound = getattr(layer, hook)
    return getattr(bound, "__func__", bound) is not getattr(Layer, hook)


def _steps(
    layers: Sequence[Layer], boundary: Boundary, strict_paths: bool, inner: Plan | None
) -> list[Step]:
    steps: list[Step] = []
    target_open = True
    path_open = strict_paths or any(layer.by_path for layer in layers)
    for depth, layer in enumerate(layers):
        if target_open and not layer.tolerant:
            steps.append(Step(boundary.judge_target, depth, depth))
            target_open = False
        if path_open and (layer.by_path or (strict_paths and not layer.tolerant)):
            steps.append(Step(boundary.judge_path, depth, depth))
            path_open = False
        if _is_set(layer, "on_request"):
            hook = _tolerating(layer) if layer.observes else layer.on_request
            steps.append(Step(hook, depth, depth + 1))
    # Where the next thing inside is another stack, that one judges: its tolerant layers, too,
    # shall see the request.
    end = len(layers)
    if target_open and inner is None:
        steps.append(Step(boundary.judge_target, end, end))
    if path_open:
        steps.append(Step(boundary.judge_path, end, end))
    return steps


def _additions_leave_in_one_batch(layers: Sequence[Layer]) -> bool:
    dynamic: set[bytes] = set()
    inside: set[bytes] = set()
    for layer in reversed(layers):
        # A constant header that layers further inside may write keeps its place among the hooks:
        # before what its own layer and those outside add, which it would yield to behind the batch.
        dynamic |= {name for name, _ in layer.constant_headers} & inside
        if not dynamic.isdisjoint(layer.adds):
            return False
        inside |= layer.sets
        if _is_set(layer, "on_response"):
            dynamic |= layer.sets
    return True


def _unwind(outside: Sequence[Layer], batched: bool) -> Unwind:
    dynamic: set[bytes] = set()  # what hooks further inside may write
    added: set[bytes] = set()
    defaults: dict[bytes, bytes] = {}
    edits: list[tuple[Edit, int]] = []
    looked_at: set[bytes] | None = set()
    for depth in reversed(range(len(outside))):
        layer = outside[depth]
        inside = added.union(defaults)
        in_place = tuple(pair for pair in layer.constant_headers if pair[0] in dynamic)
        for name, value in layer.constant_headers:
            if name not in dynamic:
                defaults.setdefault(name, value)
        dynamic |= layer.sets
        added |= layer.adds
        if in_place:
            edits.append((_set_defaults(in_place), depth))
            looked_at = None
        if layer.adds and not batched:
            edits.append((_append_additions(layer), depth))
            looked_at = None
        if _is_set(layer, "on_response"):
            hook = _tolerating_edit(layer) if layer.observes else layer.on_response
            edits.append((hook, depth))
            seldom = layer.edits_only
            if looked_at is not None and seldom is not None and seldom.isdisjoint(inside):
                looked_at |= seldom
            else:  # it sees every response, or what layers further inside add to every one
                looked_at = None
    names = frozenset(defaults)
    return Unwind(
        tuple(defaults.items()),
        names,
        batched and bool(added),
        tuple(edits),
        None if looked_at is None else names | looked_at,
    )


def _completes(layers: Sequence[Layer]) -> Complete | None:
    return in_one(
        [layer.on_complete for layer in reversed(layers) if _is_set(layer, "on_complete")]
    )


def _set_defaults(pairs: tuple[Header, ...]) -> Edit:
    def set_defaults(exchange: Exchange, head: ResponseHead) -> None:
        for name, value in pairs:
            head.setdefault(name, value)

    return set_defaults


def _append_additions(layer: Layer) -> Edit:
    def append_additions(exchange: Exchange, head: ResponseHead) -> None:
        for addition in exchange.additions:
            if addition.layer is layer:
                head.append(addition)

    return append_additions


def _tolerating(layer: Layer) -> RequestHook:
    if is_contained(layer.on_request):
        return layer.on_request

    def hook(exchange: Exchange) -> Verdict:
        try:
            verdict = layer.on_request(exchange)
        except Exception as error:  # noqa: BLE001  an observer's failure is not the request's
            report(layer.name, error)
            return None
        if verdict is None or isinstance(verdict, Response):
            return verdict
        return _tolerating_pending(layer, verdict)

    return hook


def _tolerating_pending(
    layer: Layer, pending: Pending[Response | None]
) -> Pending[Response | None]:
    try:
        return checked((yield from pending))
    except Exception as error:  # noqa: BLE001  an observer's failure is not the request's
        report(layer.name, error)
        return None


def _tolerating_edit(layer: Layer) -> Edit:
    def tolerating(exchange: Exchange, head: ResponseHead) -> None:
        try:
            layer.on_response(exchange, head)
        except Exception as error:  # noqa: BLE001  an observer's failure is not the request's
            report(layer.name, error)

    return tolerating


def innermost_plan(app: Any) -> Plan | None:
    """The plan of an app that Ringwall made, or None."""
    plan = getattr(app, "__ringwall__", None)
    return plan if isinstance(plan, Plan) else None
