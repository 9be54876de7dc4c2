"""Orders in Django: settings, URLs and entry point in one file. `python main.py check` runs the
system checks."""

from __future__ import annotations

import sys
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="an example",
    ALLOWED_HOSTS=["api.example.com"],
    ROOT_URLCONF="main",
    WSGI_APPLICATION="main.application",
    INSTALLED_APPS=["ringwall_django"],
    MIDDLEWARE=["ringwall_django.RingwallMiddleware"],
    RINGWALL="security.stack",
)
django.setup()

from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402
from security import add_order, load_order  # noqa: E402

from ringwall import validated_body_of  # noqa: E402
from ringwall_django import get_wsgi_application, limit  # noqa: E402


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def order(request: Any, order_id: int) -> JsonResponse:
    return JsonResponse({"for": request.user.username, **(load_order(order_id) or {})})


@csrf_exempt  # the key comes in a header, which no foreign page can send
@require_POST
@limit("2/minute", key="principal")
def create(request: Any) -> JsonResponse:
    item = validated_body_of(request)["item"]
    return JsonResponse(add_order(request.user.username, item), status=201)


urlpatterns = [
    path("healthz", healthz),
    path("v1/orders/<int:order_id>", order),
    path("v1/orders", create),
]

if __name__ == "__main__":
    sys.modules["main"] = sys.modules["__main__"]

application = get_wsgi_application()

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
