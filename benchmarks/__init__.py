"""What each layer costs, beside its peers and beside a floor written by hand."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

# Each is a module with `comparisons(lab)`, and runs alone too: python -m benchmarks.stacks
SUITES = (
    "stacks",
    "security_headers",
    "cors",
    "proxies",
    "authn",
    "authorization",
    "ratelimit",
    "validation",
    "audit",
    "exporting",
    "layers",
    "fused_vs_nested",
    "import_time",
    "redis_limits",
    "api_keys",
    "scaling",
    "served",
)


def suite(name: str) -> Callable[..., Any]:
    """The comparisons of one module; it is imported only where it is run."""
    found: Callable[..., Any] = import_module(f"{__name__}.{name}").comparisons
    return found
