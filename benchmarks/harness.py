"""Interleaved timing: A B C A B C over many rounds, so that a noisy machine disturbs all alike.

A figure counts only as a ratio taken in the same run: cost over a base, divided by another one.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Work = Callable[[], object]
Batch = Callable[[int], object]
"""Does its work so many times."""
Role = Literal["bare", "floor", "ringwall", "peer", "part"]
"""A part is a peer that does only some of the work: it is shown, and no goal counts it."""
Interface = Literal["ASGI", "ASGI, uvloop", "WSGI", ""]


@dataclass(frozen=True)
class Variant:
    """One of the things compared.

    batch: the work. role: what it is. base: the variant whose cost is taken off; "" for a base.
    """

    name: str
    role: Role
    batch: Batch
    base: str = "bare"


@dataclass(frozen=True)
class Goal:
    """What a ratio should be: at most, or at least, `bound`.

    over, under: names of two variants, whose costs over their bases (or requests per second) are
    divided; "fastest peer" is one, too. where: titles, as a pattern; "layers" for those of a layer.
    """

    name: str
    over: str
    under: str
    bound: float
    at_most: bool = True
    where: str = "*"


@dataclass(frozen=True)
class Comparison:
    """Variants timed in one run.

    goals: further ones than those of `benchmarks.goals`. layers: the names of those layers of the
    full stack that this is about; it gets a line of its own in the table then.
    """

    title: str
    interface: Interface
    variants: tuple[Variant, ...]
    goals: tuple[Goal, ...] = ()
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One measured variant, in microseconds: its own time, and its cost over the base with the
    quartiles of the same-round differences."""

    name: str
    role: Role
    spent: float
    cost: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """What one comparison gave. noise: half of the rounds of the bare app lie within such a share
    of their median."""

    title: str
    interface: str
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...] = ()
    layers: tuple[str, ...] = ()
    noise: float = 0.0

    def costs(self) -> dict[str, float]:
        """Each variant's cost over its base; that of the fastest peer under this name, too."""
        found = {row.name: row.cost for row in self.rows if row.cost}
        peers = [row.cost for row in self.rows if row.role == "peer"]
        return {**found, "fastest peer": min(peers)} if peers else found

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)


def measure(
    comparison: Comparison,
    *,
    rounds: int = 40,
    chunk: float = 0.005,
    settle: Callable[[], object] = lambda: None,
) -> Measured:
    """Time all variants of a comparison against each other.

    Parameters:
        rounds: samples for each variant. chunk: seconds that one sample lasts.
        settle: does what a variant has left for later (spans to export), at its expense.
    """
    batches = {variant.name: variant.batch for variant in comparison.variants}
    samples = _sample(batches, rounds, chunk, settle)
    low, middle, high = statistics.quantiles(samples[comparison.variants[0].name], n=4)
    return Measured(
        comparison.title,
        comparison.interface,
        tuple(_row(variant, samples) for variant in comparison.variants),
        comparison.goals,
        comparison.layers,
        (high - low) / middle,
    )


def _row(variant: Variant, samples: dict[str, list[float]]) -> Row:
    mine = samples[variant.name]
    spent = statistics.median(mine) * 1e6
    if not variant.base or variant.base == variant.name:
        return Row(variant.name, variant.role, spent, 0.0, 0.0, 0.0)
    differences = [a - b for a, b in zip(mine, samples[variant.base], strict=True)]
    low, middle, high = (each * 1e6 for each in statistics.quantiles(differences, n=4))
    return Row(variant.name, variant.role, spent, middle, low, high)


def interleaved(
    variants: dict[str, Work], *, rounds: int = 40, chunk: float = 0.005
) -> dict[str, list[float]]:
    """CPU seconds per call of each variant, one sample a round.

    Parameters:
        variants: what to time. rounds: samples for each. chunk: seconds that one sample lasts.
    """
    return _sample({name: repeated(work) for name, work in variants.items()}, rounds, chunk)


def _sample(
    batches: dict[str, Batch],
    rounds: int,
    chunk: float,
    settle: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """CPU time of all threads, because other programs would count otherwise; the order rotates.

    The collector stays on, as in production, and does not look at what was there before.
    """
    counts = {name: _calibrate(batch, chunk) for name, batch in batches.items()}
    samples: dict[str, list[float]] = {name: [] for name in batches}
    names = list(batches)
    gc.collect()
    gc.freeze()
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            batch, count = batches[name], counts[name]
            batch(max(1, count // 20))  # warm caches again, untimed
            settle()
            begin = time.process_time()
            batch(count)
            settle()
            samples[name].append((time.process_time() - begin) / count)
    gc.unfreeze()
    return samples


def _calibrate(batch: Batch, chunk: float) -> int:
    """How many calls a chunk lasts, by the quickest of three tries: after the first call of all, or
    a pause of the collector, it would be a few, and what is done once for each chunk would count.
    """
    count = 1
    while True:
        spent = min(_spent(batch, count) for _ in range(3))
        if spent > chunk / 4:
            return max(1, int(count * chunk / spent))
        count *= 4


def _spent(batch: Batch, count: int) -> float:
    begin = time.process_time()
    batch(count)
    return time.process_time() - begin


def repeated(work: Work) -> Batch:
    """A plain function as a batch."""

    def batch(count: int) -> None:
        for _ in range(count):
            work()

    return batch


def in_loop(loop: asyncio.AbstractEventLoop, work: Callable[[], Awaitable[object]]) -> Batch:
    """An async function as a batch, in one task of a running event loop, as servers drive apps."""

    async def some(count: int) -> None:
        for _ in range(count):
            await work()

    return lambda count: loop.run_until_complete(some(count))


def overhead(samples: dict[str, list[float]], name: str, base: str) -> float:
    """Median of the same-round differences, in microseconds."""
    pairs = zip(samples[name], samples[base], strict=True)
    return statistics.median(a - b for a, b in pairs) * 1e6


def report(samples: dict[str, list[float]], base: str) -> None:
    """Print microseconds over the base, with quartiles."""
    variants = [Variant(name, "peer", repeated(lambda: None), base) for name in samples]
    print_rows([_row(variant, samples) for variant in variants])


def print_rows(rows: Iterable[Row]) -> None:
    print(f"{'':44s}{'us/request':>12s}{'over base':>12s}   quartiles of the difference")
    for row in rows:
        print(
            f"{row.name:44s}{row.spent:12.2f}{row.cost:12.2f}   [{row.low:.2f} .. {row.high:.2f}]"
        )


def print_measured(measured: Measured) -> None:
    print(f"\n{measured.title} {measured.interface}".rstrip())
    print_rows(measured.rows)
    print(f"  noise: {measured.noise:.0%}")


def run_to_end(awaitable: Awaitable[Any]) -> None:
    """Drive an awaitable that never waits, without an event loop."""
    try:
        awaitable.__await__().send(None)  # type: ignore[attr-defined]
    except StopIteration:
        return
    raise RuntimeError("the app waited for something")
