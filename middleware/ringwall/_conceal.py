"""Credentials that the app shall not see, taken out of what an adapter hands over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

_PROTOCOLS = b"sec-websocket-protocol"


class Concealment(NamedTuple):
    """Where credentials are.

    headers: names of headers, in lower case. cookies: names of cookies. query: names of query
    parameters. marker: the websocket subprotocol that a credential follows; it goes, too.
    """

    headers: frozenset[bytes] = frozenset()
    cookies: frozenset[bytes] = frozenset()
    query: frozenset[bytes] = frozenset()
    marker: bytes | None = None

    def joined(self, other: Concealment | None) -> Concealment:
        """This and what another layer conceals."""
        if other is None:
            return self
        return Concealment(
            self.headers | other.headers,
            self.cookies | other.cookies,
            self.query | other.query,
            self.marker or other.marker,
        )

    def edit(self, name: bytes, value: bytes) -> bytes | None:
        """What remains of a header; None: nothing."""
        if name in self.headers:
            return None
        if name == b"cookie" and self.cookies:
            return without_cookies(value, self.cookies)
        if name == _PROTOCOLS and self.marker is not None:
            kept = without_credential(list_members(value), self.marker)
            return b", ".join(kept) or None
        return value

    def of_scope(self, scope: Any) -> None:
        """Take them out of an ASGI scope, which is the app's own copy."""
        kept = []
        for line in scope.get("headers") or ():
            value = self.edit(line[0].lower(), line[1])
            if value is not None:
                kept.append(line if value == line[1] else (line[0], value))
        scope["headers"] = kept
        if self.query:
            scope["query_string"] = without_query(scope.get("query_string") or b"", self.query)
        if self.marker is not None:
            offered = scope.get("subprotocols") or ()
            scope["subprotocols"] = without_credential(offered, self.marker.decode("ascii"))

    def of_environ(self, environ: Any) -> None:
        """Take them out of a WSGI environ."""
        for key in _environ_keys(self.headers).intersection(environ):
            del environ[key]
        if self.cookies and "HTTP_COOKIE" in environ:
            value = environ["HTTP_COOKIE"].encode("latin-1")
            kept = without_cookies(value, self.cookies)
            if kept is None:
                del environ["HTTP_COOKIE"]
            else:
                environ["HTTP_COOKIE"] = kept.decode("latin-1")
        if self.query:
            for key in ("QUERY_STRING", "REQUEST_URI", "RAW_URI"):
                if key in environ:
                    environ[key] = self._of_target(environ[key], bare=key == "QUERY_STRING")

    def _of_target(self, target: str, bare: bool) -> str:
        path, mark, query = ("", "", target) if bare else target.partition("?")
        try:
            kept = without_query(query.encode("latin-1"), self.query).decode("latin-1")
        except UnicodeEncodeError:
            return path  # no server decodes it so: better too little than the credential
        return path + mark + kept if kept or bare else path


@lru_cache(maxsize=64)
def _environ_keys(names: frozenset[bytes]) -> frozenset[str]:
    return frozenset("HTTP_" + n.decode("ascii").upper().replace("-", "_") for n in names)


def parameter_name(pair: bytes) -> bytes:
    """The decoded name of one `name=value` of a query string."""
    name = pair.partition(b"=")[0]
    return unquote_to_bytes(name.replace(b"+", b" ")) if b"%" in name or b"+" in name else name


def without_query(query: bytes, names: frozenset[bytes]) -> bytes:
    """A query string without some parameters, the rest as it was.

    >>> without_query(b"a=1&t%6Fken=x&b", frozenset([b"token"]))
    b'a=1&b'
    """
    pairs = query.split(b"&")
    kept = [pair for pair in pairs if parameter_name(pair) not in names]
    return query if len(kept) == len(pairs) else b"&".join(kept)


def without_cookies(value: bytes, names: frozenset[bytes]) -> bytes | None:
    """A Cookie header without some cookies; None where none is left.

    >>> without_cookies(b"a=1; key=x; b=2", frozenset([b"key"]))
    b'a=1; b=2'
    """
    pairs = cookie_pairs(value)
    kept = [pair for pair in pairs if pair.partition(b"=")[0].strip() not in names]
    if len(kept) == len(pairs):
        return value
    return b"; ".join(kept) or None


def cookie_pairs(value: bytes) -> list[bytes]:
    """The pairs of a Cookie header. A comma, which no cookie may hold (RFC 6265 section 4.1.1),
    stands between several lines that a server joined."""
    return [pair for pair in (part.strip() for part in re.split(rb"[;,]", value)) if pair]


def list_members(value: bytes) -> list[bytes]:
    return [member.strip(b" \t") for member in value.split(b",")]


def without_credential(offered: Sequence[Any], marker: Any) -> list[Any]:
    """Subprotocols without a marker and what follows it.

    >>> without_credential(["chat", "bearer", "s3cret", "v2"], "bearer")
    ['chat', 'v2']
    """
    members = list(offered)
    while marker in members:
        at = members.index(marker)
        del members[at : at + 2]
    return members
