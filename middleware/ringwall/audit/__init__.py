"""Audit: one JSON line and one OpenTelemetry SERVER span for each exchange."""

from __future__ import annotations

from .jsonlines import JSONLinesSink
from .keys import SigningKey
from .layer import Audit
from .sink import DeviceSink, Sink

__all__ = ["Audit", "DeviceSink", "JSONLinesSink", "SigningKey", "Sink"]
