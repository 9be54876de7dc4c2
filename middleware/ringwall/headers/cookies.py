"""Set-Cookie on its way out: the attributes that the app forgot, and the rules of name prefixes.

Read as browsers read it (RFC 6265bis section 5.6): everything up to the first `;` is the pair,
quotes or not; the last attribute of a name counts. Only what is missing is appended, so that the
line stays as the app wrote it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from .._errors import ConfigurationError, did_you_mean
from .._fingerprint import Configured

_WSP = b" \t"
_NO_CONTROLS = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_IN_NAME = frozenset(
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_SAME_SITE = {"Strict": b"; SameSite=Strict", "Lax": b"; SameSite=Lax", None: b""}
_SAME_SITE_VALUES = frozenset({b"strict", b"lax", b"none"})
_MOST_IN_ATTRIBUTE = 1024  # browsers ignore an attribute with a longer value

# What the cross-site request forgery protections of Django, Angular and Tornado let scripts read.
READABLE = frozenset({"csrftoken", "XSRF-TOKEN", "_xsrf"})


class Cookies(Configured):
    """What every cookie leaves with.

    Over HTTPS each gets `Secure`. Names that begin with `__Secure-` or `__Host-` promise more, and
    get it: `Secure` always; `__Host-` also `Path=/` and no `Domain`; `__Http-` and `__Host-Http-`
    also `HttpOnly`. A cookie without a name is taken away, for it would come back as another one
    (`=__Host-id=1` as `__Host-id=1`), and so is one with control characters, which browsers ignore.

    Parameters:
        http_only: add `HttpOnly`.
        same_site: added where the cookie has no valid one; None: not.
        readable: names of cookies that scripts must read, which do not get `HttpOnly`.

    Raises:
        ConfigurationError: an argument cannot work.

    Source: RFC 6265bis, sections 4.1.3, 5.6 and 5.7.

    >>> Cookies().upgrade(b"id=1; Path=/", secure=True)
    b'id=1; Path=/; Secure; HttpOnly; SameSite=Lax'
    >>> Cookies().upgrade(b"__Host-id=1; Domain=example.com", secure=True)
    b'__Host-id=1; Path=/; Secure; HttpOnly; SameSite=Lax'
    """

    def __init__(
        self,
        *,
        http_only: bool = True,
        same_site: Literal["Lax", "Strict"] | None = "Lax",
        readable: Iterable[str] = READABLE,
    ) -> None:
        if type(http_only) is not bool:
            raise ConfigurationError("Cookies: http_only= takes True or False")
        if same_site not in _SAME_SITE:
            raise ConfigurationError(
                f"Cookies: unknown same_site={same_site!r}"
                + did_you_mean(str(same_site), ("Lax", "Strict"))
                + "; SameSite=None is for the app to say, cookie by cookie"
            )
        self._http_only = http_only
        self._same_site = _SAME_SITE[same_site]
        self._readable = _names(readable)
        self._completed = lru_cache(maxsize=256)(self._complete)

    def __repr__(self) -> str:
        return "<Cookies>"

    def upgrade(self, line: bytes, secure: bool) -> bytes | None:
        """The value of a Set-Cookie line as it shall leave; None: it shall not.

        Parameters:
            line: the value as the app wrote it.
            secure: the response leaves over HTTPS.
        """
        pair, semicolon, tail = line.partition(b";")
        name, equals, _ = pair.partition(b"=")
        name = name.strip(_WSP)
        if not equals or not name or line.translate(None, _NO_CONTROLS):
            return None
        tail, added = self._completed(name, semicolon + tail, secure)
        return pair + tail + added

    def _complete(self, name: bytes, tail: bytes, secure: bool) -> tuple[bytes, bytes]:
        """The attributes as they stay, and those to append. Apps repeat them: kept in a cache."""
        attributes = _attributes(tail)
        http_only = self._http_only and name not in self._readable
        # Browsers compare prefixes without regard to case, lest servers that do not be misled.
        promise = name[:12].lower()
        if promise.startswith((b"__host-", b"__secure-", b"__http-")):
            secure = True
            http_only = http_only or promise.startswith((b"__http-", b"__host-http-"))
        if promise.startswith(b"__host-") and (
            attributes.get(b"path") != b"/" or b"domain" in attributes
        ):
            tail = _without_scope(tail) + b"; Path=/"
        added = b""
        if secure and b"secure" not in attributes:
            added += b"; Secure"
        if http_only and b"httponly" not in attributes:
            added += b"; HttpOnly"
        if attributes.get(b"samesite") not in _SAME_SITE_VALUES:
            added += self._same_site
        return tail, added


def _attributes(tail: bytes) -> dict[bytes, bytes]:
    """Names and values in lower case; of repeated ones the last."""
    found: dict[bytes, bytes] = {}
    for attribute in tail.lower().split(b";"):
        key, _, value = attribute.partition(b"=")
        value = value.strip(_WSP)
        if len(value) <= _MOST_IN_ATTRIBUTE:
            found[key.strip(_WSP)] = value
    return found


def _without_scope(tail: bytes) -> bytes:
    return b";".join(
        attribute
        for attribute in tail.split(b";")
        if attribute.partition(b"=")[0].strip(_WSP).lower() not in (b"domain", b"path")
    )


def _names(readable: object) -> frozenset[bytes]:
    if isinstance(readable, str) or not isinstance(readable, Iterable):
        raise ConfigurationError("Cookies: readable= takes names: ['csrftoken']")
    names = list(readable)
    for name in names:
        if not isinstance(name, str) or not name or not _IN_NAME.issuperset(name):
            raise ConfigurationError(f"Cookies: readable= holds {name!r}, which is no cookie name")
    return frozenset(name.encode("ascii") for name in names)
