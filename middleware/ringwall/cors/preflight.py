"""Preflights: the question that browsers ask before a request, and the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._errors import ConfigurationError
from .._exchange import Decision
from ..problem import Header, Response
from .names import methods as checked_methods
from .names import tokens
from .verdicts import (
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    ALLOW_PRIVATE_NETWORK,
    MAX_AGE,
    PREFLIGHT,
    PRIVATE_NETWORK,
    VARY_PREFLIGHT,
    WRONG_HEADER,
    WRONG_METHOD,
)

METHOD = b"access-control-request-method"
_HEADERS = b"access-control-request-headers"
_PRIVATE = b"access-control-request-private-network"
ASKED = frozenset({METHOD, _HEADERS, _PRIVATE})

# Fetch Standard: a page needs no permission for these.
_SAFELISTED_METHODS = frozenset({b"GET", b"HEAD", b"POST"})
_SAFELISTED_HEADERS = frozenset(
    {b"accept", b"accept-language", b"content-language", b"content-type", b"range"}
)
_DAY = 86_400  # no browser remembers an answer for longer


class Preflights:
    """Answers preflights of origins that are allowed.

    Parameters:
        methods, headers, max_age, private_network: as for `CORS`.
        grants: lines that say more of what is allowed.

    Raises:
        ConfigurationError: an argument cannot work.
    """

    def __init__(
        self,
        methods: Iterable[str],
        headers: Iterable[str],
        max_age: int,
        private_network: bool,
        grants: tuple[Header, ...],
    ) -> None:
        allowed = checked_methods(methods)
        names = tokens(headers, "headers")
        if type(max_age) is not int or not 0 <= max_age <= _DAY:
            raise ConfigurationError(f"CORS: max_age= takes seconds, from 0 to {_DAY} (a day)")
        self._methods = _SAFELISTED_METHODS | {method.encode() for method in allowed}
        self._headers = _SAFELISTED_HEADERS | {name.lower().encode() for name in names}
        self._private_network = private_network
        self._lines = (
            *grants,
            *list_line(ALLOW_METHODS, allowed),
            *list_line(ALLOW_HEADERS, names),
            (MAX_AGE, b"%d" % max_age),
            VARY_PREFLIGHT,
        )
        self._prepared: dict[tuple[bytes, bool], Response] = {}

    def prepare(self, origins: Iterable[bytes]) -> None:
        """Make the answers to these origins now."""
        for origin in origins:
            for private in (False, True):
                self._prepared[origin, private] = self._make(origin, private)

    def judge(self, headers: Mapping[bytes, bytes]) -> Decision:
        """What the browser will make of the answer."""
        if headers[METHOD] not in self._methods:
            return WRONG_METHOD
        asked = headers.get(_HEADERS)
        if asked and not self._headers.issuperset(
            name.strip(b" \t") for name in asked.lower().split(b",")
        ):
            return WRONG_HEADER
        if _PRIVATE in headers and not self._private_network:
            return PRIVATE_NETWORK
        return PREFLIGHT

    def answer(self, origin: bytes, headers: Mapping[bytes, bytes]) -> Response:
        """204 with what is allowed, whatever was asked for: the browser then says what is not.

        Parameters:
            origin: the value of Access-Control-Allow-Origin.
        """
        private = _PRIVATE in headers
        return self._prepared.get((origin, private)) or self._make(origin, private)

    def _make(self, origin: bytes, private: bool) -> Response:
        lines: tuple[Header, ...] = ((ALLOW_ORIGIN, origin), *self._lines)
        if private and self._private_network:
            lines = (*lines, (ALLOW_PRIVATE_NETWORK, b"true"))
        return Response(204, lines)


def list_line(name: bytes, members: tuple[str, ...]) -> tuple[Header, ...]:
    """The header with these members, or no line where there are none."""
    return ((name, ", ".join(members).encode("ascii")),) if members else ()
