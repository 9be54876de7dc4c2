"""Cost against size: the same work with more of something, timed in one run."""

from __future__ import annotations

import gc
import resource
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .harness import Role, Work, interleaved, overhead


@dataclass(frozen=True)
class Point:
    """One size: microseconds over a raw app, and the memory in bytes that the layer holds (for
    bodies: that it needs while it looks at one)."""

    size: int
    cost: float
    memory: int


@dataclass(frozen=True)
class Line:
    name: str
    role: Role
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Curve:
    """Cost against size, in one line or several; the first is what goals are read from."""

    title: str
    unit: str
    lines: tuple[Line, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return self.lines[0].points


class Memory:
    """How much was taken while it was watched, in bytes: what is left of it, and at most."""

    left = most = 0


_TRACED = 10_000
_STATM = Path("/proc/self/statm")


@contextmanager
def watched(size: int) -> Iterator[Memory]:
    """size: beyond some of them, tracing every allocation takes minutes: then what the process has
    grown by is told, where the system says it."""
    found = Memory()
    gc.collect()
    if size > _TRACED and _STATM.exists():
        before = _resident()
        yield found
        found.left = found.most = max(0, _resident() - before)
        return
    tracemalloc.start()
    try:
        yield found
        found.left, found.most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def _resident() -> int:
    return int(_STATM.read_text().split()[1]) * resource.getpagesize()


Maker = Callable[[int], Callable[[], tuple[Work, Work]]]
"""Makes something of a size, whose memory is counted. What that returns makes its requests, and the
same requests without it, whose cost is taken off."""


def curve(
    title: str,
    unit: str,
    sizes: list[int],
    makers: dict[tuple[str, Role], Maker],
    *,
    rounds: int = 15,
    chunk: float = 0.005,
    at_most: bool = False,
    fewer: dict[str, list[int]] | None = None,
) -> Curve:
    """Times what each maker makes of each size, all against each other.

    Parameters:
        makers: by name and role. at_most: the memory is the most that one call needs, not what its
            making has left. fewer: the sizes of those, by name, that cannot go as far.
    """
    sizes_of = {name: (fewer or {}).get(name, sizes) for name, _ in makers}
    work: dict[str, Work] = {}
    memory: dict[str, int] = {}
    for (name, _), make in makers.items():
        make(sizes[0])  # what it imports is nobody's memory
        for size in sizes_of[name]:
            key = f"{name}, {size}"
            with watched(size) as found:
                made = make(size)
            work[key], work[f"without {key}"] = made()
            if at_most:
                with watched(0) as found:
                    work[key]()
            memory[key] = found.most if at_most else found.left
    samples = interleaved(work, rounds=rounds, chunk=chunk)
    lines = []
    for name, role in makers:
        points = []
        for size in sizes_of[name]:
            key = f"{name}, {size}"
            points.append(Point(size, overhead(samples, key, f"without {key}"), memory[key]))
        lines.append(Line(name, role, tuple(points)))
    return Curve(title, unit, tuple(lines))
