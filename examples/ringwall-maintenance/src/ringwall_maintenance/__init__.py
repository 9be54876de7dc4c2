"""A layer for Ringwall: refuses everything while the service is being maintained."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ringwall import ConfigurationError, Decision, Exchange, Layer, Response
from ringwall.problem import problem

__all__ = ["Maintenance"]

_ALLOWED = Decision("maintenance", "allow", "flag", "open")
_EXEMPTED = Decision("maintenance", "allow", "exempt", "exempt")
_DENIED = Decision("maintenance", "deny", "flag", "maintenance")


class Maintenance(Layer):
    """Answers 503 while a file is there.

    Parameters:
        flag: the path of the file; `touch` it to close the service.
        retry_after: what clients are told to wait, in seconds.
        exempt: exact paths that are served all the same, such as "/healthz".

    Raises:
        ConfigurationError: an argument cannot work.

    >>> Maintenance("maintenance.flag", retry_after=0)
    Traceback (most recent call last):
    ringwall.ConfigurationError: retry_after=0: write a number of seconds, 1 or more
    """

    name = "maintenance"
    # It knows neither host nor target, so it may judge what the boundary refuses.
    tolerant = True

    def __init__(
        self,
        flag: str | os.PathLike[str],
        *,
        retry_after: int = 120,
        exempt: Iterable[str] = (),
    ) -> None:
        if type(retry_after) is not int or retry_after < 1:
            raise ConfigurationError(
                f"retry_after={retry_after!r}: write a number of seconds, 1 or more"
            )
        if isinstance(exempt, str):
            raise ConfigurationError(f"exempt is a list of paths: write exempt=[{exempt!r}]")
        self._flag = Path(flag)
        self._exempt = frozenset(exempt)
        # With it the layer decides by path: odd paths are refused before it.
        self.by_path = bool(self._exempt)
        self._closed = problem(
            503,
            "Closed for maintenance; try again later.",
            code="maintenance",
            headers=[(b"retry-after", b"%d" % retry_after)],
        )

    def on_request(self, exchange: Exchange) -> Response | None:
        if exchange.path in self._exempt:
            exchange.decisions.append(_EXEMPTED)
            return None
        if self._flag.exists():
            exchange.decisions.append(_DENIED)
            return self._closed
        exchange.decisions.append(_ALLOWED)
        return None
