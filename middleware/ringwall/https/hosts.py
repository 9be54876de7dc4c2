"""The hosts that the app answers for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .._boundary import Host, parse_host
from .._errors import ConfigurationError


class AnyHost:
    """The type of `ANY_HOST`."""

    def __repr__(self) -> str:
        return "ANY_HOST"


ANY_HOST: Final = AnyHost()
"""Answer for every host, and redirect to whatever host the client named. Only for an app behind
something that checks the host itself: else poisoned caches and links are the price."""


class AllowList:
    """Tells whether a host is one of ours.

    Parameters:
        hosts: names, `*.example.com` for one label below as in certificates (RFC 9525 section
            6.3), IPv4 and `[IPv6]` addresses, each with an optional HTTPS port; without one, any
            port is right. Or `ANY_HOST`.

    Raises:
        ConfigurationError: an entry is no host.

    >>> ours = AllowList(["example.com:8443", "*.example.com"])
    >>> ours.allows("example.com", 8443), ours.allows("example.com", 443)
    (True, False)
    >>> ours.allows("api.example.com", 443), ours.allows("a.b.example.com", 443)
    (True, False)
    """

    def __init__(self, hosts: Iterable[str] | AnyHost) -> None:
        self.everyone: bool = isinstance(hosts, AnyHost)
        parsed = [] if isinstance(hosts, AnyHost) else [_parse(entry) for entry in _listed(hosts)]
        # Names that are right with any port: what the request path looks up first.
        self.names: frozenset[str] = frozenset(host.name for host in parsed if host.port is None)
        self._ports = frozenset((host.name, host.port) for host in parsed)
        self.listed: frozenset[str] = frozenset(host.name for host in parsed)
        self.only_names: bool = not self.everyone and not any(host.is_ip for host in parsed)

    def allows(self, name: str, port: int) -> bool:
        """Whether this host, by its name as `Host` has it and its effective port, is ours."""
        if name in self.names or (name, port) in self._ports or self.everyone:
            return True
        # An address has no parent domain, but no entry looks like `*.0.0.1` either.
        wildcard = "*." + name.partition(".")[2]
        return wildcard in self.names or (wildcard, port) in self._ports


def _listed(hosts: Iterable[str]) -> list[str]:
    if isinstance(hosts, (str, bytes)):
        raise ConfigurationError(f"HTTPS takes a list of hosts: hosts=[{hosts!r}]")
    try:
        entries = list(hosts)
    except TypeError:
        raise ConfigurationError("HTTPS takes a list of hosts: hosts=['api.example.com']") from None
    if not entries:
        raise ConfigurationError(
            "HTTPS needs the hosts it answers for: hosts=['api.example.com'], or"
            " hosts=ANY_HOST if something in front of it checks them"
        )
    return entries


def _parse(entry: str) -> Host:
    """One entry as a `Host`; a wildcard keeps its `*.` in the name."""
    if not isinstance(entry, str):
        raise ConfigurationError(f"hosts= takes strings, not {type(entry).__name__!r}")
    if entry == "*":
        raise ConfigurationError("'*' is no host; to answer for every host write hosts=ANY_HOST")
    wildcard, name = ("*.", entry[2:]) if entry.startswith("*.") else ("", entry)
    host = parse_host(_to_ascii(name))
    if host is None or (wildcard and host.is_ip):
        raise ConfigurationError(f"{entry!r} is no host{_hint(entry)}")
    return host._replace(name=wildcard + host.name)


def _to_ascii(name: str) -> bytes:
    """An internationalised name in A-labels (RFC 5890).

    The standard codec speaks IDNA 2003, which maps some names to names of somebody else (`ß` to
    `ss`): what does not survive the way back is refused.
    """
    if name.isascii():
        return name.encode("ascii")
    try:
        encoded = name.lower().encode("idna")
        if encoded.decode("idna") == name.lower():
            return encoded
    except UnicodeError:
        pass
    raise ConfigurationError(
        f"{name!r} has no certain ASCII form; write its A-labels, such as 'xn--bcher-kva.example'"
    )


def _hint(entry: str) -> str:
    if "://" in entry or "/" in entry:
        authority = entry.partition("://")[2] or entry
        return f"; write the host alone: {authority.partition('/')[0]!r}"
    if entry.count(":") > 1:
        return "; write an IPv6 address in brackets, such as '[2001:db8::1]' or '[::1]:8443'"
    return "; write a name, '*.example.com', '192.0.2.1' or '[2001:db8::1]', or one with ':port'"
