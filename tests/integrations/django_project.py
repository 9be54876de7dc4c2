"""Django is configured once for a process; tests override what they need."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def set_up_django() -> None:
    import django
    from django.conf import settings

    if settings.configured:
        return
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="ringwall_test_urls",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "rest_framework",
            "ringwall_django",
        ],
        USE_TZ=True,
    )
    django.setup()


@contextmanager
def project(urlpatterns: list[Any], stack: Any, **settings: Any) -> Iterator[None]:
    """A project with these URLs behind a stack."""
    from django.test import override_settings
    from django.urls import clear_url_caches

    name = "ringwall_guarded_urls"
    urls = types.ModuleType(name)
    urls.urlpatterns = urlpatterns  # type: ignore[attr-defined]
    sys.modules[name] = urls
    clear_url_caches()
    options = {
        "ROOT_URLCONF": name,
        "RINGWALL": stack,
        "MIDDLEWARE": ["ringwall_django.RingwallMiddleware"],
        **settings,
    }
    try:
        with override_settings(**options):
            yield
    finally:
        clear_url_caches()
        del sys.modules[name]
