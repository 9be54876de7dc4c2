"""What is sent without further configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .csp import NONCE

# Features that reach for the user's devices, place, money or screen.
_POWERFUL = """
    accelerometer bluetooth camera display-capture geolocation gyroscope hid idle-detection
    local-fonts magnetometer microphone midi payment screen-wake-lock serial usb
    window-management xr-spatial-tracking
""".split()

# OWASP REST Security Cheat Sheet ("Security Headers"), with what it advises where a browser could
# be made to show an answer as a page. `base-uri` and `form-action` do not follow `default-src`.
_API: Mapping[str, Any] = {
    "cache_control": "no-store",
    "content_security_policy": {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
    "cross_origin_opener_policy": "same-origin",
    "cross_origin_resource_policy": "same-origin",
    "permissions_policy": dict.fromkeys(_POWERFUL, ()),
    "referrer_policy": "no-referrer",
    "x_content_type_options": "nosniff",
    "x_frame_options": "DENY",
    "x_permitted_cross_domain_policies": "none",
}

# The set of helmet 8. Stricter in two things: scripts and styles go by nonce, so that inline
# styles are not open to everybody; and powerful features are off.
_BROWSER: Mapping[str, Any] = {
    "content_security_policy": {
        "default-src": ["'self'"],
        "base-uri": ["'self'"],
        "font-src": ["'self'", "https:", "data:"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "script-src": ["'self'", NONCE],
        "script-src-attr": ["'none'"],
        "style-src": ["'self'", NONCE],
        "upgrade-insecure-requests": [],
    },
    "cross_origin_opener_policy": "same-origin",
    "cross_origin_resource_policy": "same-origin",
    "origin_agent_cluster": "?1",
    "permissions_policy": dict.fromkeys(_POWERFUL, ()),
    "referrer_policy": "no-referrer",
    "x_content_type_options": "nosniff",
    "x_dns_prefetch_control": "off",
    "x_download_options": "noopen",
    "x_frame_options": "SAMEORIGIN",
    "x_permitted_cross_domain_policies": "none",
    "x_xss_protection": "0",
}

PRESETS: Mapping[str, Mapping[str, Any]] = {"api": _API, "browser": _BROWSER}
