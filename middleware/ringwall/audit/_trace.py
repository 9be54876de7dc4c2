"""The tracing of one exchange, from its start to its end."""

from __future__ import annotations

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span, Status, StatusCode

from .._exchange import Exchange, Outcome
from ._course import Course
from ._spans import UNTRACED
from .metrics import Measurements
from .sizes import sizes

_ERROR = Status(StatusCode.ERROR)


class Unrecorded:
    """Of a span that a sampler has dropped, or that nobody makes. Whoever starts it sets these:

    context: the one that the span was made current in; before: the one before. method: as spans and
    measurements tell it. measurements: of the exchange; None: it is not measured.

    since: for the use of whoever asks for its end, the time of its start.

    silent: there is nothing to tell at the end.
    """

    __slots__ = ("before", "context", "measurements", "method", "since", "span")

    context: Context
    before: Context
    span: Span
    method: str
    measurements: Measurements | None
    since: float

    silent = True

    def ids(self) -> tuple[str, str]:
        """Trace and span id as JSON: hexadecimal, or null where nothing traces."""
        told = self.span.get_span_context()
        if not told.is_valid:
            return UNTRACED
        trace_id, span_id = told.trace_id.to_bytes(16, "big"), told.span_id.to_bytes(8, "big")
        return f'"{trace_id.hex()}"', f'"{span_id.hex()}"'

    def response_header(self) -> bytes | None:
        """The value of `traceresponse` (W3C Trace Context level 2, section 4.1)."""
        told = self.span.get_span_context()
        if not told.is_valid:
            return None
        return f"00-{told.trace_id:032x}-{told.span_id:016x}-{told.trace_flags:02x}".encode()

    def end(self, exchange: Exchange, outcome: Outcome, course: Course, duration: float) -> None:
        """Make the context before it current again.

        Not by token: under WSGI the end may come in another thread, where a token cannot be reset;
        there our context is not the current one, and nothing is to be undone.
        """
        if self.context is not self.before and get_current() is self.context:
            attach(self.before)


class Trace(Unrecorded):
    """A span that is recorded, or an exchange that is measured."""

    __slots__ = ()

    silent = False

    def end(self, exchange: Exchange, outcome: Outcome, course: Course, duration: float) -> None:
        """Measure, end the span, and make the context before it current again."""
        span, measurements = self.span, self.measurements
        try:
            if measurements is not None:
                measurements.ended(
                    exchange, self.method, outcome, course.error, duration, self.context
                )
            if span.is_recording():
                for name, value in course.few:
                    span.set_attribute(name, value)
                if course.more:
                    _tell_more(span, course)
                span.end()
        finally:  # as above, without the call
            if self.context is not self.before and get_current() is self.context:
                attach(self.before)


def _tell_more(span: Span, course: Course) -> None:
    if course.many:
        span.set_attributes(course.many)
    if course.name is not None:
        span.update_name(course.name)
    if course.error is not None:
        span.set_status(_ERROR)


class SizedTrace(Trace):
    """It tells the sizes of bodies, too."""

    __slots__ = ()

    def end(self, exchange: Exchange, outcome: Outcome, course: Course, duration: float) -> None:
        if self.span.is_recording():
            for name, size in zip(("request", "response"), sizes(exchange, outcome), strict=True):
                if size is not None:
                    self.span.set_attribute(f"http.{name}.body.size", size)
        super().end(exchange, outcome, course, duration)
