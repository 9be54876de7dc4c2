"""HTTP Strict Transport Security (RFC 6797): the policy and its one header line."""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import ConfigurationError
from ..problem import Header

NAME = b"strict-transport-security"

_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class HSTS:
    """What browsers shall remember: to use HTTPS only, for how long, and for which names.

    Parameters:
        max_age: seconds that a browser remembers; 0 makes it forget. Two years by default, as
            Mozilla's guidelines advise.
        include_subdomains: the rule holds for every subdomain, too.
        preload: consent to the lists that browsers ship with. It is hard to take back, and needs
            `include_subdomains` and at least a year (hstspreload.org).

    Raises:
        ConfigurationError: `max_age` is no number of seconds, or `preload` lacks what it needs.

    >>> HSTS().header
    (b'strict-transport-security', b'max-age=63072000; includeSubDomains')
    """

    max_age: int = 2 * _YEAR
    include_subdomains: bool = True
    preload: bool = False

    def __post_init__(self) -> None:
        if type(self.max_age) is not int or self.max_age < 0:
            raise ConfigurationError("HSTS: max_age= takes a whole number of seconds, 0 or more")
        if self.max_age > 10 * _YEAR:
            raise ConfigurationError("HSTS: max_age= is in seconds; this is more than ten years")
        for name in ("include_subdomains", "preload"):
            if type(getattr(self, name)) is not bool:
                raise ConfigurationError(f"HSTS: {name}= takes True or False")
        if self.preload and not self.include_subdomains:
            raise ConfigurationError("HSTS: preload=True needs include_subdomains=True")
        if self.preload and self.max_age < _YEAR:
            raise ConfigurationError(f"HSTS: preload=True needs max_age={_YEAR} (a year) or more")

    @property
    def header(self) -> Header:
        """The header line, name and value."""
        value = f"max-age={self.max_age}"
        value += "; includeSubDomains" if self.include_subdomains else ""
        value += "; preload" if self.preload else ""
        return NAME, value.encode("ascii")
