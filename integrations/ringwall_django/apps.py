"""The app: it brings the system checks."""

from typing import Any

from django.apps import AppConfig


class RingwallConfig(AppConfig):
    """`INSTALLED_APPS = [..., "ringwall_django"]`."""

    name = "ringwall_django"
    verbose_name: Any = "Ringwall"  # a translation may stand here, says the base

    def ready(self) -> None:
        """Register the checks."""
        from . import _checks  # noqa: F401
