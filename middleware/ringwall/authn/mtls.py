"""Tokens bound to the client's TLS certificate (RFC 8705)."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from .._exchange import Exchange
from .._fingerprint import Configured
from ._bound import BOUND
from ._certificates import der_of_bytes, der_of_escaped_pem, der_of_pem, digest, digest_of_xfcc
from ._failure import Failure
from ._told import BAD_CERTIFICATE, Form, Header, Teller

WRONG_CERTIFICATE: Final = Failure(
    "certificate-mismatch", "The token is bound to another client certificate."
)

_DIGESTS: dict[Form, Callable[[bytes], bytes | None]] = {
    "pem": lambda value: digest(der_of_pem(value.decode("utf-8"))),
    "client-cert": lambda value: digest(der_of_bytes(value)),
    "ssl-client-cert": lambda value: digest(der_of_escaped_pem(value)),
    "x-forwarded-client-cert": digest_of_xfcc,
}


class MutualTLS(Configured):
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
    ringwall.ConfigurationError: MutualTLS does not know the header 'x-client-cert'; did you mean 'client-cert'?
    """  # noqa: E501 - a message in full

    failures: tuple[Failure, ...] = (WRONG_CERTIFICATE, BAD_CERTIFICATE)

    def __init__(self, *, header: Header | None = None) -> None:
        teller = Teller("MutualTLS", header)
        self.wants: frozenset[bytes] = teller.wants
        self.wants_tls: bool = teller.wants_tls
        self._ask = teller.ask
        self._digest = _DIGESTS[teller.form]

    def __repr__(self) -> str:
        return "<MutualTLS>"

    def check(self, thumbprint: str, exchange: Exchange) -> Failure | None:
        """Why the client is not the one with this certificate (`x5t#S256`); None: it is.

        Returns one of `failures`, or that of a token without its proof.
        """
        told = self._ask(exchange)
        if told is None or not told.verified:
            return BOUND
        found = self._digest(told.value)
        if found is None:
            return BAD_CERTIFICATE
        own = urlsafe_b64encode(found).rstrip(b"=")
        same = hmac.compare_digest(own, thumbprint.encode("ascii"))
        return None if same else WRONG_CERTIFICATE
