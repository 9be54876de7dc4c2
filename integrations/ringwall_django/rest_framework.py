"""Ringwall in the Django REST framework.

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["ringwall_django.rest_framework.Authentication"],
    "DEFAULT_PERMISSION_CLASSES": ["ringwall_django.rest_framework.Authenticated"],
}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission

from ringwall.authz import Condition, Facts
from ringwall.description import challenge_of
from ringwall.handlers import Refused, Requirement, walled_exchange

from ._user import PrincipalUser

__all__ = ["Authenticated", "Authentication", "require"]


class Authentication(BaseAuthentication):
    """The user that the wall let in: the one of `RingwallMiddleware` if it stands there, else a
    `PrincipalUser`; `request.auth` is the principal."""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        """The user and the principal; None where nobody is authenticated."""
        principal = walled_exchange(request).principal
        if principal is None:
            return None
        inner = getattr(request, "_request", request)
        known = getattr(inner, "principal", None) is principal
        return (inner.user if known else PrincipalUser(principal)), principal

    def authenticate_header(self, request: Any) -> str:
        """The challenge of the stack, for 401."""
        return challenge_of(walled_exchange(request)) or ""


class _Requires(BasePermission):
    requirement: Requirement = Requirement()

    def has_permission(self, request: Any, view: Any) -> bool:
        """True, or the problem of the layer."""
        refusal = self.requirement.check(request)
        if refusal is not None:
            raise Refused(refusal)
        return True


class Authenticated(_Requires):
    """Every authenticated principal passes."""


def require(
    *conditions: Condition | Callable[[Facts], bool],
    path: str | None = None,
    hide: bool = False,
    roles: Mapping[str, Iterable[str]] | None = None,
) -> type[BasePermission]:
    """A permission class: `permission_classes = [require(scope("orders:read"))]`.

    Parameters:
        conditions, path, hide, roles: as for `ringwall.handlers.Requirement`.

    Raises:
        ConfigurationError: a condition cannot work here.
    """
    requirement = Requirement(*conditions, path=path, hide=hide, roles=roles, interface="wsgi")
    return type("Requires", (_Requires,), {"requirement": requirement})
