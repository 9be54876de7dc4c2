"""OAuth 2.0 Protected Resource Metadata (RFC 9728): where to get a token for this API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .._errors import ConfigurationError
from .._fingerprint import Configured
from ..problem import Response, problem

_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

METHOD = problem(
    405,
    "The metadata can be read only: use GET or HEAD.",
    code="method-not-allowed",
    headers=[(b"allow", b"GET, HEAD")],
)


class ProtectedResource(Configured):
    """What clients may know of this API before they have a token.

    `Authentication` serves it at its well-known path, to everybody, and names it in challenges.

    Parameters:
        resource: the URL of the API, such as "https://api.example.com/v1": no query, no fragment.
        authorization_servers: issuers whose tokens it takes; None: those of the layer's schemes.
        scopes: those that a client may ask for.
        documentation: the URL of a page for developers.
        members: further members of the document (RFC 9728 section 2), such as
            `{"dpop_bound_access_tokens_required": True}`.

    Raises:
        ConfigurationError: an argument cannot work.

    >>> api = ProtectedResource("https://api.example.com/v1", scopes=["orders:read"])
    >>> api.path, api.url
    ('/.well-known/oauth-protected-resource/v1', \
'https://api.example.com/.well-known/oauth-protected-resource/v1')
    """

    def __init__(
        self,
        resource: str,
        *,
        authorization_servers: Iterable[str] | None = None,
        scopes: Iterable[str] = (),
        documentation: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        parts = urlsplit(resource) if isinstance(resource, str) else None
        secure = parts is not None and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
        )
        if parts is None or not secure or not parts.netloc or set('?#@\\" ') & set(resource):
            raise ConfigurationError(
                "resource is the https URL of the API without query or fragment, such as"
                " 'https://api.example.com'"
            )
        for name, value in (("authorization_servers", authorization_servers), ("scopes", scopes)):
            if isinstance(value, str):
                raise ConfigurationError(f"{name} is a list: write {name}=[{value!r}]")
        self._resource = resource
        self._servers = None if authorization_servers is None else list(authorization_servers)
        self._scopes = list(scopes)
        self._documentation = documentation
        self._members = dict(members or {})
        # Section 3.1: inserted between host and path, without a slash that ends the path.
        self.path: str = _WELL_KNOWN + parts.path.rstrip("/")
        self.url: str = f"{parts.scheme}://{parts.netloc}{self.path}"

    def __repr__(self) -> str:
        return f"<ProtectedResource {self._resource}>"

    def response(self, issuers: Iterable[str]) -> Response:
        """The document as an answer.

        Parameters:
            issuers: the authorization servers, unless it names its own.
        """
        servers = sorted(issuers) if self._servers is None else self._servers
        document: dict[str, Any] = {"resource": self._resource}
        if servers:
            document["authorization_servers"] = servers
        if self._scopes:
            document["scopes_supported"] = self._scopes
        document["bearer_methods_supported"] = ["header"]
        if self._documentation is not None:
            document["resource_documentation"] = self._documentation
        try:
            body = json.dumps({**document, **self._members}, allow_nan=False).encode("ascii")
        except (TypeError, ValueError):
            raise ConfigurationError("members holds something that is no JSON") from None
        return Response(
            200,
            [
                (b"content-type", b"application/json"),
                (b"cache-control", b"public, max-age=3600"),
                # Anybody may read it; clients in browsers have to (section 3.2 asks for GET alone).
                (b"access-control-allow-origin", b"*"),
            ],
            body,
        )
