"""Who the wall let in, where Django keeps users; and refusals from inside of views."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

import ringwall
from ringwall import Principal
from ringwall.handlers import Refused, walled_exchange

from ._settings import load_user
from ._user import PrincipalUser


class RingwallMiddleware:
    """Sets `request.principal` and, for a principal, `request.user`; answers refusals of views with
    problems. It stands after Django's AuthenticationMiddleware, if that is there.

    A request that no principal speaks for keeps the user that Django found, if any.

    Parameters:
        get_response: what is inside, sync or async.

    Raises:
        ConfigurationError: the setting `RINGWALL` is wrong.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._user_of = load_user() or PrincipalUser
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Django's own answer, or an awaitable for it."""
        self._introduce(request)
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The problem, if a guard of a view refused."""
        return response_of(error.response) if isinstance(error, Refused) else None

    def _introduce(self, request: Any) -> None:
        principal = walled_exchange(request).principal
        request.principal = principal
        if principal is not None:
            find = functools.partial(self._find, principal)
            request.user = SimpleLazyObject(find)
            request.auser = sync_to_async(find)
        elif not hasattr(request, "user"):
            request.user = _nobody()

    def _find(self, principal: Principal) -> Any:
        found = self._user_of(principal)
        return _nobody() if found is None else found


def _nobody() -> Any:
    """Django's anonymous user, where its authentication is installed."""
    if not apps.is_installed("django.contrib.auth"):
        return None
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()


def response_of(refusal: ringwall.Response) -> HttpResponse:
    """A refusal, as the framework sends it."""
    answer = HttpResponse(refusal.body, status=refusal.status)
    del answer["content-type"]
    for name, value in refusal.headers:
        answer[name.decode("ascii")] = value.decode("latin-1")
    return answer
