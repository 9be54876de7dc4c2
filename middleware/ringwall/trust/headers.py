"""Identity headers: an app that believes `X-User` believes whoever can reach it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product

from .._boundary import TrustedProxies
from .._conceal import Concealment
from .._errors import ConfigurationError
from .._exchange import Decision, Exchange
from .._layer import Layer, Verdict
from ..problem import problem

# What proxies, gateways and single sign-on in front of apps write, in plain text: oauth2-proxy,
# Authelia, nginx, Kong, Azure App Service, AWS ALB, Google IAP, Cloudflare Access. Not their signed
# assertions: those are verified (see `JWT`), and mean nothing unsigned.
IDENTITY_HEADERS = frozenset(
    """
    remote-user remote-name remote-email remote-groups remote-roles auth-user auth-type user
    x-remote-user x-user x-user-id x-user-name x-user-email x-user-groups x-user-roles x-username
    x-authenticated-user x-authenticated-userid x-authenticated-groups x-authenticated-scope
    x-webauth-user x-webauth-email x-webauth-groups x-proxy-user x-auth-user x-auth-email
    x-auth-groups x-auth-username x-auth-request-user x-auth-request-email x-auth-request-groups
    x-auth-request-preferred-username x-auth-request-access-token x-forwarded-user
    x-forwarded-email x-forwarded-groups x-forwarded-preferred-username x-forwarded-access-token
    x-consumer-id x-consumer-username x-consumer-custom-id x-consumer-groups x-anonymous-consumer
    x-credential-identifier x-credential-username x-token-subject x-tenant-id x-roles
    x-ms-client-principal x-ms-client-principal-id x-ms-client-principal-name
    x-ms-client-principal-idp x-amzn-oidc-identity x-amzn-oidc-accesstoken
    x-goog-authenticated-user-email x-goog-authenticated-user-id
    cf-access-authenticated-user-email x-authentik-username x-authentik-email x-authentik-groups
    x-authentik-uid x-authentik-name x-pomerium-claim-email x-pomerium-claim-groups
    x-ssl-client-dn x-ssl-client-s-dn x-ssl-client-verify ssl-client-s-dn ssl-client-verify
    x-client-dn x-client-verify
    """.split()
)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_LIST = re.compile(r"(?:groups|roles|scope)\Z")
_MOST_PARTS = 10

_TWICE = problem(400, "An identity header must be there once.", code="ambiguous-identity")
_REFUSED = Decision("identity-headers", "deny", "once", "ambiguous-identity")


class IdentityHeaders(Layer):
    """Take away the identity headers that no trusted peer wrote.

    They reach neither the app nor the layers inside this one: put it outermost. From a trusted
    peer, a header that says who the user is must be there once: a second one is the client's. Twins
    with underscores (`X_User`), which CGI and its heirs take for the same header, never pass.

    Trust a peer only if it overwrites all these headers on every request. The signed assertions of
    gateways are not among them: verify those, with `JWT` and its presets.

    Parameters:
        names: the headers; by default `IDENTITY_HEADERS`, to which `IDENTITY_HEADERS | {"x-me"}`
            adds.
        trusted: addresses or CIDR networks of the peers that vouch for them, "unix" for unix
            sockets; by default nobody.

    Raises:
        ConfigurationError: a malformed name or network.

    >>> app = IdentityHeaders().wsgi(lambda environ, start_response: [])
    """

    name = "identity-headers"
    tolerant = reads_headers = True

    def __init__(
        self, names: Iterable[str] = IDENTITY_HEADERS, *, trusted: Iterable[str] = ()
    ) -> None:
        if isinstance(names, str):
            raise ConfigurationError(f"names is a list: IdentityHeaders([{names!r}])")
        lowered = frozenset(_checked(name) for name in names)
        if not lowered:
            raise ConfigurationError("IdentityHeaders without names does nothing")
        networks = [trusted] if isinstance(trusted, str) else list(trusted)
        self._peers = TrustedProxies(networks)
        plain = frozenset(name.encode("ascii") for name in lowered)
        twins = frozenset(twin for name in lowered for twin in _twins(name)) - plain
        self._all = Concealment(headers=plain | twins)
        self._twins = Concealment(headers=twins) if twins else None
        self._single = frozenset(n.encode("ascii") for n in lowered if not _LIST.search(n))
        if networks:
            self.wants: frozenset[bytes] = self._single

    def on_request(self, exchange: Exchange) -> Verdict:
        if not self._peers.trusts(exchange.peer):
            exchange.conceal(self._all)
            return None
        for name in self._single & exchange.headers.keys():
            if b"," in exchange.headers[name]:  # repeated lines are joined so
                exchange.decisions.append(_REFUSED)
                return _TWICE
        # Under WSGI a twin has the same name as the header itself: servers drop or join it.
        if self._twins is not None and exchange.interface == "asgi":
            exchange.conceal(self._twins)
        return None


def _checked(name: str) -> str:
    lowered = name.lower() if isinstance(name, str) else ""
    if not _NAME.match(lowered) or lowered.count("-") >= _MOST_PARTS:
        raise ConfigurationError(f"{name!r} is no name of a header, such as 'X-User'")
    return lowered


def _twins(name: str) -> Iterable[bytes]:
    """Every spelling with underscores.

    >>> sorted(_twins("x-user"))
    [b'x-user', b'x_user']
    """
    first, *rest = name.split("-")
    for signs in product("-_", repeat=len(rest)):
        parts = (sign + part for sign, part in zip(signs, rest, strict=True))
        yield (first + "".join(parts)).encode("ascii")
