"""Whether anybody has set up an SDK of OpenTelemetry.

It is asked on each request, because that may happen at any time. So the variables are read that the
public functions read, too: those cost ten times as much. A version of the API that has no such
variables is asked for spans always, as if there were an SDK.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import metrics, trace

_meters: Any = getattr(metrics, "_internal", metrics)


def is_measured() -> bool:
    """Whether there is a global provider of meters."""
    return getattr(_meters, "_METER_PROVIDER", True) is not None


def nothing_is_set_up() -> bool:
    """Whether there is no global provider of any kind."""
    return (
        getattr(trace, "_TRACER_PROVIDER", True) is None
        and getattr(_meters, "_METER_PROVIDER", True) is None
    )
