"""ringwall_django: settings, users, system checks, the REST framework."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from integrations.django_project import project, set_up_django
from integrations.drive import call
from integrations.orders import Lines, credentials, make_stack
from ringwall import HTTPS, ConfigurationError, Principal, Stack, scope

set_up_django()

from django.core import checks  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.urls import path  # noqa: E402

import ringwall_django as wall  # noqa: E402

OURS = "ringwall_django.RingwallMiddleware"
DJANGOS = "django.contrib.auth.middleware.AuthenticationMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


def whoami(request: Any) -> JsonResponse:
    return JsonResponse(
        {
            "user": str(request.user),
            "anonymous": getattr(request.user, "is_anonymous", None),
            "principal": request.principal.subject if request.principal else None,
        }
    )


async def awhoami(request: Any) -> JsonResponse:
    return JsonResponse({"user": str(await request.auser())})


URLS = [path("h/who", whoami), path("h/awho", awhoami)]


def ask(target: str, who: str | None, interface: str = "wsgi", **settings: Any) -> Any:
    with project(URLS, make_stack(optional=True), **settings):
        build = wall.get_wsgi_application if interface == "wsgi" else wall.get_asgi_application
        return call(interface, build(), target, credentials(who))


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_the_user_is_the_principal(interface: str) -> None:
    assert ask("/h/who", "alice", interface).json() == {
        "user": "alice",
        "anonymous": False,
        "principal": "alice",
    }
    assert ask("/h/awho", "alice", interface).json() == {"user": "alice"}


def test_nobody_is_djangos_anonymous_user() -> None:
    assert ask("/h/who", None).json()["anonymous"] is True
    without_auth = ["ringwall_django"]
    answer = ask("/h/who", None, INSTALLED_APPS=without_auth).json()
    assert answer == {"user": "None", "anonymous": None, "principal": None}


def test_a_session_of_djangos_own_stays_where_nobody_is_authenticated() -> None:
    settings = {
        "MIDDLEWARE": [SESSIONS, DJANGOS, OURS],
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
    }
    assert ask("/h/who", None, **settings).json()["user"] == "AnonymousUser"
    assert ask("/h/who", "alice", **settings).json()["user"] == "alice"


def test_a_function_may_find_the_user() -> None:
    module = types.ModuleType("mysite_users")
    module.find = lambda principal: None if principal.subject == "bob" else "a row"  # type: ignore
    sys.modules["mysite_users"] = module
    try:
        setting = {"STACK": make_stack(), "USER": "mysite_users.find"}
        assert ask("/h/who", "alice", RINGWALL=setting).json()["user"] == "a row"
        assert ask("/h/who", "bob", RINGWALL=setting).json()["user"] == "AnonymousUser"
    finally:
        del sys.modules["mysite_users"]


def test_a_principal_is_a_user_without_a_row() -> None:
    alice = Principal("alice", scheme="bearer", issuer="a", scopes={"orders.add", "orders.view"})
    user, again = wall.PrincipalUser(alice), wall.PrincipalUser(alice)
    assert user == again
    assert hash(user) == hash(again)
    assert user != wall.PrincipalUser(Principal("alice", scheme="bearer", issuer="b"))
    assert user != "alice"
    assert repr(user) == "<PrincipalUser>"
    assert user.get_username() == str(user) == user.pk == "alice"
    assert user.get_all_permissions() == {"orders.add", "orders.view"}
    assert user.get_group_permissions() == set()
    assert user.has_perms(["orders.add", "orders.view"])
    assert not user.has_perm("orders.delete")
    assert not user.has_perm("orders.add", obj=object())
    assert user.has_module_perms("orders")
    assert not user.has_module_perms("order")
    assert not user.is_staff
    assert not user.is_superuser
    with pytest.raises(NotImplementedError):
        user.save()


def test_other_errors_of_views_are_not_ours() -> None:
    with project(URLS, make_stack()):
        middleware = wall.RingwallMiddleware(lambda request: None)  # type: ignore[arg-type]
        assert middleware.process_exception(None, KeyError()) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (None, "settings lack RINGWALL"),
        ({"STAK": "x"}, "unknown key 'STAK'; use 'STACK' or 'USER'"),
        ({"USER": "x"}, "RINGWALL lacks 'STACK'"),
        ("no_such_module.stack", "RINGWALL: No module named 'no_such_module'"),
        ("os.path", "RINGWALL names 'module', no ringwall.Stack"),
        ({"STACK": Stack(), "USER": "os.name"}, "names a function of a principal"),
    ],
)
def test_a_wrong_setting_is_told_by_the_checks_and_at_the_start(setting: Any, message: str) -> None:
    with override_settings(RINGWALL=setting):
        (error,) = ours()
        assert error.id == "ringwall.E001"
        assert message in error.msg
        with pytest.raises(ConfigurationError):
            wall.get_wsgi_application()
            wall.RingwallMiddleware(lambda request: None)  # type: ignore[arg-type]


def ours() -> list[checks.CheckMessage]:
    from ringwall_django._checks import check_ringwall

    assert check_ringwall in checks.registry.registry.registered_checks
    return [m for m in check_ringwall(None) if str(m.id).startswith("ringwall.")]


def ids(stack: Any = None, **settings: Any) -> list[str]:
    options = {"RINGWALL": stack or Stack(), "MIDDLEWARE": [OURS], "DEBUG": False, **settings}
    with override_settings(**options):
        return [str(message.id) for message in ours()]


HOSTS = Stack(HTTPS(hosts=["api.example.com", "*.example.org", "example.net:8443"]))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"MIDDLEWARE": []}, ["ringwall.E003"]),
        ({"MIDDLEWARE": [OURS, DJANGOS]}, ["ringwall.E004"]),
        ({"MIDDLEWARE": [DJANGOS, OURS]}, []),
        ({"stack": HOSTS, "ALLOWED_HOSTS": ["api.example.com"]}, ["ringwall.W005"]),
        ({"stack": HOSTS, "ALLOWED_HOSTS": [], "DEBUG": True}, ["ringwall.W005"]),
        (
            {"stack": HOSTS, "ALLOWED_HOSTS": ["api.example.com", ".example.org", "example.net"]},
            [],
        ),
        ({"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}, ["ringwall.E006"]),
        ({"USE_X_FORWARDED_HOST": True}, ["ringwall.E007"]),
        ({"stack": HOSTS, "SECURE_SSL_REDIRECT": True}, ["ringwall.W008"]),
        ({"SECURE_SSL_REDIRECT": True}, []),
    ],
)
def test_the_checks_find_what_contradicts_the_wall(
    settings: dict[str, Any], expected: list[str]
) -> None:
    assert ids(**settings) == expected


def test_the_checks_find_an_entrance_past_the_wall() -> None:
    from django.core.wsgi import get_wsgi_application

    module = types.ModuleType("mysite_wsgi")
    module.application = get_wsgi_application()  # type: ignore[attr-defined]
    sys.modules["mysite_wsgi"] = module
    try:
        assert ids(WSGI_APPLICATION="mysite_wsgi.application") == ["ringwall.E002"]
        module.application = Stack().wsgi(module.application)  # type: ignore[attr-defined]
        assert ids(WSGI_APPLICATION="mysite_wsgi.application") == []
    finally:
        del sys.modules["mysite_wsgi"]
    assert ids(ASGI_APPLICATION="no_such_module.application") == []


class TestRESTFramework:
    def urls(self) -> list[Any]:
        from rest_framework.response import Response
        from rest_framework.views import APIView

        from ringwall_django import rest_framework as rest

        class Who(APIView):
            authentication_classes = (rest.Authentication,)

            def get(self, request: Any) -> Response:
                auth = request.auth.subject if request.auth else None
                return Response({"user": str(request.user), "auth": auth})

        class Guarded(Who):
            permission_classes = (rest.Authenticated,)

        class Write(Who):
            permission_classes = (rest.require(scope("orders:write")),)

        class Refusing(Who):
            def get(self, request: Any) -> Response:
                from rest_framework.exceptions import NotAuthenticated

                raise NotAuthenticated

        return [
            path("h/who", Who.as_view()),
            path("h/guarded", Guarded.as_view()),
            path("h/write", Write.as_view()),
            path("h/refusing", Refusing.as_view()),
        ]

    def ask(self, target: str, who: str | None, lines: Lines, **settings: Any) -> Any:
        with project(self.urls(), make_stack(lines, optional=True), **settings):
            return call("wsgi", wall.get_wsgi_application(), target, credentials(who))

    def test_user_and_auth_are_the_principals(self) -> None:
        expected = {"user": "alice", "auth": "alice"}
        assert self.ask("/h/who", "alice", Lines()).json() == expected
        assert self.ask("/h/who", "alice", Lines(), MIDDLEWARE=[]).json() == expected
        nobody = self.ask("/h/who", None, Lines()).json()
        assert nobody == {"user": "AnonymousUser", "auth": None}

    @pytest.mark.parametrize(
        ("target", "who", "status"),
        [
            ("/h/guarded", "alice", 200),
            ("/h/guarded", None, 401),
            ("/h/write", "alice", 403),
            ("/h/write", None, 401),
        ],
    )
    def test_permissions_refuse_with_the_problem(
        self, target: str, who: str | None, status: int
    ) -> None:
        lines = Lines()
        answer = self.ask(target, who, lines)
        assert answer.status == status
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert lines[-1]["decisions"][-1]["outcome"] == "deny"
            assert ("www-authenticate" in answer.headers) == (status == 401)

    def test_the_frameworks_own_401_has_the_challenge_of_the_stack(self) -> None:
        answer = self.ask("/h/refusing", None, Lines())
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'ApiKey realm="api"'
