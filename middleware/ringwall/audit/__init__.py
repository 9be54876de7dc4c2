"""Audit: one JSON line and one OpenTelemetry SERVER span for each exchange."""

from __future__ import annotations

from .layer import Audit
from .sink import JSONLinesSink, Sink

__all__ = ["Audit", "JSONLinesSink", "Sink"]
