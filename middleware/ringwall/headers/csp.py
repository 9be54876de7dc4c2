"""Content-Security-Policy: read, checked word by word, and written anew."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._errors import ConfigurationError, did_you_mean

NONCE = "'nonce'"  # stands for the nonce of the request

_KEYWORDS = frozenset(
    {
        "'self'", "'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'", "'unsafe-hashes'",
        "'report-sample'", "'wasm-unsafe-eval'", "'trusted-types-eval'",
        "'inline-speculation-rules'",
        "'report-sha256'", "'report-sha384'", "'report-sha512'", "'none'", NONCE,
    }
)  # fmt: skip
_UNQUOTED = frozenset(keyword.strip("'") for keyword in _KEYWORDS)
_TAKES_NONCE = frozenset(
    {"default-src", "script-src", "script-src-elem", "style-src", "style-src-elem"}
)
_SANDBOX = frozenset(
    "allow-" + word
    for word in """
    downloads forms modals orientation-lock pointer-lock popups popups-to-escape-sandbox
    presentation same-origin scripts storage-access-by-user-activation top-navigation
    top-navigation-by-user-activation top-navigation-to-custom-protocols
    """.split()
)
_HASH = re.compile(r"'sha(256|384|512)-([A-Za-z0-9+/_-]+={0,2})'\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\Z")
# CSP Level 3 section 2.3.1: a path without `;` and `,`, which would end a directive or a policy.
_HOST = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.\-]*://)?"
    r"(?:\*|(?:\*\.)?[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.?)"
    r"(?::(?:[0-9]{1,5}|\*))?"
    r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+=:@/]|%[0-9A-Fa-f]{2})*)?\Z"
)
_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&()*+=]|%[0-9A-Fa-f]{2})+\Z")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&*+\-.^_`|~]+\Z")
_POLICY_NAME = re.compile(r"[A-Za-z0-9\-#=_/@.%]+\Z")


def _fail(directive: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"{directive!r} of Content-Security-Policy {what}")


def _sources(directive: str, sources: list[str]) -> None:
    if not sources:
        raise _fail(directive, "is empty; write \"'none'\" to allow nothing")
    for source in sources:
        _source(directive, source)
    if len(sources) > 1 and "'none'" in sources:
        raise _fail(directive, "holds 'none' beside other sources, where browsers ignore it")
    if NONCE in sources and directive not in _TAKES_NONCE:
        raise _fail(
            directive,
            "holds 'nonce', which has an effect only in " + ", ".join(sorted(_TAKES_NONCE)),
        )
    if "'strict-dynamic'" in sources and not any(
        source == NONCE or _HASH.match(source) for source in sources
    ):
        raise _fail(directive, "holds 'strict-dynamic', which needs 'nonce' or a hash beside it")


def _source(directive: str, source: str) -> None:
    if source in _KEYWORDS or _SCHEME.match(source):
        return
    if source.lower() in _UNQUOTED:
        raise _fail(
            directive, f"holds {source!r} without its quotes, which is a host; write \"'{source}'\""
        )
    if source.startswith("'nonce-"):
        raise _fail(
            directive, "holds a fixed nonce, which anybody can copy; write 'nonce', and one is made"
            " for each request"
        )  # fmt: skip
    if source.lower().strip("'").startswith(("sha256-", "sha384-", "sha512-")):
        _hash(directive, source)
    elif source.startswith("'") or source.endswith("'"):
        raise _fail(
            directive, f"holds an unknown keyword {source!r}" + did_you_mean(source, _KEYWORDS)
        )
    elif not _HOST.match(source):
        raise _fail(
            directive, f"holds {source!r}, which is no source; write a keyword in quotes, a scheme"
            " as in https:, or a host as in https://cdn.example"
        )  # fmt: skip


def _hash(directive: str, source: str) -> None:
    found = _HASH.match(source)
    if found is not None:
        try:
            # Browsers take both alphabets.
            digest = b64decode(found[2].replace("-", "+").replace("_", "/"), validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) * 8 == int(found[1]):
            return
    raise _fail(directive, f"holds {source!r}, which is no hash; write \"'sha256-<base64>'\"")


def _ancestors(directive: str, sources: list[str]) -> None:
    _sources(directive, sources)
    for source in sources:
        if source.startswith("'") and source not in ("'none'", "'self'"):
            raise _fail(directive, f"holds {source}; it takes 'none', 'self', schemes and hosts")


def _words(known: Iterable[str], least: int = 1) -> Callable[[str, list[str]], None]:
    options = frozenset(known)

    def check(directive: str, words: list[str]) -> None:
        if len(words) < least:
            raise _fail(directive, "is empty" + did_you_mean("", options))
        for word in words:
            if word not in options:
                raise _fail(directive, f"holds {word!r}" + did_you_mean(word, options))

    return check


def _alike(pattern: re.Pattern[str], hint: str) -> Callable[[str, list[str]], None]:
    def check(directive: str, words: list[str]) -> None:
        if not words or not all(map(pattern.match, words)):
            raise _fail(directive, f"takes {hint}")

    return check


def _nothing(directive: str, words: list[str]) -> None:
    if words:
        raise _fail(directive, f"takes no value, not {words[0]!r}")


def _trusted_types(directive: str, words: list[str]) -> None:
    for word in words:
        if word not in ("'none'", "'allow-duplicates'", "*") and not _POLICY_NAME.match(word):
            raise _fail(directive, f"holds {word!r}, which is no name of a policy")


# CSP Level 3, and the directives that other specifications register.
_DIRECTIVES: dict[str, Callable[[str, list[str]], None]] = {
    **dict.fromkeys(
        """
        default-src base-uri child-src connect-src fenced-frame-src font-src form-action frame-src
        img-src manifest-src media-src object-src prefetch-src script-src script-src-attr
        script-src-elem style-src style-src-attr style-src-elem worker-src
        """.split(),
        _sources,
    ),
    "frame-ancestors": _ancestors,
    "sandbox": _words(_SANDBOX, least=0),
    "report-uri": _alike(_URI, "addresses such as /csp-reports"),
    "report-to": _alike(_TOKEN, "the name of an endpoint of Reporting-Endpoints"),
    "require-trusted-types-for": _words({"'script'"}),
    "trusted-types": _trusted_types,
    "webrtc": _words({"'allow'", "'block'"}),
    "upgrade-insecure-requests": _nothing,
    "block-all-mixed-content": _nothing,
}


def content_security_policy(header: str, given: object, base: Mapping[str, Any]) -> tuple[str, ...]:
    """The header's value, in the pieces between which the nonce stands: one piece without any.

    Parameters:
        header: its name, for messages.
        given: the whole policy as text, or a mapping of directives to their values (a text, a
            list, or None for no such directive), which changes `base` directive by directive.
        base: the policy of the preset, as such a mapping.

    Raises:
        ConfigurationError: the policy holds something that browsers would ignore or misread.

    >>> header = "Content-Security-Policy"
    >>> content_security_policy(header, "default-src 'self'; script-src 'self' 'nonce'", {})
    ("default-src 'self'; script-src 'self' 'nonce-", "'")
    >>> content_security_policy(header, {"scrpt-src": "'self'"}, {})
    Traceback (most recent call last):
    ringwall.ConfigurationError: unknown directive 'scrpt-src' of Content-Security-Policy; did you mean 'script-src'?
    """  # noqa: E501
    if isinstance(given, str):
        directives = _parse(given)
    elif isinstance(given, Mapping):
        merged = {**base, **given}
        directives = {
            str(name).lower(): _split(name, value)
            for name, value in merged.items()
            if value is not None
        }
    else:
        raise ConfigurationError(
            f"{header} takes a text, or a mapping: {{'default-src': [\"'self'\"]}}"
        )
    if not directives:
        raise ConfigurationError(f"{header} is empty; use None for no such header")
    for name, words in directives.items():
        check = _DIRECTIVES.get(name)
        if check is None:
            raise ConfigurationError(
                f"unknown directive {name!r} of {header}" + did_you_mean(name, _DIRECTIVES)
            )
        check(name, words)
    text = "; ".join(
        " ".join([name, *("'nonce-\0'" if word == NONCE else word for word in words)])
        for name, words in directives.items()
    )
    return tuple(text.split("\0"))


def _parse(text: str) -> dict[str, list[str]]:
    directives: dict[str, list[str]] = {}
    for part in text.split(";"):
        if not part.strip(" "):
            continue  # `;;` and a `;` at the end are harmless
        name, *words = [word for word in part.split(" ") if word]
        name = name.lower()
        if name in directives:
            raise _fail(name, "is there twice; browsers read the first only")
        directives[name] = words
    return directives


def _split(name: object, value: object) -> list[str]:
    if isinstance(value, str):
        return [word for word in value.split(" ") if word]
    if isinstance(value, Iterable):
        words = list(value)
        if all(isinstance(word, str) for word in words):
            return words
    raise _fail(str(name), "takes a text or a list of texts, and None for no such directive")
