"""Tokens bound to the client's TLS certificate (RFC 8705)."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange
from ._bound import BOUND
from ._certificates import (
    digest_of_bytes,
    digest_of_escaped_pem,
    digest_of_pem,
    digest_of_xfcc,
)
from ._failure import Failure, Refused

WRONG_CERTIFICATE: Final = Failure(
    "certificate-mismatch", "The token is bound to another client certificate."
)
BAD_CERTIFICATE: Final = Failure(
    "malformed-certificate",
    "What is told of the client's certificate is malformed or ambiguous.",
    error="invalid_request",
    status=400,
)


class _Form(NamedTuple):
    """How a proxy tells the certificate. `verified`: the header that says whether it checked it."""

    digest: Callable[[bytes], bytes | None]
    verified: bytes | None


_FORMS = {
    "client-cert": _Form(digest_of_bytes, None),
    "ssl-client-cert": _Form(digest_of_escaped_pem, b"ssl-client-verify"),
    "x-forwarded-client-cert": _Form(digest_of_xfcc, None),
}


class MutualTLS:
    """Where the certificate of a client comes from, so that tokens can be bound to it.

    Parameters:
        header: None: from the server that ends TLS: the TLS extension of ASGI, or SSL_CLIENT_CERT
            with SSL_CLIENT_VERIFY under WSGI; only a certificate that the server has verified
            counts. Else the header in which your proxy tells it: "client-cert" (RFC 9440),
            "ssl-client-cert" with "ssl-client-verify" (nginx, escaped), or
            "x-forwarded-client-cert" (Envoy). It counts only in requests of a peer that the
            `TrustedProxies` of the stack name, and only if it tells one certificate.

    Raises:
        ConfigurationError: an unknown header.

    >>> MutualTLS(header="x-client-cert")
    Traceback (most recent call last):
    ringwall._errors.ConfigurationError: MutualTLS does not know the header 'x-client-cert'; did you mean 'client-cert'?
    """  # noqa: E501 - a message in full

    failures: tuple[Failure, ...] = (WRONG_CERTIFICATE, BAD_CERTIFICATE)

    def __init__(
        self,
        *,
        header: Literal["client-cert", "ssl-client-cert", "x-forwarded-client-cert"] | None = None,
    ) -> None:
        self.wants_tls: bool = header is None
        self.wants: frozenset[bytes] = frozenset()
        self._digest: Callable[[Exchange], bytes | None] = _of_server
        if header is not None:
            if header not in _FORMS:
                raise ConfigurationError(
                    f"MutualTLS does not know the header {header!r}" + did_you_mean(header, _FORMS)
                )
            form, name = _FORMS[header], header.encode("ascii")
            self.wants = frozenset({name} if form.verified is None else {name, form.verified})
            self._digest = _of_proxy(name, form)

    def __repr__(self) -> str:
        return "<MutualTLS>"

    def check(self, thumbprint: str, exchange: Exchange) -> Failure | None:
        """Why the client is not the one with this certificate (`x5t#S256`); None: it is.

        Returns one of `failures`, or that of a token without its proof.
        """
        try:
            digest = self._digest(exchange)
        except Refused as refused:
            return refused.failure
        if digest is None:
            return BOUND
        own = urlsafe_b64encode(digest).rstrip(b"=")
        same = hmac.compare_digest(own, thumbprint.encode("ascii"))
        return None if same else WRONG_CERTIFICATE


def _of_server(exchange: Exchange) -> bytes | None:
    text = None if exchange.tls is None else exchange.tls.client_certificate
    if text is None:
        return None
    digest = digest_of_pem(text)
    if digest is None:
        raise Refused(BAD_CERTIFICATE)
    return digest


def _of_proxy(name: bytes, form: _Form) -> Callable[[Exchange], bytes | None]:
    def of_proxy(exchange: Exchange) -> bytes | None:
        # Of anybody else it is just what a client says of itself.
        value = exchange.headers.get(name)
        if not value or not _comes_from_a_proxy(exchange):
            return None
        if form.verified is not None and exchange.headers.get(form.verified) != b"SUCCESS":
            return None
        digest = form.digest(value)
        if digest is None:
            raise Refused(BAD_CERTIFICATE)
        return digest

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
