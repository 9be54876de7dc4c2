"""Paths that stay anonymous."""

from __future__ import annotations

from collections.abc import Iterable

from .._errors import ConfigurationError


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
