"""Paths that stay anonymous, and the one where everybody finds the metadata of this API."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Verdict
from ..problem import Response
from ._challenge import ChallengeList
from ._judge import decision
from .resource import METHOD, ProtectedResource


class OpenPaths:
    """Lets requests for exempt paths pass unjudged, and answers those for the metadata.

    Parameters:
        exempt: as of `Authentication`.
        resource: whose metadata are served; None: there are none.
        issuers: the issuers to name in them.
        challenges: of the layer. on_request: judges what is not open.

    Raises:
        ConfigurationError: see `exempt_paths`.

    Attributes:
        any: whether there is such a path.
    """

    def __init__(
        self,
        exempt: Iterable[str],
        resource: ProtectedResource | None,
        issuers: set[str],
        challenges: ChallengeList,
        on_request: Callable[[Exchange], Verdict],
    ) -> None:
        self._exact, self._below = exempt_paths(exempt)
        self.any = bool(self._exact or self._below or resource)
        self._challenges = challenges
        self._on_request = on_request
        self._metadata_path: str | None = None
        self._exempted = decision("allow", "exempt", "anonymous")
        if resource is not None:
            self._metadata_path = resource.path
            self._metadata = resource.response(issuers)
            self._told = decision("allow", "metadata", "public")
            self._untold = decision("deny", "metadata", "method-not-allowed")

    def on_request(self, exchange: Exchange) -> Verdict:
        path = exchange.path
        if path == self._metadata_path and exchange.kind == "http":
            exchange.challenges = self._challenges
            return self._tell(exchange)
        if path in self._exact or path.startswith(self._below):
            exchange.challenges = self._challenges
            exchange.authenticate(None)
            exchange.decisions.append(self._exempted)
            return None
        return self._on_request(exchange)

    def _tell(self, exchange: Exchange) -> Response:
        if exchange.method not in ("GET", "HEAD"):
            exchange.decisions.append(self._untold)
            return METHOD
        exchange.decisions.append(self._told)
        return self._metadata


def exempt_paths(exempt: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The exact paths, and the prefixes (which end with a slash).

    Raises:
        ConfigurationError: one of them is neither, or is everything.
    """
    if isinstance(exempt, str):
        raise ConfigurationError(f"exempt is a list of paths: write exempt=[{exempt!r}]")
    exact: set[str] = set()
    below: list[str] = []
    for path in exempt:
        if not isinstance(path, str) or not path.startswith("/"):
            raise ConfigurationError(f"exempt holds {path!r}: a path begins with '/'")
        prefix = path.removesuffix("**")
        if "*" in prefix or "{" in prefix or (prefix != path and not prefix.endswith("/")):
            raise ConfigurationError(
                f"exempt holds {path!r}: write an exact path ('/healthz') or everything below one"
                " ('/static/**')"
            )
        if prefix == "/" != path:
            raise ConfigurationError(
                "exempt=['/**'] would switch authentication off; leave the layer out instead, or"
                " write optional=True"
            )
        if prefix == path:
            exact.add(path)
        else:
            below.append(prefix)
    return frozenset(exact), tuple(below)
