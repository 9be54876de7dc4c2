"""Layers become one plan at construction, so that the request path holds no configuration.

Rule 1. A request meets the layers from the outside in; the first response ends it.
Rule 2. A response made by layer k passes the layers outside k only, from the inside out.
Rule 3. Constant headers leave in one batch, unless a dynamic hook may write the same name: then
        they keep their place among the hooks.
Rule 4. `on_complete` runs once for each layer whose `on_request` had its turn.
Rule 5. The boundary's checks stand right before the first layer that relies on them.
These make the fused stack equal to the same layers wrapped one by one (see `ringwall.testing`).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from ._boundary import Boundary
from ._contract import check_order
from ._exchange import Decision, Exchange, Outcome
from ._layer import Layer, ResponseHead, Verdict
from ._pending import Pending
from .problem import Header, Response, problem

logger = logging.getLogger("ringwall")

RequestHook: TypeAlias = Callable[[Exchange], Verdict]
Edit: TypeAlias = Callable[[Exchange, ResponseHead], None]
Complete: TypeAlias = Callable[[Exchange, Outcome], Pending[None] | None]

FAILED = problem(500, "The request could not be processed.", code="internal-error")


class Unwind(NamedTuple):
    """What a response passes on its way out of some depth.

    defaults: constant headers, set unless the name is there; names: their names.
    edits: dynamic hooks, innermost first, each with the depth of its layer.
    looked_at: the names that decide whether there is more to do than to append `defaults`; None:
        there always is.
    """

    defaults: tuple[Header, ...]
    names: frozenset[bytes]
    edits: tuple[tuple[Edit, int], ...]
    looked_at: frozenset[bytes] | None

    def __bool__(self) -> bool:
        return bool(self.defaults or self.edits)


class Step(NamedTuple):
    """One judgement of a request; `depth` says which layers are outside it."""

    hook: RequestHook
    depth: int
    completes: int


class Plan(NamedTuple):
    """A compiled stack.

    wants: request headers to collect. wants_tls: whether some layer reads `exchange.tls`.
    steps: judgements in order. plain_steps: the same without the boundary's of the target, for
        requests that it has found well-formed.
    unwinds: by depth k, what a response made at layer k passes; the last is the app's.
    completes: by count k, the hooks of the first k layers, innermost first.
    answers_errors: an app that raises before its response starts is answered with our 500.
    chain: these layers and those of every stack that the app is wrapped in directly.
    """

    layers: tuple[Layer, ...]
    chain: tuple[Layer, ...]
    boundary: Boundary
    wants: frozenset[bytes]
    wants_tls: bool
    steps: tuple[Step, ...]
    plain_steps: tuple[Step, ...]
    unwinds: tuple[Unwind, ...]
    completes: tuple[tuple[Complete, ...], ...]
    answers_errors: bool

    @property
    def transparent(self) -> bool:
        """No layer edits responses or hears of the end."""
        return not self.unwinds[-1] and not self.completes[-1]


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
    steps = tuple(_steps(layers, boundary, strict_paths, inner))
    return Plan(
        layers=tuple(layers),
        chain=chain,
        boundary=boundary,
        wants=boundary.wants.union(*(layer.wants for layer in layers)),
        wants_tls=any(layer.wants_tls for layer in layers),
        steps=steps,
        plain_steps=tuple(step for step in steps if step.hook != boundary.judge_target),
        unwinds=tuple(_unwind(layers[:depth], layers) for depth in range(len(layers) + 1)),
        completes=tuple(_completes(layers[:count]) for count in range(len(layers) + 1)),
        answers_errors=answer_errors,
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


def _unwind(outside: Sequence[Layer], everyone: Sequence[Layer]) -> Unwind:
    dynamic = frozenset[bytes]().union(*(layer.sets for layer in everyone))
    defaults: dict[bytes, bytes] = {}
    edits: list[tuple[Edit, int]] = []
    looked_at: set[bytes] | None = set()
    for depth in reversed(range(len(outside))):
        layer = outside[depth]
        in_place = tuple(pair for pair in layer.constant_headers if pair[0] in dynamic)
        for name, value in layer.constant_headers:
            if name not in dynamic:
                defaults.setdefault(name, value)
        if in_place:
            edits.append((_set_defaults(in_place), depth))
            looked_at = None
        if _is_set(layer, "on_response"):
            hook = _tolerating_edit(layer) if layer.observes else layer.on_response
            edits.append((hook, depth))
            if looked_at is not None and layer.edits_only is not None:
                looked_at |= layer.edits_only
            else:
                looked_at = None
    names = frozenset(defaults)
    return Unwind(
        tuple(defaults.items()),
        names,
        tuple(edits),
        None if looked_at is None else names | looked_at,
    )


def _completes(layers: Sequence[Layer]) -> tuple[Complete, ...]:
    return tuple(layer.on_complete for layer in reversed(layers) if _is_set(layer, "on_complete"))


def _set_defaults(pairs: tuple[Header, ...]) -> Edit:
    def set_defaults(exchange: Exchange, head: ResponseHead) -> None:
        for name, value in pairs:
            head.setdefault(name, value)

    return set_defaults


def _tolerating(layer: Layer) -> RequestHook:
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


def checked(verdict: object) -> Response | None:
    """What a hook's I/O ended with.

    Raises:
        TypeError: it is no verdict. A truthy slip of the pen must not count as "let it pass".
    """
    if verdict is None or isinstance(verdict, Response):
        return verdict
    raise TypeError("a verdict is a Response or None")


def report(where: str, error: BaseException) -> None:
    """Log where a layer failed, without the exception's message, which may hold a secret."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    logger.error("%s failed with %s\n%s", where, type(error).__name__, "".join(frames).rstrip())


def fail(layer: str, exchange: Exchange, error: Exception) -> Response:
    """A bug in an enforcing layer closes the door: tell the log and the audit, answer 500."""
    report(layer, error)
    exchange.decisions.append(Decision(layer, "error", "internal", "internal-error"))
    return FAILED


def fail_at(
    plan: Plan, depth: int, completes: int, exchange: Exchange, error: Exception
) -> Response:
    """`fail` for the step of this depth; a step that completes no more than is outside it is the
    boundary's."""
    layer = plan.layers[depth].name if completes > depth else "boundary"
    return fail(layer, exchange, error)


def edit(plan: Plan, depth: int, exchange: Exchange, head: ResponseHead) -> bool:
    """Let a response made at `depth` pass the layers outside. False: a layer failed, and the head
    is now that of its 500, edited by the layers outside that one."""
    unwind = plan.unwinds[depth]
    if unwind.defaults:
        head.add_missing(unwind.defaults, unwind.names)
    for hook, at in unwind.edits:
        try:
            hook(exchange, head)
        except Exception as error:  # noqa: BLE001  a bug in a layer is a refusal
            head.replace(fail(plan.layers[at].name, exchange, error))
            edit(plan, at, exchange, head)
            return False
    return True


def complete(
    hooks: Sequence[Complete], exchange: Exchange, outcome: Outcome
) -> Pending[None] | None:
    """Run the hooks for the end, one after the other. What needs I/O, and what comes after it, is
    returned to be settled; it raises nothing but cancellation and the like."""
    for position, hook in enumerate(hooks):
        try:
            pending = hook(exchange, outcome)
        except Exception as error:  # noqa: BLE001  the response is gone: only a log can tell
            report(_name(hook), error)
            continue
        if pending is not None:
            return _complete_rest(hook, pending, hooks[position + 1 :], exchange, outcome)
    return None


def _complete_rest(
    hook: Complete,
    pending: Pending[None],
    hooks: Sequence[Complete],
    exchange: Exchange,
    outcome: Outcome,
) -> Pending[None]:
    interrupt: BaseException | None = None
    try:
        yield from pending
    except Exception as error:  # noqa: BLE001  the response is gone: only a log can tell
        report(_name(hook), error)
    except BaseException as error:  # noqa: BLE001  raised below, once the others had their turn
        interrupt = error
    rest = complete(hooks, exchange, outcome)
    if rest is not None:
        yield from rest
    if interrupt is not None:
        raise interrupt


def _name(hook: Complete) -> str:
    return getattr(hook, "__qualname__", "on_complete")


def innermost_plan(app: Any) -> Plan | None:
    """The plan of an app that Ringwall made, or None."""
    plan = getattr(app, "__ringwall__", None)
    return plan if isinstance(plan, Plan) else None


def refusal_body(exchange: Exchange, response: Response) -> bytes:
    """The body to send: none to a HEAD request (RFC 9110 section 9.3.2)."""
    return b"" if exchange.method == "HEAD" else response.body
