"""Credentials in a request, told by the names of its headers and parameters alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._errors import ConfigurationError
from .._exchange import Exchange

CREDENTIALS: tuple[str, ...] = (
    "authorization",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "?access_token",
    "?api_key",
)
"""Headers and `?query` parameters (RFC 6750 section 2.3) that carry a credential. Cookies are not
among them: browsers send theirs with the first click on an http:// link, and a refusal would lock
out everybody who follows one."""

# Field names (RFC 9110 section 5.1), and parameter names that need no percent-encoding.
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+\Z|\?[a-z0-9_.~-]+\Z")


class Credentials:
    """Tells whether a request carries a credential.

    Parameters:
        names: headers, and query parameters with a `?` before the name.

    Raises:
        ConfigurationError: a name is no header or parameter name.
    """

    def __init__(self, names: Iterable[str]) -> None:
        if isinstance(names, (str, bytes)):
            raise ConfigurationError(f"credentials= takes a list: credentials=[{names!r}]")
        found = [_checked(name) for name in names]
        self.headers: frozenset[bytes] = frozenset(
            name for name in found if not name.startswith(b"?")
        )
        self.parameters: frozenset[bytes] = frozenset(
            name[1:] for name in found if name.startswith(b"?")
        )

    def sent(self, exchange: Exchange) -> bool:
        """Whether one of the headers or parameters is there, and not empty."""
        headers = exchange.headers
        if any(headers.get(name) for name in self.headers):
            return True
        for pair in exchange.query.replace(b";", b"&").split(b"&"):
            name, _, value = pair.partition(b"=")
            if value and name.lower() in self.parameters:
                return True
        return False


def _checked(name: str) -> bytes:
    if not isinstance(name, str) or not _NAME.match(name.lower()):
        raise ConfigurationError(
            f"credentials= holds {name!r}; write a header such as 'x-api-key' or a query parameter"
            " such as '?access_token'"
        )
    return name.lower().encode("ascii")
