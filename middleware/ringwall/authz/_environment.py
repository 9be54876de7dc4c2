"""Conditions on when, from where and how freshly authenticated a request comes."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from .._errors import ConfigurationError, did_you_mean
from ._binding import Binding
from ._condition import Condition, Hint, Test
from ._facts import Facts

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_VALUE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")  # quotable, no spaces (RFC 9470 section 3)
_SKEW = 60.0  # what an issuer's clock may be ahead


class _During(Condition):
    __slots__ = ("_days", "_end", "_start", "_text", "_zone")

    def __init__(self, start: str, end: str, days: frozenset[int], zone: ZoneInfo) -> None:
        self._start, self._end = _time(start), _time(end)
        if self._start == self._end:
            raise ConfigurationError(f"during({start!r}, {end!r}) is no time at all, or always")
        self._days = days
        self._zone = zone
        self._text = f"during({start!r}, {end!r})"

    def __repr__(self) -> str:
        return self._text

    def compile(self, binding: Binding) -> Test:
        clock = binding.clock

        def test(facts: Facts) -> bool:
            now = datetime.datetime.fromtimestamp(clock(), self._zone)
            time, day = now.time(), now.weekday()
            if self._start < self._end:
                return self._start <= time < self._end and day in self._days
            # Over midnight: the hours after it belong to the day before.
            if time >= self._start:
                return day in self._days
            return time < self._end and (day - 1) % 7 in self._days

        return test


class _Network(Condition):
    __slots__ = ("_contains", "_text")

    def __init__(self, networks: tuple[str, ...]) -> None:
        parsed = [_parse_network(network) for network in networks]
        self._text = f"network({', '.join(map(repr, networks))})"

        @lru_cache(maxsize=1024)
        def contains(client: str) -> bool | None:
            try:
                address = ipaddress.ip_address(client)
            except ValueError:
                return None
            return any(address in network for network in parsed)

        self._contains = contains

    def __repr__(self) -> str:
        return self._text

    def compile(self, binding: Binding) -> Test:
        contains = self._contains

        def test(facts: Facts) -> bool | None:
            client = facts.context.client
            return None if client is None else contains(client)

        return test


class _Authenticated(Condition):
    __slots__ = ("_acr", "_amr", "_max_age", "hint")

    def __init__(self, max_age: int | None, acr: tuple[str, ...], amr: frozenset[str]) -> None:
        self._max_age = max_age
        self._acr = acr
        self._amr = amr
        self.hint = Hint(
            "insufficient-authentication", acr_values=" ".join(acr) or None, max_age=max_age
        )

    def __repr__(self) -> str:
        return f"authenticated(max_age={self._max_age}, acr={self._acr}, amr={sorted(self._amr)})"

    def compile(self, binding: Binding) -> Test:
        clock = binding.clock

        def test(facts: Facts) -> bool:
            if facts.principal is None:
                return False
            claims = facts.principal.claims
            if self._acr and claims.get("acr") not in self._acr:
                return False
            if self._amr:
                used = claims.get("amr")
                if not isinstance(used, (list, tuple)) or not self._amr.issubset(_strings(used)):
                    return False
            if self._max_age is None:
                return True
            since = claims.get("auth_time")
            if type(since) is not int and type(since) is not float:
                return False
            return -_SKEW <= clock() - since <= self._max_age

        return test


def during(
    start: str, end: str, *, days: Iterable[str] = _DAYS, timezone: str = "UTC"
) -> Condition:
    """The request comes at certain hours.

    Parameters:
        start, end: "HH:MM"; the end does not belong to it. A start later than the end means over
            midnight.
        days: of "mon" to "sun"; over midnight, the day on which it begins.
        timezone: an IANA name.

    Raises:
        ConfigurationError: no such time, day or timezone.

    >>> during("09:00", "17:00", days=["mon", "tue"], timezone="UTC")
    during('09:00', '17:00')
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise ConfigurationError(
            f"unknown timezone {timezone!r}; write an IANA name such as 'Europe/Berlin', and"
            " install tzdata where the system has none"
        ) from None
    names = [days] if isinstance(days, str) else list(days)
    for name in names:
        if name not in _DAYS:
            raise ConfigurationError(f"unknown day {name!r}" + did_you_mean(name, _DAYS))
    if not names:
        raise ConfigurationError("during(days=[]) is never")
    return _During(start, end, frozenset(map(_DAYS.index, names)), zone)


def network(*networks: str) -> Condition:
    """The client's address is in one of the networks. Without an address it is unknown.

    Behind a proxy the address is the client's only if the stack knows its `proxies=`.

    Parameters:
        networks: CIDR blocks or single addresses, IPv4 or IPv6.

    Raises:
        ConfigurationError: none, or a malformed one.

    >>> network("10.0.0.0/8", "2001:db8::/32")
    network('10.0.0.0/8', '2001:db8::/32')
    """
    if not networks:
        raise ConfigurationError("network() needs a block such as '10.0.0.0/8'")
    return _Network(networks)


def authenticated(
    *, max_age: int | None = None, acr: Iterable[str] = (), amr: Iterable[str] = ()
) -> Condition:
    """The principal authenticated recently or strongly enough (RFC 9470, OpenID Connect Core).

    A request that fails this gets a 401 challenge that tells the client to step up.

    Parameters:
        max_age: seconds since `auth_time` at most.
        acr: accepted authentication context classes; the claim must be one of them.
        amr: methods that must all have been used (RFC 8176), such as "mfa".

    Raises:
        ConfigurationError: nothing was asked for.

    >>> rule = authenticated(max_age=300, amr=["mfa"])
    """
    classes, methods = _names("acr", acr), _names("amr", amr)
    if max_age is None and not classes and not methods:
        raise ConfigurationError("authenticated() needs max_age=, acr= or amr=")
    if max_age is not None and (type(max_age) is not int or max_age < 0):
        raise ConfigurationError(f"max_age={max_age!r}: write whole seconds")
    return _Authenticated(max_age, classes, frozenset(methods))


def _names(what: str, given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ConfigurationError(f"{what} is a list: write {what}=[{given!r}]")
    names = tuple(given)
    for name in names:
        if not isinstance(name, str) or not _VALUE.match(name):
            raise ConfigurationError(f"{what} holds {name!r}, which is no such value")
    return names


def _strings(values: Iterable[Any]) -> set[str]:
    return {value for value in values if isinstance(value, str)}


def _time(text: str) -> datetime.time:
    match = re.match(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z", text)
    if match is None:
        raise ConfigurationError(f"{text!r} is no time of day; write '09:00'")
    return datetime.time(int(match[1]), int(match[2]))


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no network: {error}") from None
