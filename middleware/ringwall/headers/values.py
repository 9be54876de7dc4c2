"""The other headers: what each may say. A value that browsers would ignore is no protection."""

from __future__ import annotations

import re
from collections.abc import Callable

from .._errors import ConfigurationError, did_you_mean

# RFC 9111, RFC 8246 (immutable), RFC 5861 (stale-*). True: with seconds. False: without a value.
# None: may name fields.
_CACHE_DIRECTIVES = {
    "no-store": False, "no-cache": None, "private": None, "public": False, "no-transform": False,
    "must-revalidate": False, "proxy-revalidate": False, "must-understand": False,
    "immutable": False, "max-age": True, "s-maxage": True, "stale-while-revalidate": True,
    "stale-if-error": True,
}  # fmt: skip
_CACHE_DIRECTIVE = re.compile(
    r'([A-Za-z\-]+)(?:=(?:([0-9]{1,10})|"[A-Za-z0-9\-]+(?: *, *[A-Za-z0-9\-]+)*"))?\Z'
)
_BETWEEN = re.compile(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*\Z)")  # commas outside quotes
_REFERRER_POLICIES = frozenset(
    {
        "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
        "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url",
    }
)  # fmt: skip
_REPORT_TO = re.compile(r'; *report-to="[A-Za-z0-9\-_.]+"\Z')


def _one_of(*values: str, reports: bool = False, fold: bool = False) -> Callable[[str, str], None]:
    def check(header: str, value: str) -> None:
        word = _REPORT_TO.sub("", value) if reports else value
        word = word.lower() if fold else word
        if word not in values:
            raise ConfigurationError(
                f"{header}: unknown value {value!r}" + did_you_mean(word, values)
            )

    return check


def _frame_options(header: str, value: str) -> None:
    if value.lower().startswith("allow-from"):
        raise ConfigurationError(
            f"{header}: browsers ignore ALLOW-FROM, and the header with it; name the origins in"
            " frame-ancestors of Content-Security-Policy"
        )
    _one_of("deny", "sameorigin", fold=True)(header, value)


def _xss_protection(header: str, value: str) -> None:
    if value != "0":
        raise ConfigurationError(
            f"{header}: only '0' is safe: the filter of old browsers can be turned against the page"
        )


def _referrer_policy(header: str, value: str) -> None:
    # Browsers take the last one that they know: a list gives old ones something.
    for word in value.split(","):
        if word.strip(" ") not in _REFERRER_POLICIES:
            raise ConfigurationError(
                f"{header}: unknown value {word.strip(' ')!r}"
                + did_you_mean(word.strip(" "), _REFERRER_POLICIES)
            )


def _cache_control(header: str, value: str) -> None:
    for part in _BETWEEN.split(value):
        directive = part.strip(" ")
        found = _CACHE_DIRECTIVE.match(directive)
        name = found[1].lower() if found else directive.partition("=")[0]
        if name not in _CACHE_DIRECTIVES:
            raise ConfigurationError(
                f"{header}: unknown directive {name!r}" + did_you_mean(name, _CACHE_DIRECTIVES)
            )
        seconds = _CACHE_DIRECTIVES[name]
        if (
            found is None
            or (seconds is True) != (found[2] is not None)
            or (seconds is False and "=" in directive)
        ):
            hint = f"{name}=3600" if seconds else f"{name} without a number"
            raise ConfigurationError(f"{header}: {directive!r} is malformed; write {hint}")


_CHECKS: dict[str, Callable[[str, str], None]] = {
    "Cache-Control": _cache_control,
    "Cross-Origin-Embedder-Policy": _one_of(
        "require-corp", "credentialless", "unsafe-none", reports=True
    ),
    "Cross-Origin-Opener-Policy": _one_of(
        "same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none",
        reports=True,
    ),
    "Cross-Origin-Resource-Policy": _one_of("same-origin", "same-site", "cross-origin"),
    "Origin-Agent-Cluster": _one_of("?1", "?0"),
    "Referrer-Policy": _referrer_policy,
    "X-Content-Type-Options": _one_of("nosniff"),
    "X-DNS-Prefetch-Control": _one_of("off", "on"),
    "X-Download-Options": _one_of("noopen"),
    "X-Frame-Options": _frame_options,
    "X-Permitted-Cross-Domain-Policies": _one_of(
        "none", "master-only", "by-content-type", "by-ftp-filename", "all", "none-this-response"
    ),
    "X-XSS-Protection": _xss_protection,
}  # fmt: skip


def check_value(header: str, value: object) -> str:
    """The value, if browsers would heed it.

    Raises:
        ConfigurationError: they would not; the message says what to write.

    >>> check_value("Referrer-Policy", "no-referer")
    Traceback (most recent call last):
    ringwall.ConfigurationError: Referrer-Policy: unknown value 'no-referer'; did you mean 'no-referrer'?
    """  # noqa: E501
    if not isinstance(value, str):
        raise ConfigurationError(f"{header} takes a text, or None for no such header")
    if not value.isascii() or not value.isprintable():
        raise ConfigurationError(f"{header} takes printable ASCII")
    _CHECKS[header](header, value)
    return value
