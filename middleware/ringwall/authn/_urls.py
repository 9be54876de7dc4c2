"""Addresses of issuers: https alone."""

from __future__ import annotations

from urllib.parse import urlsplit

from .._errors import ConfigurationError


def check_url(url: object, name: str) -> str:
    """An absolute https URL without credentials in it.

    Raises:
        ConfigurationError: anything else.
    """
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
            plain = parts.username is None and not parts.fragment and parts.port != 0
            if parts.scheme == "https" and parts.hostname and plain and url.isprintable():
                return url
        except ValueError:
            pass
    raise ConfigurationError(f"{name} must be an https:// URL without credentials or fragment")


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may be: OpenID Connect Discovery section 4.1 appends to the
    issuer's path, RFC 8414 section 3.1 inserts before it.

    >>> for url in metadata_urls("https://id.example.com/tenant"): print(url)
    https://id.example.com/tenant/.well-known/openid-configuration
    https://id.example.com/.well-known/oauth-authorization-server/tenant
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    if parts.query:
        raise ConfigurationError("issuer has a query (RFC 8414 section 2 forbids it)")
    origin = f"https://{parts.netloc}"
    return (
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    )
