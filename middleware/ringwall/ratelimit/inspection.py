"""What is counted for somebody, and forgetting it: for operators, outside of any request."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .._boundary.address import canonical_address
from .._errors import ConfigurationError, did_you_mean
from .._layer import Layer
from .._pending import settle
from ..principal import Principal
from ._account import hashed
from .engine import Check, Quota
from .keys import bounded, client_key, compile_key
from .layer import RateLimit
from .login import LoginLimit
from .messages import MessageLimit

logger: logging.Logger = logging.getLogger("ringwall")

_KINDS = ("client", "principal", "credential", "claim", "header", "route", "account", "key")


class Subject:
    """Whom an operator asks for: what the key functions would find in a request of theirs.

    Parameters:
        keys: such as "203.0.113.7", "principal:alice", "credential:key-1", "claim:tenant=acme",
            "header:x-device=one", "route:/items/{id}", "account:alice" (of `LoginLimit`), or
            "key:..." for what a function of yours returns. A key of several parts needs them all.
        issuer: who vouches for the principal.

    Raises:
        ConfigurationError: one is none of these.

    >>> sorted(Subject(["203.0.113.7", "principal:alice"]).parts)
    ['client', 'principal']
    """

    def __init__(self, keys: Sequence[str], issuer: str | None = None) -> None:
        self.parts: set[str] = set()
        self.client: str | None = None
        self.route: str | None = None
        self.headers: dict[bytes, bytes] = {}
        self.account: str | None = None
        self.key: str | None = None
        principal: dict[str, Any] = {"subject": "", "claims": {}, "credential_id": None}
        for text in keys:
            kind, colon, value = text.partition(":")
            if kind not in _KINDS or not colon:
                kind, value = "client", text
            name, _, of = value.partition("=")
            self.parts.add(f"{kind}:{name}" if kind in ("claim", "header") else kind)
            if kind == "claim":
                principal["claims"][name] = of
            elif kind == "header":
                # As it was typed, which is how a client sends it.
                self.headers[os.fsencode(name)] = os.fsencode(of)
            elif kind == "principal":
                principal["subject"] = value
            elif kind == "credential":
                principal["credential_id"] = value
            elif kind == "client":
                self.client = _address(value)
            else:
                setattr(self, kind, value)
        self.principal: Principal = Principal(scheme="", issuer=issuer, **principal)


def _address(text: str) -> str:
    address = canonical_address(text)
    if address is None:
        raise ConfigurationError(
            f"{text[:64]!r} is no address; other keys are written as in 'principal:alice'"
            + did_you_mean(text.partition(":")[0][:32], _KINDS)
        )
    return address


class Count(NamedTuple):
    """One limit of one layer, and where somebody stands with it."""

    check: Check
    quota: Quota


def checks_of(layer: Any, subject: Subject) -> list[Check]:
    """The checks that a layer would make for somebody, as far as what is known suffices."""
    given: Any = subject
    if isinstance(layer, LoginLimit):
        client = None if subject.client is None else client_key(layer.ipv6_prefix)(given)
        account = None if subject.account is None else hashed(subject.account)
        return [check._replace(cost=0) for check in layer.checks(client, account)]
    checks: list[Check] = []
    for rule in layer.rules:
        key = compile_key(rule.key, layer.ipv6_prefix)
        if set(key.parts) <= subject.parts:
            name = bounded(f"k:{subject.key}") if key.parts == ("key",) else key.of(given)
            checks += [Check(limit, name, 0) for limit in rule.source.all]
    return checks


def shared(layers: Iterable[Layer]) -> tuple[list[Layer], list[Layer]]:
    """The layers whose counts other processes can look at, and those that count for themselves."""
    ours: list[Layer] = []
    own: list[Layer] = []
    for layer in layers:
        if isinstance(layer, (RateLimit, LoginLimit, MessageLimit)):
            (ours if hasattr(layer.store, "reset") else own).append(layer)
    return ours, own


def show(layers: Iterable[Any], subject: Subject) -> list[Count]:
    """Where somebody stands with each limit of layers that are `shared`. Nothing is charged.

    Raises:
        StoreUnavailable: a store does not answer.
    """
    counts: list[Count] = []
    for layer in layers:
        checks = checks_of(layer, subject)
        if checks:
            store: Any = layer.store
            answer = store.peek(checks)
            quotas = answer if isinstance(answer, list) else settle(answer)
            counts += map(Count, checks, quotas)
    return counts


def reset(layers: Iterable[Any], subject: Subject) -> list[Check]:
    """Forget what layers that are `shared` count for somebody; returns what was asked to be
    forgotten. A line in the log names the limits, not whose.

    Raises: as `show`.
    """
    forgotten: list[Check] = []
    for layer in layers:
        checks = checks_of(layer, subject)
        if checks:
            store: Any = layer.store
            pending = store.reset(checks)
            if pending is not None:
                settle(pending)
            forgotten += checks
    names = sorted({check.limit.name for check in forgotten})
    logger.warning("rate limits were reset for one key: %s", ", ".join(names) or "none")
    return forgotten
