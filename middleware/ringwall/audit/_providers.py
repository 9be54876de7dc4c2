"""Whether anybody has set up an SDK of OpenTelemetry.

It is asked on each request, because that may happen at any time. So the variables are read that the
public functions read, too: those cost ten times as much. A version of the API that has no such
variables is asked for spans always, as if there were an SDK.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from opentelemetry import metrics, trace

SET_UP: Any = SimpleNamespace(_METER_PROVIDER=True)
"""As if there were a global provider of meters."""

_meters: Any = getattr(metrics, "_internal", None)
METERS: Any = _meters if hasattr(_meters, "_METER_PROVIDER") else SET_UP
"""Holds it as `_METER_PROVIDER`: None where there is none."""


def nothing_is_set_up() -> bool:
    """Whether there is no global provider of any kind."""
    return getattr(trace, "_TRACER_PROVIDER", True) is None and METERS._METER_PROVIDER is None
