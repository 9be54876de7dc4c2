"""`WWW-Authenticate`: one correct list of challenges, for every way a request can fail."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._errors import ConfigurationError
from ..problem import Header
from ._failure import Failure
from ._scheme import Scheme

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
QUOTABLE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*\Z")  # RFC 6750 section 3

_OAUTH = frozenset({"bearer", "dpop"})
_LACKING = "The credentials lack a scope that this needs."


def challenge(scheme: Scheme, parameters: Iterable[tuple[str, str]]) -> str:
    """One challenge (RFC 9110 section 11.3).

    Raises:
        ConfigurationError: a parameter would have to be escaped.
    """
    items = []
    for name, value in parameters:
        if not TOKEN.match(name) or not QUOTABLE.match(value):
            raise ConfigurationError(
                f"the challenge of {scheme.name} holds a parameter that needs quoting"
            )
        items.append(f'{name}="{value}"')
    return f"{scheme.name} " + ", ".join(items)


class ChallengeList:
    """The challenges of all schemes of a layer; also what other layers may ask for (see
    `ringwall._challenges.Challenges`).

    Parameters:
        schemes: in the order in which they are offered.
        realm: the protection space.
        metadata: the URL of the protected-resource metadata (RFC 9728 section 5.1), or None.
    """

    def __init__(self, schemes: tuple[Scheme, ...], realm: str, metadata: str | None) -> None:
        self._schemes = schemes
        self._realm = realm
        self._metadata = metadata
        self.missing: Header = self.line(None, None)

    def line(self, failure: Failure | None, failed: Scheme | None) -> Header:
        """The header for a failure; `failed` is the scheme it belongs to, if to one."""
        made = [
            challenge(
                scheme,
                (
                    *self._parameters(scheme),
                    *(_error(scheme, failure) if failure and failed in (None, scheme) else ()),
                ),
            )
            for scheme in self._schemes
        ]
        return b"www-authenticate", ", ".join(made).encode("ascii")

    def insufficient_scope(self, scheme: str, scope: str) -> Header | None:
        if scheme not in _OAUTH or not QUOTABLE.match(scope):
            return None
        for each in self._schemes:
            if each.name.lower() == scheme:
                error = ("error", "insufficient_scope"), ("error_description", _LACKING)
                text = challenge(each, (*self._parameters(each), *error, ("scope", scope)))
                return b"www-authenticate", text.encode("ascii")
        return None

    def _parameters(self, scheme: Scheme) -> list[tuple[str, str]]:
        parameters = [("realm", self._realm), *scheme.parameters]
        if self._metadata is not None and scheme.name.lower() in _OAUTH:
            parameters.append(("resource_metadata", self._metadata))
        return parameters


def _error(scheme: Scheme, failure: Failure) -> tuple[tuple[str, str], ...]:
    """RFC 6750 section 3."""
    if failure.error is None or not scheme.tells_error:
        return ()
    return ("error", failure.error), ("error_description", failure.detail)
