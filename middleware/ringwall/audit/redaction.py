"""What of a request is recorded, and what of it in another form."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args
from urllib.parse import unquote

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange
from .._fingerprint import Configured
from .record import clean

Rule = Literal["hash", "drop"]
Masked = Callable[[str], "str | None"]

REDACTED = "REDACTED"
_FIELDS = ("subject", "credential", "client", "peer", "path")
_SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "dpop", "x-api-key"}
)
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_LONGEST_QUERY = 512
_MOST_QUERY_PAIRS = 32
_MOST_DECODINGS = 3


class Redaction(Configured):
    """Rules for `Audit(redact=)`. Without them a record holds no header, query or body at all.

    Parameters:
        paths: templates of paths that hold a secret, such as "/reset/{token}": from the first
            parameter on they are recorded, and told to spans, as "REDACTED", however the client
            spells them and whatever comes after.
        fields: "hash" or "drop" for "subject", "credential", "client", "peer", "path", or a
            parameter of a route, "params.email". A hash is an HMAC-SHA-256 under `key`: equal
            values stay equal, and cannot be guessed without the key.
        key: at least 16 octets, for "hash".
        headers: request headers to record. Credentials cannot be.
        query: names of query parameters whose values to record; the others' are "REDACTED".
        bodies: "POST /v1/orders": routes whose bodies to record, where a layer has read them: the
            first 4096 characters.

    Raises:
        ConfigurationError: a rule is unknown, a key is missing or short, or a header is secret.

    >>> Redaction(paths=["/reset/{token}"]).path("//reset/s3cret/")
    '/reset/REDACTED'
    >>> Redaction(fields={"subject": "hash"}, key=b"k" * 16).field("subject")("alice")
    'hmac:f32cf70790fa439d1b1a6879a374a444'
    """

    def __init__(
        self,
        *,
        paths: Iterable[str] = (),
        fields: Mapping[str, Rule] | None = None,
        key: bytes | None = None,
        headers: Iterable[str] = (),
        query: Iterable[str] | None = None,
        bodies: Iterable[str] = (),
    ) -> None:
        fields = dict(fields or {})
        for name, rule in fields.items():
            if name not in _FIELDS and not name.startswith("params."):
                raise ConfigurationError(f"unknown field {name!r}" + did_you_mean(name, _FIELDS))
            if rule not in get_args(Rule):
                raise ConfigurationError(
                    f"unknown rule {rule!r} for {name!r}" + did_you_mean(str(rule), get_args(Rule))
                )
        if "hash" in fields.values() and (not isinstance(key, bytes) or len(key) < 16):
            raise ConfigurationError(
                "to hash a field, give key=, at least 16 octets; make one with"
                " secrets.token_bytes(32)"
            )
        self._key = key or b""
        self._fields = {name: self._masked(name, rule) for name, rule in fields.items()}
        templates = [_template(path) for path in paths]
        self._paths = [literal for literal, _ in templates]
        for _, names in templates:
            for name in names:
                self._fields[f"params.{name}"] = _redacted
        self.headers: tuple[str, ...] = tuple(sorted(_header(name) for name in headers))
        self._query = frozenset(query or ())
        self._bodies = frozenset(bodies)
        self.hides_paths: bool = bool(self._paths)
        self.tells_queries: bool = query is not None
        self.tells_bodies: bool = bool(self._bodies)

    def __repr__(self) -> str:
        return "<Redaction>"

    def field(self, name: str) -> Masked:
        """How to record a field."""
        return self._fields.get(name, as_it_is)

    def path(self, path: str) -> str:
        """A path without what its template says is secret."""
        segments = _segments(path)
        folded = [segment.casefold() for segment in segments]
        for literal in self._paths:
            if folded[: len(literal)] == literal and len(folded) > len(literal):
                return "/" + "/".join([*segments[: len(literal)], REDACTED])
        return path

    def target(self, exchange: Exchange) -> str:
        """The path of an exchange as it may be told: templates are those of the app's router, below
        the mount point, or of the whole path."""
        path, root = exchange.path, exchange.root
        if self.hides_paths:
            below = self.path(path)
            return root + below if below != path else self.path(root + path)
        return root + path if root else path

    def query(self, query: bytes) -> str:
        """A query with the values that may be told. `tells_queries` says whether to record it."""
        return redact_query(query, self._query)

    def body(self, exchange: Exchange) -> bytes | None:
        """The body, if it is to be recorded and somebody read it."""
        if self._bodies and f"{exchange.method} {exchange.route}" in self._bodies:
            return exchange.body
        return None

    def _masked(self, name: str, rule: Rule) -> Masked:
        if rule == "drop":
            return _dropped
        key, prefix = self._key, name.encode() + b"\0"

        def hashed(value: str) -> str:
            data = prefix + value.encode("utf-8", "surrogatepass")
            return "hmac:" + hmac.digest(key, data, "sha256").hex()[:32]

        return hashed


def redact_query(query: bytes, shown: frozenset[str] = frozenset()) -> str:
    """A query string whose values, and whose parts without a name, are not told.

    >>> redact_query(b"token=s3cret&page=2&s3cret", frozenset({"page"}))
    'token=REDACTED&page=2&REDACTED'
    """
    parts: list[str] = []
    for pair in query.split(b"&", _MOST_QUERY_PAIRS)[:_MOST_QUERY_PAIRS]:
        name, separator, value = pair.partition(b"=")
        text = name.decode("latin-1")
        told = value.decode("latin-1") if text in shown else REDACTED
        parts.append(f"{text}={told}" if separator else REDACTED)
    return clean("&".join(parts), _LONGEST_QUERY)


def as_it_is(value: str) -> str:
    """Of a field that no rule is for."""
    return value


def _redacted(value: str) -> str:
    return REDACTED


def _dropped(value: str) -> None:
    return None


def _segments(path: str) -> list[str]:
    """The segments as any router could read them: two slashes are one, dots are resolved, what was
    encoded twice is decoded."""
    found: list[str] = []
    for _ in range(_MOST_DECODINGS):
        path = unquote(path)
    for segment in path.replace("\\", "/").split("/"):
        name = segment.partition(";")[0]
        if name == "..":
            del found[-1:]
        elif name not in ("", "."):
            found.append(name)
    return found


def _template(path: str) -> tuple[list[str], list[str]]:
    """The literal segments before the first parameter, and the names of all parameters."""
    if not isinstance(path, str) or not path.startswith("/") or not ("{" in path or "*" in path):
        raise ConfigurationError(
            f"{path!r} is no template of a path with a secret; write such as '/reset/{{token}}'"
        )
    segments = [segment for segment in path.split("/") if segment]
    first = next(at for at, segment in enumerate(segments) if "{" in segment or "*" in segment)
    names = re.findall(r"\{([^}:]+)", path)
    return [segment.casefold() for segment in segments[:first]], names


def _header(name: str) -> str:
    lowered = name.lower()
    if not _NAME.fullmatch(lowered):
        raise ConfigurationError(f"{name!r} is no header name")
    if lowered in _SECRET_HEADERS:
        raise ConfigurationError(f"the header {name!r} holds a credential, which no record may")
    return lowered


PLAIN = Redaction()
