"""Copies of records as OpenTelemetry logs. A copy: whatever an SDK does with it, drops included,
the record itself lies in the log."""

from __future__ import annotations

import json
from typing import Any

from .._errors import ConfigurationError, MissingDependency
from .._version import __version__
from .mapping import audit_attributes, unix_nanos

_OUTCOMES = {"denied": 13, "failure": 13, "aborted": 13, "error": 17}  # WARN, WARN, WARN, ERROR
_INFO = 9


class OTelLogs:
    """Emits each record through a logger of OpenTelemetry: `Audit(..., copies=[OTelLogs(...)])`.

    The body is the record as JSON; attributes follow the draft of OpenTelemetry for audit logs
    (OTEP 0267: `audit.record.id`, `audit.actor.id`, `audit.action`, `audit.outcome`, ...).

    Parameters:
        logger_provider: of OpenTelemetry, with an OTLP exporter, say.

    Raises:
        ConfigurationError: it is no logger provider.
        MissingDependency: `opentelemetry-api` is not installed.
    """

    def __init__(self, logger_provider: Any) -> None:
        try:
            from opentelemetry import _logs
            from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
            from opentelemetry.trace.propagation import set_span_in_context
        except ModuleNotFoundError:
            raise MissingDependency("opentelemetry-api", "otel", "OTelLogs()") from None
        if not callable(getattr(logger_provider, "get_logger", None)):
            raise ConfigurationError(
                "OTelLogs() takes an OpenTelemetry logger provider with get_logger()"
            )
        self._logger = logger_provider.get_logger("ringwall.audit", __version__)
        self._severity: Any = _logs.SeverityNumber
        self._record: Any = _logs.LogRecord

        def context(trace_id: str, span_id: str) -> Any:
            ids = SpanContext(int(trace_id, 16), int(span_id, 16), False, TraceFlags(1))
            return set_span_in_context(NonRecordingSpan(ids))

        self._context = context

    def __repr__(self) -> str:
        return "<OTelLogs>"

    def write(self, record: bytes) -> None:
        """Emit one record."""
        fields = json.loads(record)
        when = unix_nanos(fields["time"])
        trace_id, span_id = fields.get("trace_id"), fields.get("span_id")
        self._logger.emit(
            self._record(
                timestamp=when,
                observed_timestamp=when + 1000 * fields.get("duration_us", 0),
                severity_number=self._severity(_OUTCOMES.get(fields.get("outcome"), _INFO)),
                body=record.decode(),
                event_name=f"ringwall.audit.{fields['event']}",
                attributes=audit_attributes(fields),
                **({"context": self._context(trace_id, span_id)} if trace_id and span_id else {}),
            )
        )

    def close(self) -> None:
        """The provider is the user's to shut down."""
