"""Interleaved timing: A B C A B C over many rounds, so that a noisy machine disturbs all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

Work = Callable[[], object]


def interleaved(
    variants: dict[str, Work], *, rounds: int = 40, chunk: float = 0.005
) -> dict[str, list[float]]:
    """CPU seconds per call of each variant, one sample a round; the order rotates.

    CPU time, because other programs on the machine would count otherwise.

    Parameters:
        variants: what to time. rounds: samples for each. chunk: seconds that one sample lasts.
    """
    loops = {name: _calibrate(work, chunk) for name, work in variants.items()}
    samples: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    gc.collect()
    gc.freeze()
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            work, count = variants[name], loops[name]
            for _ in range(max(1, count // 20)):
                work()
            begin = time.process_time()
            for _ in range(count):
                work()
            samples[name].append((time.process_time() - begin) / count)
    gc.unfreeze()
    return samples


def _calibrate(work: Work, chunk: float) -> int:
    count = 1
    while True:
        begin = time.process_time()
        for _ in range(count):
            work()
        spent = time.process_time() - begin
        if spent > chunk / 4:
            return max(1, int(count * chunk / spent))
        count *= 4


def overhead(samples: dict[str, list[float]], name: str, base: str) -> float:
    """Median of the same-round differences, in microseconds."""
    pairs = zip(samples[name], samples[base], strict=True)
    return statistics.median(a - b for a, b in pairs) * 1e6


def report(samples: dict[str, list[float]], base: str) -> None:
    """Print microseconds over the base, with quartiles."""
    print(f"{'':40s}{'us/request':>12s}{'over base':>12s}   quartiles of the difference")
    for name, values in samples.items():
        differences = [a - b for a, b in zip(values, samples[base], strict=True)]
        low, middle, high = statistics.quantiles(differences, n=4)
        print(
            f"{name:40s}{statistics.median(values) * 1e6:12.2f}{middle * 1e6:12.2f}"
            f"   [{low * 1e6:.2f} .. {high * 1e6:.2f}]"
        )


def run_to_end(awaitable: Awaitable[Any]) -> None:
    """Drive an awaitable that never waits, without an event loop."""
    try:
        awaitable.__await__().send(None)  # type: ignore[attr-defined]
    except StopIteration:
        return
    raise RuntimeError("the app waited for something")
