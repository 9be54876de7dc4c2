"""The record of one exchange: one line of canonical JSON (RFC 8785), built by hand.

The keys stand in sorted order, numbers are integers, and no string holds a character that JSON
must escape beyond `"` and `\\`: the line is its own canonical form and can be hashed as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .._boundary import Host
from .._exchange import Exchange, Outcome
from ._course import Course
from .record import clean, quote, quote_clean, second
from .redaction import PLAIN, Masked, Redaction, as_it_is

_ANONYMOUS = '{"authenticated":false,"credential":null,"issuer":null,"scheme":null,"subject":null}'
LONGEST_PATH = 512
_LONGEST_NAME = 256
_MOST_PARAMS = 32


@lru_cache(maxsize=1024)
def _known(name: str | None) -> str:
    """`quote` for names that the configuration or an issuer chose."""
    return quote(name, LONGEST_PATH)


@lru_cache(maxsize=4096)
def _host(name: str) -> str:
    """`quote` for names of hosts; clients who change theirs cost no more than without a cache."""
    return quote(name)


def _where(
    redaction: Redaction,
) -> Callable[[str | None, Host | None, str | None], tuple[str, str, str]]:
    """Client, host and peer as JSON, in the form that may be told: a hash is not computed each
    time."""

    def addresses(masked: Masked) -> Callable[[str | None], str]:
        @lru_cache(maxsize=1024)
        def address(given: str | None) -> str:
            return quote(given and masked(given))

        return address

    client_as, peer_as = addresses(redaction.field("client")), addresses(redaction.field("peer"))

    @lru_cache(maxsize=1024)
    def where(client: str | None, host: Host | None, peer: str | None) -> tuple[str, str, str]:
        return client_as(client), "null" if host is None else _host(host.name), peer_as(peer)

    return where


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
        policy_version: the version of the policy in force, told in each record.
    """

    def __init__(self, redaction: Redaction = PLAIN, policy_version: str | None = None) -> None:
        self._actor = _actors(redaction)
        self._parameters = _parameters(redaction)
        self._where = _where(redaction)
        self._target = _targets(redaction)
        self._version = quote(policy_version, LONGEST_PATH)

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
        """The record in pieces, without a line feed.

        Parameters:
            course: that the exchange took: its record with places for what differs.
            record_id, request_id: put in unescaped. started: seconds since the epoch.
            duration: seconds. ids: of trace and span, as JSON.
        """
        principal, params = exchange.principal, exchange.params
        client, host, peer = self._where(exchange.client, exchange.host, exchange.peer)
        begin, spent = int(started * 1_000_000), int(duration * 1_000_000)
        end = begin + spent
        trace_id, span_id = ids
        pieces = course.pieces.copy()
        # In one go, for each call saved counts; in the order of the keys. What is "" here is told
        # where it was asked for: see `DetailedForm`.
        pieces[1::2] = (
            _ANONYMOUS
            if principal is None
            else self._actor(
                principal.subject, principal.credential_id, principal.issuer, principal.scheme
            ),
            "",
            client,
            f"{spent}",
            "",
            host,
            record_id,
            f"{second(end // 1_000_000)}.{end % 1_000_000:06d}",
            self._params(params) if params else "{}",
            # A wildcard, or the template of the app's own router, has no parameter to name it.
            quote(self._target(exchange), LONGEST_PATH)
            if params is None or course.shows_path
            else "null",
            peer,
            self._version,
            "",
            request_id,
            "",
            span_id,
            f"{second(begin // 1_000_000)}.{begin % 1_000_000:06d}",
            "",
            trace_id,
        )
        return pieces

    def _params(self, params: dict[str, Any]) -> str:
        """The parameters of the matched template, as strings: they name the target."""
        told = []
        for key, name, masked in self._parameters(tuple(params)):
            value = params[key]
            text = value if value.__class__ is str else _text(value)
            told.append(name + quote(text if masked is as_it_is else masked(text)))
        return f"{{{','.join(told)}}}"


def _targets(redaction: Redaction) -> Callable[[Exchange], str | None]:
    """The path of an exchange, in the form that may be told."""
    masked = redaction.field("path")
    if masked is as_it_is:
        return redaction.target
    return lambda exchange: masked(redaction.target(exchange))
