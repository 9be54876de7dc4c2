"""The app: it brings the system checks."""

from django.apps import AppConfig


class RingwallConfig(AppConfig):
    """`INSTALLED_APPS = [..., "ringwall_django"]`."""

    name = "ringwall_django"
    verbose_name = "Ringwall"

    def ready(self) -> None:
        """Register the checks."""
        from . import _checks  # noqa: F401
