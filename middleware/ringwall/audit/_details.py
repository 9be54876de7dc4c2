"""What a record tells where it was asked for: bodies, headers, queries, sizes, times, a version."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .._exchange import Exchange, Outcome
from ._course import Course
from .exchange import LONGEST_PATH, ExchangeForm
from .record import quote
from .redaction import PLAIN, Redaction
from .sizes import told_sizes
from .timings import told_timings

_LONGEST_BODY = 4096
# Where they stand among the pieces of a record (`ExchangeForm`).
_BODY, _HEADERS, _VERSION, _QUERY, _SIZES, _TIMINGS = 3, 9, 23, 25, 29, 35

Detail = Callable[[Exchange, Outcome, float], str]


def form_of(
    redaction: Redaction = PLAIN,
    policy_version: str | Callable[[], str] | None = None,
    *,
    body_sizes: bool = False,
    timings: bool = False,
) -> ExchangeForm:
    """How exchanges are written down.

    Parameters:
        redaction: what is left out or told in another form.
        policy_version: the version of the policy in force, told in each record; a function is
            asked each time.
        body_sizes, timings: tell how large the bodies were, how long the layers took.
    """
    details: dict[int, Detail] = {}
    if redaction.tells_bodies:
        details[_BODY] = _body(redaction)
    if redaction.headers:
        details[_HEADERS] = _headers(redaction)
    if redaction.tells_queries:
        details[_QUERY] = _query(redaction)
    if body_sizes:
        details[_SIZES] = lambda exchange, outcome, duration: told_sizes(exchange, outcome)
    if timings:
        details[_TIMINGS] = lambda exchange, outcome, duration: told_timings(exchange, duration)
    version = policy_version
    if callable(version):
        details[_VERSION] = _asked(version)
        version = None
    return (
        DetailedForm(redaction, version, details) if details else ExchangeForm(redaction, version)
    )


class DetailedForm(ExchangeForm):
    """With details, by their places among the pieces."""

    def __init__(
        self, redaction: Redaction, policy_version: str | None, details: dict[int, Detail]
    ) -> None:
        super().__init__(redaction, policy_version)
        self._details = [*details.items()]

    def __call__(
        self,
        exchange: Exchange,
        outcome: Outcome,
        course: Course,
        record_id: str,
        request_id: str,
        started: float,
        duration: float,
        ids: tuple[str, str],
    ) -> list[str]:
        pieces = super().__call__(
            exchange, outcome, course, record_id, request_id, started, duration, ids
        )
        for place, detail in self._details:
            pieces[place] = detail(exchange, outcome, duration)
        return pieces


def _body(redaction: Redaction) -> Detail:
    def told(exchange: Exchange, *_: Any) -> str:
        body = redaction.body(exchange)
        if body is None:
            return ""
        return f',"body":{quote(body.decode("utf-8", "replace"), _LONGEST_BODY)}'

    return told


def _headers(redaction: Redaction) -> Detail:
    names = [(name, name.encode()) for name in redaction.headers]

    def told(exchange: Exchange, *_: Any) -> str:
        headers = exchange.headers
        items = [
            f'"{name}":{quote(headers[key].decode("latin-1"))}'
            for name, key in names
            if key in headers
        ]
        return f',"headers":{{{",".join(items)}}}'

    return told


def _query(redaction: Redaction) -> Detail:
    def told(exchange: Exchange, *_: Any) -> str:
        return f',"query":{quote(redaction.query(exchange.query), LONGEST_PATH)}'

    return told


def _asked(version: Callable[[], str]) -> Detail:
    @lru_cache(maxsize=16)
    def quoted(name: str) -> str:
        return quote(name, LONGEST_PATH)

    return lambda exchange, outcome, duration: quoted(version())
