"""The record of one exchange: one line of canonical JSON (RFC 8785), built by hand.

The keys stand in sorted order, numbers are integers, and no string holds a character that JSON
must escape beyond `"` and `\\`: the line is its own canonical form and can be hashed as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .._exchange import Exchange, Outcome
from ._course import Course
from .record import clean, quote, quote_clean, second
from .redaction import PLAIN, Masked, Redaction, as_it_is
from .sizes import told_sizes
from .timings import told_timings

_ANONYMOUS = '{"authenticated":false,"credential":null,"issuer":null,"scheme":null,"subject":null}'
_LONGEST_PATH = 512
_LONGEST_NAME = 256
_LONGEST_BODY = 4096
_MOST_PARAMS = 32


@lru_cache(maxsize=1024)
def _known(name: str | None) -> str:
    """`quote` for names that the configuration or an issuer chose."""
    return quote(name, _LONGEST_PATH)


@lru_cache(maxsize=4096)
def _host(name: str) -> str:
    """`quote` for names of hosts; clients who change theirs cost no more than without a cache."""
    return quote(name)


def _addresses(masked: Masked) -> Callable[[str | None], str]:
    """`quote` for addresses, in the form that may be told: a hash is not computed each time."""

    @lru_cache(maxsize=1024)
    def address(given: str | None) -> str:
        return quote(given and masked(given))

    return address


def _actors(redaction: Redaction) -> Callable[[str, str | None, str | None, str], str]:
    """Who is known, as JSON, in the form that may be told."""
    subject_as, credential_as = redaction.field("subject"), redaction.field("credential")

    @lru_cache(maxsize=1024)
    def actor(subject: str, credential: str | None, issuer: str | None, scheme: str) -> str:
        return (
            f'{{"authenticated":true,"credential":{quote(credential and credential_as(credential))}'
            f',"issuer":{_known(issuer)},"scheme":{_known(scheme)}'
            f',"subject":{quote(subject_as(subject))}}}'
        )

    return actor


def _parameters(
    redaction: Redaction,
) -> Callable[[tuple[str, ...]], list[tuple[str, str, Masked]]]:
    """The names of a template's parameters with their form in JSON, in the order of RFC 8785
    section 3.2.3 (by UTF-16 code units), and how to tell their values."""

    @lru_cache(maxsize=1024)
    def parameters(names: tuple[str, ...]) -> list[tuple[str, str, Masked]]:
        cleaned = {clean(name, _LONGEST_NAME): name for name in names[:_MOST_PARAMS]}
        return [
            (cleaned[name], f"{quote_clean(name)}:", redaction.field("params." + cleaned[name]))
            for name in sorted(cleaned, key=lambda name: name.encode("utf-16-be"))
        ]

    return parameters


def _text(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits has no str() (CVE-2020-10735)
        return f"<{type(value).__name__}>"


class ExchangeForm:
    """How exchanges are written down.

    Parameters:
        redaction: what is left out or told in another form.
        policy_version: the version of the policy in force, told in each record; a function is
            asked each time.
        body_sizes, timings: tell how large the bodies were, how long the layers took.
    """

    def __init__(
        self,
        redaction: Redaction = PLAIN,
        policy_version: str | Callable[[], str] | None = None,
        *,
        body_sizes: bool = False,
        timings: bool = False,
    ) -> None:
        self._tells_sizes, self._tells_timings = body_sizes, timings
        self._redaction = redaction
        self._actor = _actors(redaction)
        self._parameters = _parameters(redaction)
        self._client = _addresses(redaction.field("client"))
        self._peer = _addresses(redaction.field("peer"))
        self._path = redaction.field("path")
        self._tells_body, self._tells_query = redaction.tells_bodies, redaction.tells_queries
        self._headers = [(name, name.encode()) for name in redaction.headers]
        self._ask_version = policy_version if callable(policy_version) else None
        self._version = "" if callable(policy_version) else quote(policy_version, _LONGEST_PATH)

    def __call__(
        self,
        exchange: Exchange,
        outcome: Outcome,
        course: Course,
        *,
        record_id: str,
        request_id: str,
        started: float,
        duration: float,
        trace_id: str | None,
        span_id: str | None,
    ) -> bytes:
        """The record, without a line feed.

        Parameters:
            course: that the exchange took: its record with places for what differs.
            record_id, request_id, trace_id, span_id: hexadecimal digits, put in unescaped.
            started: seconds since the epoch.
            duration: seconds.
        """
        principal, params, host = exchange.principal, exchange.params, exchange.host
        begin, spent = int(started * 1_000_000), int(duration * 1_000_000)
        end = begin + spent
        # A wildcard, or the template of the app's own router, has no parameter to name the target.
        shows_path = params is None or course.shows_path
        pieces = course.pieces.copy()
        # In one go, for each call saved counts; in the order of the keys.
        pieces[1::2] = (
            _ANONYMOUS
            if principal is None
            else self._actor(
                principal.subject, principal.credential_id, principal.issuer, principal.scheme
            ),
            self._body(exchange) if self._tells_body else "",
            self._client(exchange.client),
            f"{spent}",
            self._chosen_headers(exchange) if self._headers else "",
            "null" if host is None else _host(host.name),
            record_id,
            f"{second(end // 1_000_000)}.{end % 1_000_000:06d}",
            self._params(params) if params else "{}",
            self._target(exchange) if shows_path else "null",
            self._peer(exchange.peer),
            self._version or self._asked_version(),
            self._query(exchange) if self._tells_query else "",
            request_id,
            told_sizes(exchange, outcome) if self._tells_sizes else "",
            "null" if span_id is None else f'"{span_id}"',
            f"{second(begin // 1_000_000)}.{begin % 1_000_000:06d}",
            told_timings(exchange, duration) if self._tells_timings else "",
            "null" if trace_id is None else f'"{trace_id}"',
        )
        return "".join(pieces).encode()

    def _params(self, params: dict[str, Any]) -> str:
        """The parameters of the matched template, as strings: they name the target."""
        told = []
        for key, name, masked in self._parameters(tuple(params)):
            value = params[key]
            text = value if value.__class__ is str else _text(value)
            told.append(name + quote(text if masked is as_it_is else masked(text)))
        return f"{{{','.join(told)}}}"

    def _target(self, exchange: Exchange) -> str:
        return quote(self._path(self._redaction.target(exchange)), _LONGEST_PATH)

    def _asked_version(self) -> str:
        return _known(self._ask_version()) if self._ask_version is not None else "null"

    def _query(self, exchange: Exchange) -> str:
        return f',"query":{quote(self._redaction.query(exchange.query), _LONGEST_PATH)}'

    def _body(self, exchange: Exchange) -> str:
        body = self._redaction.body(exchange)
        if body is None:
            return ""
        return f',"body":{quote(body.decode("utf-8", "replace"), _LONGEST_BODY)}'

    def _chosen_headers(self, exchange: Exchange) -> str:
        items = [
            f'"{name}":{quote(exchange.headers[key].decode("latin-1"))}'
            for name, key in self._headers
            if key in exchange.headers
        ]
        return f',"headers":{{{",".join(items)}}}'
