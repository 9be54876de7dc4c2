"""What `config.include("ringwall_pyramid")` adds, and the stack around the app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pyramid.httpexceptions import HTTPForbidden
from pyramid.response import Response
from pyramid.util import DottedNameResolver
from pyramid.viewderivers import INGRESS

import ringwall
from ringwall import ConfigurationError, Decision, Stack
from ringwall.handlers import Guard, Requirement, name_of, walled_exchange
from ringwall.problem import problem

from ._policy import RingwallSecurityPolicy

_DENIED = Decision("authorization", "deny", "permission", "forbidden")
_FORBIDDEN = problem(403, "These credentials do not allow this.", code="forbidden")
_AUTHENTICATED = Requirement()


def includeme(config: Any) -> None:
    """Add `request.principal`, the security policy, the view options `require=` and `limit=`, and
    problems for permissions that are missing.

        require: a condition, or several in a tuple, or a `ringwall.handlers.Requirement`.
        limit: a rate such as "5/minute", or a `ringwall.limit`.
    """
    config.set_security_policy(RingwallSecurityPolicy())
    config.add_request_method(_principal, "principal", reify=True)
    config.add_view_deriver(_guarded, "ringwall", under=INGRESS, over="secured_view")
    config.add_forbidden_view(_forbid)


def make_wsgi_app(config: Any, stack: Stack | str | None = None) -> Callable[..., Any]:
    """The app of a configurator, behind a stack.

    Parameters:
        config: the `Configurator`.
        stack: the layers, or where they are ("mysite.security:stack"); None: what the setting
            `ringwall.stack` says.

    Raises:
        ConfigurationError: there is no stack, or a layer in it cannot serve WSGI.
    """
    found = stack or config.get_settings().get("ringwall.stack")
    if isinstance(found, str):
        try:
            found = DottedNameResolver().resolve(found)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(f"ringwall.stack: {error}") from error
    if not isinstance(found, Stack):
        raise ConfigurationError(
            "there is no stack: write make_wsgi_app(config, stack), or in the settings"
            " ringwall.stack = mysite.security:stack"
        )
    return found.wsgi(config.make_wsgi_app())


def _principal(request: Any) -> ringwall.Principal | None:
    return walled_exchange(request).principal


def _guarded(view: Callable[..., Any], info: Any) -> Callable[..., Any]:
    guards = [*_requirement(info.options), *_limit(info.options, info.original_view)]
    if not guards:
        return view

    def guarded(context: Any, request: Any) -> Any:
        lines: list[tuple[bytes, bytes]] = []
        for guard in guards:
            refusal = guard.check(request)
            if refusal is not None:
                return response_of(refusal)
            lines += guard.headers(request)
        answer = view(context, request)
        answer.headerlist += _text(lines)
        return answer

    return guarded


_guarded.options = ("require", "limit")  # type: ignore[attr-defined]


def _requirement(options: Any) -> Iterable[Guard]:
    given = options.get("require")
    if given is None:
        return
    if isinstance(given, Requirement):
        yield given
    else:
        conditions = given if isinstance(given, tuple) else (given,)
        yield Requirement(*conditions, interface="wsgi")


def _limit(options: Any, view: Any) -> Iterable[Guard]:
    given = options.get("limit")
    if given is not None:
        counted = given if isinstance(given, ringwall.limit) else ringwall.limit(given)
        yield counted.named(name_of(view))


def _forbid(error: HTTPForbidden, request: Any) -> Response:
    """A permission is missing: a challenge where nobody is authenticated, else a problem."""
    refusal = _AUTHENTICATED.check(request)
    if refusal is None:
        walled_exchange(request).decisions.append(_DENIED)
        refusal = _FORBIDDEN
    return response_of(refusal)


def response_of(refusal: ringwall.Response) -> Response:
    """A refusal, as the framework sends it."""
    answer = Response(refusal.body)
    answer.status_int = refusal.status
    answer.headerlist = _text(refusal.headers)
    return answer


def _text(lines: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("ascii"), value.decode("latin-1")) for name, value in lines]
