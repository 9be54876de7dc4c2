"""Origins as browsers spell them (RFC 6454 section 6.2), parsed strictly once, then compared."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from .._boundary import parse_host
from .._errors import ConfigurationError

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")  # RFC 3986 section 3.1
_DEFAULT_PORTS = {"http": 80, "https": 443}
# One DNS label in lower case, as browsers send it; internationalised ones come as A-labels.
_LABEL = re.compile(rb"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
# Their pages have no origin of their own, but share `null` with every sandboxed frame.
_OPAQUE = frozenset({"about", "blob", "data", "file", "javascript"})
_NULL = (
    "'null' is no origin to trust: any page can send it from a sandboxed frame; serve the page from"
    " an origin of its own and name that"
)


class Origins:
    """Tells whether an origin is among those configured.

    Parameters:
        entries: `scheme://host[:port]`; the host is a name, an IPv4 address, an `[IPv6]` address,
            or `*.` and a name, which stands for one label below it.
        parameter: the name of the parameter, for messages.

    Raises:
        ConfigurationError: an entry is no such origin; the message says what to write instead.

    >>> ours = Origins(["https://Example.com:443", "https://*.example.org"], "origins")
    >>> b"https://example.com" in ours, b"https://a.example.org" in ours
    (True, True)
    >>> b"https://a.b.example.org" in ours, b"null" in ours
    (False, False)
    """

    def __init__(self, entries: Iterable[str], parameter: str) -> None:
        parsed = [parse_origin(entry, parameter) for entry in entries]
        self.exact: frozenset[bytes] = frozenset(
            origin for origin in parsed if b"://*." not in origin
        )
        self.patterns: frozenset[bytes] = frozenset(parsed) - self.exact

    def __contains__(self, origin: bytes) -> bool:
        return origin in self.exact or self.is_subdomain(origin)

    def is_subdomain(self, origin: bytes) -> bool:
        """Whether a wildcard stands for this origin, byte for byte: no other spelling counts."""
        scheme, _, host = origin.partition(b"://")
        label, _, parent = host.partition(b".")
        return scheme + b"://*." + parent in self.patterns and _LABEL.match(label) is not None


def parse_origin(entry: str, parameter: str = "origins") -> bytes:
    """One entry in the spelling that browsers send.

    Raises:
        ConfigurationError: it is no origin.

    >>> parse_origin("https://Bücher.example:443")
    b'https://xn--bcher-kva.example'
    >>> parse_origin("https://app.example.com/")
    Traceback (most recent call last):
    ringwall.ConfigurationError: origins= holds 'https://app.example.com/'; an origin has \
no path: write 'https://app.example.com'
    """
    if entry.strip().lower() == "null":
        raise ConfigurationError(f"{parameter}= holds {entry!r}; {_NULL}")
    if entry == "*":
        raise ConfigurationError(
            f"{parameter}= holds '*' beside other origins, which it makes pointless; write"
            f" {parameter}=['*'] or name every origin"
        )
    scheme, separator, authority = entry.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise _wrong(entry, parameter, f"write the scheme, too: {'https://' + entry!r}")
    _check_scheme(scheme, entry, parameter)
    end = re.search(r"[/?#\\]", authority)
    if end is not None:
        origin = f"{scheme}://{authority[: end.start()]}"
        raise _wrong(entry, parameter, f"an origin has no path: write {origin!r}")
    wildcard = authority.startswith("*.")
    name = authority[2:] if wildcard else authority
    ascii_name = to_ascii(name, parameter)
    host = parse_host(ascii_name)
    if host is None or "*" in name or (wildcard and host.is_ip):
        raise _wrong(
            entry,
            parameter,
            "write 'https://app.example.com', 'https://*.example.com', 'https://192.0.2.1:8443' or"
            " 'https://[2001:db8::1]'",
        )
    if name.partition(":")[0].endswith("."):
        raise _wrong(entry, parameter, "write the host without the dot at its end")
    if wildcard and "." not in host.name and host.name != "localhost":
        raise _wrong(entry, parameter, "it stands for everybody's domains below that one")
    if host.port is not None and host.port == _DEFAULT_PORTS.get(scheme):
        host = host._replace(port=None)
    # Browsers lower-case the hosts of the web's own schemes, and leave those of others alone.
    spelling = host.authority if scheme in _DEFAULT_PORTS else ascii_name.decode("ascii")
    return f"{scheme}://{'*.' if wildcard else ''}{spelling}".encode("ascii")


def _check_scheme(scheme: str, entry: str, parameter: str) -> None:
    if scheme in _DEFAULT_PORTS:
        return
    if scheme in ("ws", "wss"):
        meant = entry.lower().replace("ws", "http", 1)
        raise _wrong(entry, parameter, f"an origin is that of the page: write {meant!r}")
    if scheme in _OPAQUE:
        raise ConfigurationError(f"{parameter}= holds {entry!r}, whose origin is null; {_NULL}")
    if not _SCHEME.match(scheme):
        raise _wrong(entry, parameter, "the part before '://' is no scheme")
    # Browser extensions and app shells have schemes of their own; a slip of the pen is none.
    close = difflib.get_close_matches(scheme, _DEFAULT_PORTS, n=1)
    if close:
        raise _wrong(entry, parameter, f"did you mean {close[0]!r}?")


def to_ascii(name: str, parameter: str) -> bytes:
    """An internationalised name in A-labels (RFC 5890), where there is but one way to write it.

    The standard codec speaks IDNA 2003, which maps some names to names of somebody else (`ß` to
    `ss`), where browsers do not: what does not survive the way back is refused.

    Raises:
        ConfigurationError: the name has no certain ASCII form.
    """
    if name.isascii():
        return name.encode("ascii")
    host, colon, port = name.lower().partition(":")
    try:
        encoded = host.encode("idna")
        if encoded.decode("idna") == host:
            return encoded + (colon + port).encode("ascii")
    except UnicodeError:
        pass
    raise _wrong(name, parameter, "write its A-labels, such as 'xn--bcher-kva.example'")


def _wrong(entry: str, parameter: str, advice: str) -> ConfigurationError:
    return ConfigurationError(f"{parameter}= holds {entry!r}; {advice}")
