"""Pyramid's own security, answered from the principal."""

from __future__ import annotations

from typing import Any

from pyramid.authorization import ACLHelper, Authenticated, Everyone
from pyramid.security import Allowed, Denied

from ringwall import Principal
from ringwall.handlers import walled_exchange


class RingwallSecurityPolicy:
    """A security policy: the identity is the principal.

    A permission is granted by the scope of that name, or by an `__acl__` of the context or what is
    above it, whose principals are the subject, `role:` and a role, and `scope:` and a scope.
    """

    def __init__(self) -> None:
        self._acl = ACLHelper()

    def identity(self, request: Any) -> Principal | None:
        """The principal, or None."""
        return walled_exchange(request).principal

    def authenticated_userid(self, request: Any) -> str | None:
        """The subject, or None."""
        principal = self.identity(request)
        return None if principal is None else principal.subject

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        """`Allowed` or `Denied`."""
        principal = self.identity(request)
        if principal is None:
            return self._acl.permits(context, [Everyone], permission)
        if principal.has_scope(permission):
            return Allowed("the principal has the scope %r", permission)
        names = [
            *(Everyone, Authenticated, principal.subject),
            *(f"role:{role}" for role in principal.roles),
            *(f"scope:{scope}" for scope in principal.scopes),
        ]
        if self._acl.permits(context, names, permission):
            return Allowed("an __acl__ grants %r", permission)
        return Denied("nothing grants %r", permission)

    def remember(self, request: Any, userid: str, **options: Any) -> list[tuple[str, str]]:
        """Nothing: there is no session."""
        return []

    def forget(self, request: Any, **options: Any) -> list[tuple[str, str]]:
        """Nothing: there is no session."""
        return []
