"""A compiled stack: what `_compile` makes, and the adapters follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar

from ._boundary import Boundary
from ._exchange import Exchange
from ._layer import Layer, ResponseHead, Verdict
from ._outcome import Outcome
from ._pending import Pending
from .problem import Header

RequestHook: TypeAlias = Callable[[Exchange], Verdict]
Edit: TypeAlias = Callable[[Exchange, ResponseHead], None]
Complete: TypeAlias = Callable[[Exchange, Outcome], "Pending[None] | None"]


Hook = TypeVar("Hook", bound=Callable[..., object])


def contained(hook: Hook) -> Hook:
    """Mark a hook of an observer that lets no failure out, so that nothing stands around it."""
    hook.__contained__ = True  # type: ignore[attr-defined]
    return hook


def is_contained(hook: Callable[..., object]) -> bool:
    """Whether a hook is marked so."""
    return getattr(hook, "__contained__", False)


class Unwind(NamedTuple):
    """What a response passes on its way out of some depth.

    defaults: constant headers, set unless the name is there; names: their names.
    adding: what lies in `exchange.additions` follows them.
    edits: dynamic hooks, innermost first, each with the depth of its layer.
    looked_at: the names that decide whether there is more to do than to append all these; None:
        there always is.
    """

    defaults: tuple[Header, ...]
    names: frozenset[bytes]
    adding: bool
    edits: tuple[tuple[Edit, int], ...]
    looked_at: frozenset[bytes] | None

    def __bool__(self) -> bool:
        return bool(self.defaults or self.adding or self.edits)


class Step(NamedTuple):
    """One judgement of a request; `depth` says which layers are outside it."""

    hook: RequestHook
    depth: int
    completes: int


def unnamed(steps: tuple[Step, ...]) -> tuple[tuple[RequestHook, int, int], ...]:
    """Steps as plain tuples, which CPython takes apart several times faster."""
    return tuple([(step.hook, step.depth, step.completes) for step in steps])


class Plan(NamedTuple):
    """A compiled stack.

    wants: request headers to collect. reads_headers: at once. keeps_state: whether some layer does.
    wants_tls, wants_client: whether some layer reads
        `exchange.tls`, and whether most requests are judged by `exchange.client`.
    wants_route: whether some layer reads the route of the app's own router.
    wants_sizes: whether some layer reads the sizes of bodies.
    steps: judgements in order. plain_steps: the same without the boundary's of the target, for
        requests that it has found well-formed. known_steps: without that of the path, too, for
        paths that it remembers. by_path: there is such a one.
    unwinds: by depth k, what a response made at layer k passes; the last is the app's.
    completes: by count k, what runs the hooks of the first k layers, innermost first; None: they
        have none.
    adding: some layer leaves additions.
    answers_errors: an app that raises before its response starts is answered with our 500.
    chain: these layers and those of every stack that the app is wrapped in directly.
    """

    layers: tuple[Layer, ...]
    chain: tuple[Layer, ...]
    boundary: Boundary
    wants: frozenset[bytes]
    reads_headers: bool
    keeps_state: bool
    wants_tls: bool
    wants_route: bool
    wants_client: bool
    wants_sizes: bool
    steps: tuple[Step, ...]
    plain_steps: tuple[Step, ...]
    known_steps: tuple[Step, ...]
    unwinds: tuple[Unwind, ...]
    completes: tuple[Complete | None, ...]
    answers_errors: bool
    adding: bool

    @property
    def by_path(self) -> bool:
        return len(self.known_steps) < len(self.plain_steps)

    @property
    def transparent(self) -> bool:
        """No layer edits responses or hears of the end."""
        return not self.unwinds[-1] and self.completes[-1] is None
