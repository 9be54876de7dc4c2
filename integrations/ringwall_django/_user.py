"""`request.user` for a principal that is no row of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ringwall import Principal


class PrincipalUser:
    """What views, templates and the REST framework expect of a user, from a principal.

    It is active, authenticated, and neither staff nor superuser: Django's admin stays closed to it.
    Its permissions are the principal's scopes, its groups the roles.

    Parameters:
        principal: who the request speaks for.

    >>> user = PrincipalUser(Principal("alice", scheme="apikey", scopes={"orders:read"}))
    >>> user.username, user.has_perm("orders:read"), user.is_staff
    ('alice', True, False)
    """

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.pk: str = principal.subject
        self.id: str = self.pk
        self.username: str = self.pk

    def __str__(self) -> str:
        return self.username

    def __repr__(self) -> str:
        return "<PrincipalUser>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrincipalUser):
            return NotImplemented
        mine, its = self.principal, other.principal
        return (mine.issuer, mine.subject) == (its.issuer, its.subject)

    def __hash__(self) -> int:
        return hash((self.principal.issuer, self.principal.subject))

    def get_username(self) -> str:
        """The subject."""
        return self.username

    def get_group_permissions(self, obj: Any = None) -> set[str]:
        """None beside its own."""
        return set()

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        """The scopes."""
        return set(self.principal.scopes)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether it has a scope; for a single object nothing is known, and that means no."""
        return obj is None and perm in self.principal.scopes

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Whether it has every scope."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether it has a scope that begins with the label of an app and a dot."""
        return any(scope.startswith(f"{app_label}.") for scope in self.principal.scopes)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refused.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a principal is no row of a table")
