"""URLs that a server is asked to fetch (OWASP API7: server side request forgery), as a format.

A literal address is judged here. A name is only compared with the list: where it leads is known
when it is resolved, so whoever fetches must pin the address that was checked (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from .._errors import ConfigurationError

# What urllib, browsers and curl read differently is refused: user information, backslashes,
# controls, spaces, octets beyond ASCII.
_URL = re.compile(
    r"([a-z][a-z0-9+.-]*)://"
    r"(?:\[([0-9a-f:.]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*))"
    r"(?::([1-9][0-9]{0,4}))?"
    r"(?:[/?#][!-\[\]-~]*)?\Z",
    re.IGNORECASE,
)
_LONGEST = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\Z")
# Names that lead inside, whatever resolves them (RFC 6761, RFC 8375, RFC 9476).
_INSIDE = ("localhost", "local", "internal", "home.arpa", "lan", "intranet", "corp", "test", "alt")
# Every reader of IPv4 but Python's takes these: hexadecimal, octal, one number, one dot.
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z")


def public_url(
    *, hosts: Iterable[str] = (), schemes: Iterable[str] = ("https",), ports: Iterable[int] = (443,)
) -> Callable[[str], bool]:
    """A check of `format` for URLs that the app will fetch.

    Parameters:
        hosts: the hosts that a URL may name; `*.example.com` is every host below. Without any,
            every public one: then a name may still lead to a private address.
        schemes, ports: those that it may have.

    Returns:
        The check, for `BodyValidation(..., formats={"uri": public_url(hosts=[...])})`.

    Raises:
        ConfigurationError: a host, scheme or port is none.

    >>> check = public_url(hosts=["hooks.example.com"])
    >>> check("https://hooks.example.com/a"), check("https://169.254.169.254/latest/meta-data")
    (True, False)
    """
    exact, below = _patterns(hosts)
    allowed_schemes = frozenset(scheme.lower() for scheme in _listed("schemes", schemes))
    unknown = allowed_schemes - _DEFAULT_PORTS.keys()
    if unknown or not allowed_schemes:
        raise ConfigurationError("schemes may be 'https' and 'http'; others lead to files and more")
    allowed_ports = frozenset(ports)
    if not all(isinstance(port, int) and 0 < port < 65536 for port in allowed_ports):
        raise ConfigurationError("ports are numbers from 1 to 65535")

    def check(url: str) -> bool:
        found = _URL.match(url) if len(url) <= _LONGEST else None
        if found is None:
            return False
        scheme, host = found[1].lower(), (found[2] or found[3]).lower()
        port = int(found[4]) if found[4] else _DEFAULT_PORTS.get(scheme, 0)
        if scheme not in allowed_schemes or port not in allowed_ports:
            return False
        if found[2] is not None or _NUMERIC.match(host.rpartition(".")[2]):
            return not exact and not below and _is_public(host)
        if exact or below:
            return host in exact or host.endswith(below)
        return "." in host and not host.endswith(_ENDINGS)

    return check


_ENDINGS = tuple("." + name for name in _INSIDE)


def _is_public(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # 0x7f.1, 2130706433, 127.1: an address for some, and for nobody a name
    if isinstance(address, ipaddress.IPv6Address):
        # An address of IPv4 inside, in each form that networks translate (RFC 4291, 6052, 3056).
        if address.ipv4_mapped or address.sixtofour or address.teredo:
            return False
        if address in _TRANSLATED or address in _LOCAL_TRANSLATED or int(address) < 2**32:
            return False
    return address.is_global and not address.is_multicast


_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_TRANSLATED = ipaddress.ip_network("64:ff9b:1::/48")


def _patterns(hosts: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    exact, below = set(), []
    for host in _listed("hosts", hosts):
        if not isinstance(host, str) or not _PATTERN.match(host):
            raise ConfigurationError(
                f"{host!r} is no host: write 'hooks.example.com' or '*.example.com', in lower case"
            )
        if host.startswith("*."):
            below.append(host[1:])
        else:
            exact.add(host)
    return frozenset(exact), tuple(below)


def _listed(name: str, given: Iterable[str]) -> Iterable[str]:
    if isinstance(given, str):
        raise ConfigurationError(f"{name} is a list: write {name}=[{given!r}]")
    return given
