"""Whether anybody has set up an SDK of OpenTelemetry.

It is asked on each request, because that may happen at any time. So the variables are read that the
public functions read, too: those cost ten times as much. A version of the API that has no such
variables is asked for spans always, as if there were an SDK.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from opentelemetry import metrics, trace

SET_UP: Any = SimpleNamespace(_METER_PROVIDER=True, _TRACER_PROVIDER=True)
"""As if there were providers."""

NOTHING: Any = SimpleNamespace(_METER_PROVIDER=None)
"""As if there were none."""


def _holder(module: Any, name: str) -> Any:
    return module if hasattr(module, name) else SET_UP


METERS: Any = _holder(getattr(metrics, "_internal", None), "_METER_PROVIDER")
"""Holds the global provider of meters as `_METER_PROVIDER`: None where there is none."""

_tracers = _holder(trace, "_TRACER_PROVIDER")


def nothing_is_set_up() -> bool:
    """Whether there is no global provider of any kind."""
    return _tracers._TRACER_PROVIDER is None and METERS._METER_PROVIDER is None
