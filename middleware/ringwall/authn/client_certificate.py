"""The client's TLS certificate as its credential: machines that speak for themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from .._errors import ConfigurationError, MissingDependency, did_you_mean
from .._exchange import Exchange
from ..principal import Principal
from ._cache import BoundedCache
from ._failure import Failure, Refused
from ._scheme import Judgement, Scheme, at_least
from ._told import BAD_CERTIFICATE, Header, Teller
from .certificate import Certificate, read_told

UNVERIFIED: Final = Failure(
    "certificate-not-verified", "The server does not vouch for the client's certificate."
)
EXPIRED: Final = Failure("certificate-expired", "The client's certificate has expired.")
NOT_YET: Final = Failure("certificate-not-yet-valid", "The client's certificate is not valid yet.")
UNKNOWN: Final = Failure(
    "unknown-client", "The client's certificate names nobody who is known here, or several."
)

By: TypeAlias = Literal["uri", "dns", "email", "subject", "thumbprint"]
Identify: TypeAlias = Callable[[Certificate], Principal | None]

_NAMES: dict[str, Callable[[Certificate], Iterable[str]]] = {
    "uri": lambda certificate: certificate.uris,
    "dns": lambda certificate: [name.lower() for name in certificate.dns],
    "email": lambda certificate: certificate.emails,
    "subject": lambda certificate: (certificate.subject,),
    "thumbprint": lambda certificate: (certificate.thumbprint or "",),
}


class ClientCertificate(Scheme):
    """Accept clients by their TLS certificate, whose chain the server or a trusted proxy has
    verified.

    It counts only in a request that shows no other credential: it comes along with everything that
    a connection carries, and must not mend what was refused.

    Parameters:
        clients: who may come in: the names of clients, each with its scopes; or a function that
            makes a `Principal` of a `Certificate`, or None of one that is not known.
        by: which name of the certificate is looked up among `clients`: "uri", "dns" or "email" of
            its subjectAltName, the "subject" as in RFC 4514 ("CN=billing,O=Acme"), or the
            "thumbprint" (SHA-256, hexadecimal), which pins one certificate. Compared exactly; a
            certificate with the names of two clients is nobody's.
        header: None: from the server that ends TLS; else the header in which your proxy tells it;
            as of `MutualTLS`.
        cache_size: how many certificates that were read are remembered. When they are valid is
            checked at every use.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: the extra `jwt` (for cryptography) is not installed.

    Source: RFC 8705 section 2.1.2 for the names.

    >>> ClientCertificate({"spiffe://example.org/billing": ["orders:read"]}, by="uri")
    <ClientCertificate>
    """

    name = "ClientCertificate"  # no scheme of HTTP, but a 401 must name one (RFC 9110 15.5.2)
    ambient = True
    tells_error = False  # those of RFC 6750 are for tokens
    max_length = 16_384
    failures: tuple[Failure, ...] = (BAD_CERTIFICATE, UNVERIFIED, EXPIRED, NOT_YET, UNKNOWN)

    def __init__(
        self,
        clients: Mapping[str, Iterable[str]] | Identify,
        *,
        by: By | None = None,
        header: Header | None = None,
        cache_size: int = 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        at_least("cache_size", cache_size, 0)
        if isinstance(clients, Mapping):
            self._identify = _named(clients, by)
        elif by is not None or not callable(clients):
            raise ConfigurationError(
                "clients is a mapping of names to scopes, with by='uri' or another, or a function"
                " of the certificate, without by="
            )
        else:
            self._identify = clients
        teller = Teller("ClientCertificate", header)
        self.wants: frozenset[bytes] = teller.wants
        self.wants_tls: bool = teller.wants_tls
        self._ask = teller.ask
        try:
            self._read = read_told(teller.form)
        except ModuleNotFoundError as error:
            raise MissingDependency(error.name or "?", "jwt", "ClientCertificate") from None
        self._known: BoundedCache[Certificate] = BoundedCache(cache_size)
        self._clock = clock

    def __repr__(self) -> str:
        return "<ClientCertificate>"

    def carried(self, exchange: Exchange) -> bytes | None:
        told = self._ask(exchange)
        if told is None:
            return None
        if not told.verified:
            raise Refused(UNVERIFIED)
        return told.value

    def authenticate(self, credential: bytes, exchange: Exchange) -> Judgement:
        if len(credential) > self.max_length:
            return BAD_CERTIFICATE
        digest = sha256(credential).digest()
        certificate = self._known.get(digest)
        if certificate is None:
            certificate = self._read(credential)
            if certificate is None:
                return BAD_CERTIFICATE
            self._known.put(digest, certificate)
        # TLS checked this when the connection began, which may be long ago.
        now = self._clock()
        if now >= certificate.until:
            return EXPIRED
        if now < certificate.since:
            return NOT_YET
        return self._identify(certificate) or UNKNOWN


def _named(clients: Mapping[str, Iterable[str]], by: By | None) -> Identify:
    if by not in _NAMES:
        raise ConfigurationError(
            f"by={by!r} is no name of a certificate" + did_you_mean(str(by), _NAMES)
        )
    names_of = _NAMES[by]
    scopes: dict[str, frozenset[str]] = {}
    for name, granted in clients.items():
        if not isinstance(name, str) or not name or isinstance(granted, str):
            raise ConfigurationError("clients holds a name with a list of scopes for each")
        key = name.lower() if by in ("dns", "thumbprint") else name
        scopes[key] = frozenset(granted)
    if not scopes:
        raise ConfigurationError("clients is empty: nobody could come in")

    def identify(certificate: Certificate) -> Principal | None:
        known = {name for name in names_of(certificate) if name in scopes}
        if len(known) != 1:
            return None
        (name,) = known
        return principal_for(certificate, name, scopes=scopes[name])

    return identify


def principal_for(
    certificate: Certificate,
    subject: str,
    *,
    issuer: str | None = None,
    scopes: frozenset[str] = frozenset(),
) -> Principal:
    """The principal of a client with a certificate."""
    return Principal(
        subject,
        scheme="clientcertificate",
        issuer=issuer,
        scopes=scopes,
        credential_id=certificate.thumbprint,
    )
