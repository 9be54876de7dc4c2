"""Permissions-Policy: which features of a browser a page and its frames may use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import ConfigurationError, did_you_mean
from ._structured import (
    InnerList,
    Item,
    Malformed,
    Member,
    Token,
    parse_dictionary,
    serialize_dictionary,
)

_HEADER = "Permissions-Policy"
# The registry of the Permissions Policy specification: standardised, proposed, experimental, and
# retired ones that OWASP's list still names.
FEATURES = frozenset(
    """
    accelerometer all-screens-capture ambient-light-sensor aria-notify attribution-reporting
    autoplay battery bluetooth browsing-topics camera captured-surface-control clipboard-read
    clipboard-write compute-pressure controlled-frame cross-origin-isolated deferred-fetch
    deferred-fetch-minimal digital-credentials-create digital-credentials-get direct-sockets
    direct-sockets-private display-capture document-domain encrypted-media
    execution-while-not-rendered execution-while-out-of-viewport focus-without-user-activation
    fullscreen gamepad geolocation gyroscope hid identity-credentials-get idle-detection
    interest-cohort join-ad-interest-group keyboard-map language-detector language-model
    local-fonts local-network local-network-access loopback-network magnetometer
    media-playback-while-not-visible microphone midi monetization navigation-override
    on-device-speech-recognition otp-credentials payment picture-in-picture
    private-state-token-issuance private-state-token-redemption proofreader
    publickey-credentials-create publickey-credentials-get rewriter run-ad-auction
    screen-wake-lock serial shared-storage shared-storage-select-url smart-card speaker-selection
    storage-access sub-apps summarizer sync-script sync-xhr translator unload usb
    usb-unrestricted vertical-scroll web-share window-management writer xr-spatial-tracking
    """.split()
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ORIGIN = re.compile(
    rf"[a-z][a-z0-9+.\-]*://(?:(?:\*\.)?{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?\Z"
)


def permissions_policy(given: object, base: Mapping[str, Any]) -> str:
    """The header's value.

    Parameters:
        given: the whole policy as text, or a mapping of features to who may use them (origins,
            "self", "*"; nobody: an empty list; None: leave it to the browser), which changes
            `base` feature by feature.
        base: the policy of the preset, as such a mapping.

    Raises:
        ConfigurationError: the policy holds something that browsers would ignore.

    >>> permissions_policy({"camera": [], "geolocation": ["self", "https://maps.example"]}, {})
    'camera=(), geolocation=(self "https://maps.example")'
    """
    if isinstance(given, str):
        members = _parse(given)
    elif isinstance(given, Mapping):
        merged = {**base, **given}
        members = {
            str(feature): _allow_list(feature, allowed)
            for feature, allowed in merged.items()
            if allowed is not None
        }
    else:
        raise ConfigurationError(f"{_HEADER} takes a text, or a mapping: {{'camera': ['self']}}")
    if not members:
        raise ConfigurationError(f"{_HEADER} is empty; use None for no such header")
    for feature, member in members.items():
        if feature not in FEATURES:
            raise ConfigurationError(
                f"unknown feature {feature!r} of {_HEADER}" + did_you_mean(feature, FEATURES)
            )
        _check(feature, member)
    return serialize_dictionary(members)


def _parse(text: str) -> dict[str, Member]:
    try:
        pairs = parse_dictionary(text)
    except Malformed:
        raise ConfigurationError(
            f"{_HEADER} is no structured dictionary (RFC 9651); write it as"
            " 'camera=(), geolocation=(self \"https://maps.example\")'"
        ) from None
    members: dict[str, Member] = {}
    for feature, member in pairs:
        if feature in members:
            raise ConfigurationError(f"{_HEADER} names {feature!r} twice; the last would count")
        members[feature] = member
    return members


def _allow_list(feature: object, allowed: object) -> Member:
    if isinstance(allowed, str):
        allowed = [allowed]
    if not isinstance(allowed, Iterable):
        raise ConfigurationError(f"{feature!r} of {_HEADER} takes a list: ['self'], or [] for none")
    members = list(allowed)
    if members == ["*"]:
        return Item(Token("*"), {})
    return InnerList(
        tuple(Item(Token(one) if one in ("self", "*") else one, {}) for one in members), {}
    )


def _check(feature: str, member: Member) -> None:
    items = member.items if isinstance(member, InnerList) else (member,)
    for item in (*items, Item("", member.parameters)):
        unknown = [key for key in item.parameters if key != "report-to"]
        if unknown:
            raise ConfigurationError(
                f"{feature!r} of {_HEADER} has an unknown parameter {unknown[0]!r};"
                " 'report-to' is the only one"
            )
    for item in items:
        value = item.value
        if isinstance(value, Token):
            if value not in ("self", "*"):
                raise ConfigurationError(
                    f"{feature!r} of {_HEADER} allows {str(value)!r}; use self, * or an origin in"
                    " double quotes, and () for nobody"
                )
        elif not isinstance(value, str) or not _ORIGIN.match(value):
            raise ConfigurationError(
                f"{feature!r} of {_HEADER} allows {value!r}, which is no origin; write it as"
                " 'https://maps.example', without a path"
            )
