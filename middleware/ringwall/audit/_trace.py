"""The tracing of one exchange, from its start to its end."""

from __future__ import annotations

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span, SpanContext, Status, StatusCode

from .._exchange import Exchange, Outcome
from ._course import Course
from .metrics import Measurements
from .sizes import sizes

_ERROR = Status(StatusCode.ERROR)


class Unrecorded:
    """Of a span that a sampler has dropped, or that nobody makes: the context it was made current
    in, and the one before.

    silent: there is nothing to tell at the end.
    """

    __slots__ = ("_before", "_context", "_told")

    silent = True

    def __init__(self, told: SpanContext, context: Context, before: Context) -> None:
        self._told = told
        self._context = context
        self._before = before

    def ids(self) -> tuple[str | None, str | None]:
        """Trace and span id in hexadecimal, or None where nothing traces."""
        if self._context is self._before:  # what is not valid is not made current
            return None, None
        told = self._told
        return f"{told.trace_id:032x}", f"{told.span_id:016x}"

    def response_header(self) -> bytes | None:
        """The value of `traceresponse` (W3C Trace Context level 2, section 4.1)."""
        trace_id, span_id = self.ids()
        if trace_id is None:
            return None
        return f"00-{trace_id}-{span_id}-{self._told.trace_flags:02x}".encode()

    def end(self, exchange: Exchange, outcome: Outcome, course: Course, duration: float) -> None:
        """Make the context before it current again.

        Not by token: under WSGI the end may come in another thread, where a token cannot be reset;
        there our context is not the current one, and nothing is to be undone.
        """
        if self._context is not self._before and get_current() is self._context:
            attach(self._before)


class Trace(Unrecorded):
    """A span that is recorded, or an exchange that is measured."""

    __slots__ = ("_measurements", "_method", "_span")

    silent = False

    def __init__(
        self,
        told: SpanContext,
        context: Context,
        before: Context,
        span: Span,
        method: str,
        measurements: Measurements | None,
    ) -> None:
        self._told = told
        self._context = context
        self._before = before
        self._span = span
        self._method = method
        self._measurements = measurements

    def end(self, exchange: Exchange, outcome: Outcome, course: Course, duration: float) -> None:
        """Measure, end the span, and make the context before it current again."""
        span, measurements = self._span, self._measurements
        try:
            if measurements is not None:
                measurements.ended(
                    exchange, self._method, outcome, course.error, duration, self._context
                )
            if span.is_recording():
                if course.name is not None:
                    span.update_name(course.name)
                if course.error is not None:
                    span.set_status(_ERROR)
                span.set_attributes(course.attributes)
                span.end()
        finally:  # as above, without the call
            if self._context is not self._before and get_current() is self._context:
                attach(self._before)


class SizedTrace(Trace):
    """It tells the sizes of bodies, too."""

    __slots__ = ()

    def end(self, exchange: Exchange, outcome: Outcome, course: Course, duration: float) -> None:
        if self._span.is_recording():
            for name, size in zip(("request", "response"), sizes(exchange, outcome), strict=True):
                if size is not None:
                    self._span.set_attribute(f"http.{name}.body.size", size)
        super().end(exchange, outcome, course, duration)
