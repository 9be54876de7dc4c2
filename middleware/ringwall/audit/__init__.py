"""Audit: one JSON line and one OpenTelemetry SERVER span for each exchange."""

from __future__ import annotations

from ._lifetime import close_on_sigterm
from .ecs import to_ecs
from .jsonlines import JSONLinesSink
from .keys import SigningKey
from .layer import Audit
from .ocsf import to_ocsf
from .otlp import OTelLogs
from .queued import QueuedSink
from .redaction import Redaction
from .rotate import rotate_key
from .sink import DeviceSink, Sink
from .sqlite import SQLiteSink

__all__ = [
    "Audit", "DeviceSink", "JSONLinesSink", "OTelLogs", "QueuedSink", "Redaction",
    "SQLiteSink", "SigningKey",
    "Sink", "close_on_sigterm", "rotate_key", "to_ecs", "to_ocsf",
]  # fmt: skip
