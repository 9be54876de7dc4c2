"""What `Audit` was given, checked."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Protocol

from .._errors import ConfigurationError, MissingDependency
from .._exchange import Exchange, Outcome
from ..problem import check_header
from ._course import Course
from .jsonlines import JSONLinesSink
from .redaction import Redaction
from .sink import DeviceSink, Sink


class Trace(Protocol):
    """The tracing of one exchange. silent: there is nothing to tell at its end. since: a place for
    the time of its start."""

    silent: bool
    since: float

    @property
    def measurements(self) -> object: ...

    def ids(self) -> tuple[str, str]: ...
    def response_header(self) -> bytes | None: ...
    def end(
        self, exchange: Exchange, outcome: Outcome, course: Course, duration: float
    ) -> None: ...


class Telemetry(Protocol):
    """Spans and measurements."""

    wants: frozenset[bytes]

    def start(self, exchange: Exchange) -> Trace | None: ...


class NoTelemetry:
    """Where OpenTelemetry is not installed."""

    wants: frozenset[bytes] = frozenset()

    def start(self, exchange: Exchange) -> None:
        return None


def telemetry(
    tracer_provider: Any,
    meter_provider: Any,
    trust_traceparent: bool | Iterable[str],
    redaction: Redaction,
    body_sizes: bool,
) -> Telemetry:
    """The tracing and measuring, or none where OpenTelemetry is not installed."""
    for argument, provider, method in (
        ("tracer_provider", tracer_provider, "get_tracer"),
        ("meter_provider", meter_provider, "get_meter"),
    ):
        if provider is not None and not callable(getattr(provider, method, None)):
            raise ConfigurationError(
                f"{argument}= takes an OpenTelemetry provider with {method}(), not a"
                f" {type(provider).__name__!r}"
            )
    trusted = _networks(trust_traceparent)
    try:
        from .telemetry import OpenTelemetry, OtherPropagators, other_claims
    except ModuleNotFoundError:
        if tracer_provider is None and meter_provider is None:
            return NoTelemetry()
        argument = "meter_provider=" if tracer_provider is None else "tracer_provider="
        raise MissingDependency("opentelemetry-api", "otel", f"Audit({argument})") from None
    others = other_claims()
    make = partial(OtherPropagators, others=others) if others and trusted is not True else None
    return (make or OpenTelemetry)(
        tracer_provider,
        meter_provider,
        trusted=trusted,
        redaction=redaction,
        body_sizes=body_sizes,
    )


def _networks(given: bool | Iterable[str]) -> bool | tuple[IPv4Network | IPv6Network, ...]:
    if isinstance(given, bool):
        return given
    try:
        return tuple(ip_network(each) for each in ([given] if isinstance(given, str) else given))
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"trust_traceparent={given!r}: write True, or networks such as ['10.0.0.0/8']"
        ) from None


def open_sink(sink: str | os.PathLike[str] | Sink | None) -> Sink | None:
    if isinstance(sink, (str, os.PathLike)):
        path = Path(sink)
        is_device = path.exists() and not path.is_file() and not path.is_dir()
        return DeviceSink(path) if is_device else JSONLinesSink(path)
    if isinstance(sink, io.IOBase):
        raise ConfigurationError(
            "Audit(sink=) takes a path, not an open file; for standard output write '/dev/stdout'"
        )
    if sink is None or (isinstance(sink, Sink) and not isinstance(sink, type)):
        return sink
    raise ConfigurationError(
        f"Audit(sink=) takes a path or an object with write(record) and close(), not"
        f" {type(sink).__name__!r}"
    )


def header_name(name: str | None) -> bytes | None:
    if name is None:
        return None
    try:
        header = name.lower().encode("ascii")
        check_header(header, b"")
    except (AttributeError, ValueError):
        raise ConfigurationError(
            f"request_id_header={name!r} is no header name; write 'x-request-id' or None"
        ) from None
    return header
