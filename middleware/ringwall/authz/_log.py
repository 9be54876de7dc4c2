"""Tells the log where a user's function failed, without its message, which may hold a secret."""

from __future__ import annotations

import logging
import traceback

_logger = logging.getLogger("ringwall")


def report(what: str, error: BaseException) -> None:
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    _logger.error("%s failed with %s\n%s", what, type(error).__name__, "".join(frames).rstrip())
