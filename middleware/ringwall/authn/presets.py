"""`JWT` for well-known issuers and gateways: the issuer, the keys and the traps of each.

Every function returns a scheme for `Authentication`, takes all options of `JWT` beyond its own,
and opens no connection.

>>> from ringwall import Authentication
>>> from ringwall.authn import presets
>>> layer = Authentication(presets.auth0("acme.eu.auth0.com", "https://api.example.com"))
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError
from ._alb import ApplicationLoadBalancer
from ._spiffe import JWTSVID, workloads
from .client_certificate import ClientCertificate
from .jwt import JWT

if TYPE_CHECKING:
    from ._sources import Keys

_HOST = re.compile(r"(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)+\Z")
_WORD = re.compile(r"[A-Za-z0-9._-]+\Z")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_IAP_AUDIENCE = re.compile(r"/projects/\d+/(?:global/backendServices/\d+|apps/[a-z0-9:.-]+"
                           r"|[a-z0-9-]+/[a-z0-9-]+/services/[a-z0-9-]+)\Z")  # fmt: skip


def auth0(domain: str, audience: str | Iterable[str], **options: Any) -> JWT:
    """Access tokens of Auth0. Scopes: `scope` and, with RBAC, `permissions`.

    Parameters:
        domain: the tenant's or the custom domain, such as "acme.eu.auth0.com".
        audience: the API's identifier.
    """
    issuer = f"https://{_check('domain', domain, _HOST, 'acme.eu.auth0.com')}/"
    options = {
        "keys": f"{issuer}.well-known/jwks.json",
        "algorithms": ["RS256"],
        "scopes": ["scope", "permissions"],
    } | options
    return JWT(issuer, audience, **options)


def entra_id(
    tenant: str | Iterable[str], audience: str | Iterable[str], *, version: int = 2, **options: Any
) -> JWT:
    """Access tokens of Microsoft Entra ID. Scopes: `scp`; roles: `roles`.

    Parameters:
        tenant: the GUID of the tenant, or those of all that may come in: with "common" anybody's
            tenant could.
        audience: the client id of the API's registration (version 2), or its identifier URI
            (version 1).
        version: of the tokens: `accessTokenAcceptedVersion` in the manifest.
    """
    tenants = [tenant] if isinstance(tenant, str) else list(tenant)
    for each in tenants:
        _check("tenant", each, _GUID, "8a3f0c6e-2b1d-4c9a-9f57-0e6d1b2c3d4e")
    patterns = {1: "https://sts.windows.net/{}/", 2: "https://login.microsoftonline.com/{}/v2.0"}
    if version not in patterns:
        raise ConfigurationError("version is 1 or 2")
    common = tenants[0] if len(tenants) == 1 else "common"
    keys = f"https://login.microsoftonline.com/{common}/discovery/v2.0/keys"
    issuers = [patterns[version].format(each) for each in tenants]
    options = {"keys": keys, "algorithms": ["RS256"]} | options
    return JWT(issuers, audience, **options)


def okta(
    domain: str,
    audience: str | Iterable[str],
    *,
    authorization_server: str = "default",
    **options: Any,
) -> JWT:
    """Access tokens of an Okta custom authorization server. Scopes: `scp`; roles: `groups`.

    Parameters:
        domain: such as "acme.okta.com".
        audience: as set for the authorization server, such as "api://default".
        authorization_server: its id. (Tokens of the org server are for Okta alone.)
    """
    host = _check("domain", domain, _HOST, "acme.okta.com")
    server = _check("authorization_server", authorization_server, _WORD, "default")
    issuer = f"https://{host}/oauth2/{server}"
    options = {
        "keys": f"{issuer}/v1/keys",
        "algorithms": ["RS256"],
        "roles": "groups",
    } | options
    return JWT(issuer, audience, **options)


def keycloak(url: str, realm: str, audience: str, **options: Any) -> JWT:
    """Access tokens of Keycloak. Scopes: `scope`; roles: the realm's and those of the audience's
    own client.

    Parameters:
        url: such as "https://keycloak.example.com".
        realm: its name.
        audience: the client id of this API. Keycloak writes it into `aud` with an audience mapper;
            without one `aud` is "account", which every client's tokens hold.
    """
    issuer = f"{url.rstrip('/')}/realms/{_check('realm', realm, _WORD, 'acme')}"
    options = {
        "keys": f"{issuer}/protocol/openid-connect/certs",
        # ID tokens and refresh tokens are signed by the same keys.
        "match": {"typ": "Bearer"},
        "roles": [("realm_access", "roles"), ("resource_access", audience, "roles")],
    } | options
    return JWT(issuer, audience, **options)


def cognito(region: str, user_pool_id: str, client_id: str | Iterable[str], **options: Any) -> JWT:
    """Access tokens of an Amazon Cognito user pool. Scopes: `scope`; roles: `cognito:groups`.

    Parameters:
        region: such as "eu-central-1".
        user_pool_id: such as "eu-central-1_AbCdEfGhI".
        client_id: the app client or clients: Cognito's access tokens name them in `client_id` and
            have no `aud`.
    """
    region = _check("region", region, _WORD, "eu-central-1")
    pool = _check("user_pool_id", user_pool_id, _WORD, "eu-central-1_AbCdEfGhI")
    issuer = f"https://cognito-idp.{region}.amazonaws.com/{pool}"
    options = {
        "keys": f"{issuer}/.well-known/jwks.json",
        "algorithms": ["RS256"],
        "audience_claim": "client_id",
        "match": {"token_use": "access"},
        "roles": "cognito:groups",
    } | options
    return JWT(issuer, client_id, **options)


def google_iap(audience: str | Iterable[str], **options: Any) -> JWT:
    """The assertion of Google Identity-Aware Proxy, in `X-Goog-IAP-JWT-Assertion`.

    Parameters:
        audience: such as "/projects/123456/global/backendServices/654321".
    """
    audiences = [audience] if isinstance(audience, str) else list(audience)
    for each in audiences:
        _check("audience", each, _IAP_AUDIENCE, "/projects/123456/global/backendServices/654321")
    options = {
        "keys": "https://www.gstatic.com/iap/verify/public_key-jwk",
        "algorithms": ["ES256"],
        "header": "x-goog-iap-jwt-assertion",
    } | options
    return JWT("https://cloud.google.com/iap", audiences, **options)


def cloudflare_access(team: str, audience: str | Iterable[str], **options: Any) -> JWT:
    """The assertion of Cloudflare Access, in `Cf-Access-Jwt-Assertion`.

    Parameters:
        team: the first part of <team>.cloudflareaccess.com.
        audience: the AUD tag of the application.
        options: `subject="common_name"` for service tokens, whose `sub` is empty.
    """
    issuer = f"https://{_check('team', team, _WORD, 'acme')}.cloudflareaccess.com"
    options = {
        "keys": f"{issuer}/cdn-cgi/access/certs",
        "algorithms": ["RS256"],
        "header": "cf-access-jwt-assertion",
    } | options
    return JWT(issuer, audience, **options)


def aws_alb(
    load_balancer: str | Iterable[str],
    issuer: str,
    client_id: str | Iterable[str],
    *,
    keys: str | None = None,
    **options: Any,
) -> JWT:
    """The user claims of an AWS Application Load Balancer, in `X-Amzn-Oidc-Data`.

    The keys are those of every load balancer of a region, also of strangers: what makes a token
    yours is the load balancer that signed it.

    Parameters:
        load_balancer: the ARN of yours, or several of one region.
        issuer: the identity provider that the load balancer is configured with.
        client_id: the client it is configured with.
        keys: where the keys are, up to the key's id; needed outside the regions that have
            https://public-keys.auth.elb.<region>.amazonaws.com/.
    """
    return ApplicationLoadBalancer(load_balancer, issuer, client_id, keys, options)


def spiffe(trust_domain: str, audience: str | Iterable[str], *, keys: Keys, **options: Any) -> JWT:
    """SPIFFE JWT-SVIDs. The subject is the SPIFFE ID, the issuer the trust domain.

    Parameters:
        trust_domain: such as "example.org".
        audience: this workload's SPIFFE ID, or what the callers ask for.
        keys: the JWT bundle of this trust domain and no other: a path, a URL or a JWK Set.
    """
    return JWTSVID(trust_domain, audience, keys, options)


def x509_svid(
    trust_domain: str, *, scopes: Iterable[str] = (), **options: Any
) -> ClientCertificate:
    """SPIFFE X.509-SVIDs: the workloads of a trust domain, by their TLS certificates. The subject
    is the SPIFFE ID, the issuer the trust domain.

    Parameters:
        trust_domain: such as "example.org".
        scopes: what every one of them may do; what one of them may do more is for `Authorization`.
        options: of `ClientCertificate`, such as `header="x-forwarded-client-cert"` behind Envoy.
    """
    return ClientCertificate(workloads(trust_domain, frozenset(scopes)), **options)


def _check(name: str, value: str, pattern: re.Pattern[str], example: str) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise ConfigurationError(f"{name} is such as {example!r}")
    return value
