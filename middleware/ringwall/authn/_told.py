"""Who tells of the client's certificate: the server that ends TLS, or a trusted proxy in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, TypeAlias

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange
from ._failure import Failure

BAD_CERTIFICATE: Final = Failure(
    "malformed-certificate",
    "What is told of the client's certificate is malformed or ambiguous.",
    error="invalid_request",
    status=400,
)

Header: TypeAlias = Literal["client-cert", "ssl-client-cert", "x-forwarded-client-cert"]
Form: TypeAlias = Literal["pem"] | Header

# Where a proxy says whether it has checked the certificate. The others tell only one that they
# have (RFC 9440 section 2.1).
_VERIFY = {
    "client-cert": None,
    "ssl-client-cert": b"ssl-client-verify",
    "x-forwarded-client-cert": None,
}


class Told(NamedTuple):
    """What is told of a certificate, in whatever form. verified: the teller has checked it."""

    value: bytes
    verified: bool


class Teller:
    """Finds what the server, or the one header that was configured, tells.

    Parameters:
        who: what asks, for messages.
        header: None: the server tells; else the header of a trusted proxy.

    Raises:
        ConfigurationError: an unknown header.

    Attributes:
        wants, wants_tls: what it reads, as of `Layer`.
        form: in what form the certificate is told.
        ask: what is told to this request; None: nothing, or by nobody who may.
    """

    def __init__(self, who: str, header: Header | None) -> None:
        self.wants_tls: bool = header is None
        self.wants: frozenset[bytes] = frozenset()
        self.form: Form = "pem"
        self.ask: Callable[[Exchange], Told | None] = _of_server
        if header is not None:
            if header not in _VERIFY:
                raise ConfigurationError(
                    f"{who} does not know the header {header!r}" + did_you_mean(header, _VERIFY)
                )
            name, verify = header.encode("ascii"), _VERIFY[header]
            self.wants = frozenset({name} if verify is None else {name, verify})
            self.form = header
            self.ask = _of_proxy(name, verify)


def _of_server(exchange: Exchange) -> Told | None:
    tls = exchange.tls
    if tls is None or tls.client in ("none", "unknown"):
        return None
    if tls.client == "failed":
        return Told(b"", False)
    text = tls.client_certificate
    return None if text is None else Told(text.encode("utf-8", "replace"), True)


def _of_proxy(name: bytes, verify: bytes | None) -> Callable[[Exchange], Told | None]:
    def of_proxy(exchange: Exchange) -> Told | None:
        # Of anybody else it is just what a client says of itself.
        value = exchange.headers.get(name)
        if not value or not _comes_from_a_proxy(exchange):
            return None
        return Told(value, verify is None or exchange.headers.get(verify) == b"SUCCESS")

    return of_proxy


def _comes_from_a_proxy(exchange: Exchange) -> bool:
    """By the proxies of this stack, or of the one around it."""
    stack: Exchange | None = exchange
    while stack is not None:
        proxies = stack.boundary.proxies
        if proxies is not None:
            return proxies.trusts(exchange.peer)
        stack = stack.parent
    return False
