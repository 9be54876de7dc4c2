"""Proxy headers that no trusted proxy wrote: apps would believe them, so they do not see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

# To an app that speaks CGI, `_` and `-` in a name are the same (HTTP_X_FORWARDED_FOR).
_ALL = rb"(?:(?:x[-_])?forwarded|client[-_]cert|ssl[-_]client)(?:[-_]|\Z)"
# What a proxy says of the client's certificate, but not in a spelling that proxies let through.
_TWINS = rb"|(?=[^_]*_)(?:client[-_]cert|ssl[-_]client)(?:[-_]|\Z)"
# Of the family that counts, other words for the scheme are never read: clients may have sent them.
_OF_PROXIES = {
    "x-forwarded": (
        rb"forwarded(?:[-_]|\Z)|(?=[^_]*_)x[-_]forwarded(?:[-_]|\Z)"
        rb"|x-forwarded-(?:ssl|protocol|scheme)\Z"
    ),
    "forwarded": rb"x[-_]forwarded(?:[-_]|\Z)|forwarded[-_]",
}
_HOST = rb"|x-forwarded-host\Z"


class Withheld(NamedTuple):
    """Each tells of a header's name whether the app shall not see it: by a result other than None.

    from_strangers: in a request of anybody. from_proxies: in one of a trusted proxy.
    """

    from_strangers: Callable[[bytes], object]
    from_proxies: Callable[[bytes], object]


def withheld(family: str, host: bool) -> Withheld:
    """For a header family, and whether the proxies vouch for the host.

    >>> strangers, proxies = withheld("x-forwarded", host=False)
    >>> [bool(proxies(name)) for name in (b"x-forwarded-for", b"x_forwarded_for", b"forwarded")]
    [False, True, True]
    >>> bool(strangers(b"x-forwarded-for"))
    True
    """
    pattern = _OF_PROXIES[family] + _TWINS
    if family == "x-forwarded" and not host:
        pattern += _HOST
    return Withheld(re.compile(_ALL, re.I).match, re.compile(pattern, re.I).match)
