"""What holds for the whole suite."""

from __future__ import annotations

from hypothesis import settings

# No test here is a timed one: how long an example takes is the machine's affair.
settings.register_profile("ringwall", deadline=None)
settings.load_profile("ringwall")
