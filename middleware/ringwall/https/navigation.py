"""Browsers that open a page, told from scripts and programs."""

from __future__ import annotations

from collections.abc import Mapping

NAVIGATION = frozenset({b"sec-fetch-mode", b"upgrade-insecure-requests", b"accept"})


def is_navigation(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser asks for a page, rather than a script or a program for data.

    Browsers send `Sec-Fetch-Mode` to trustworthy origins only (Fetch Metadata), over plain HTTP
    that is localhost; `Upgrade-Insecure-Requests` says "I would take https", on navigations.
    """
    mode = headers.get(b"sec-fetch-mode")
    if mode is not None:
        return mode == b"navigate"
    if headers.get(b"upgrade-insecure-requests") == b"1":
        return True
    ranges = headers.get(b"accept", b"").lower().split(b",")
    return any(item.partition(b";")[0].strip(b" \t") == b"text/html" for item in ranges)
