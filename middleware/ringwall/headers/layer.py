"""The layer: response headers that are set, taken away and hardened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Literal, TypeAlias

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Exchange
from .._layer import Layer, ResponseHead
from ..problem import Header, check_header
from .cookies import Cookies
from .csp import content_security_policy as csp
from .disclosing import DISCLOSING
from .names import OPTIONS, extra_headers, removable, sent_headers
from .nonce import give_nonce
from .permissions import permissions_policy as permissions
from .presets import PRESETS
from .values import check_value


class _Preset(Enum):
    PRESET = "what the preset says"


_PRESET = _Preset.PRESET
_DEFAULT_COOKIES = Cookies()
_POLICIES = ("Content-Security-Policy", "Content-Security-Policy-Report-Only")

Text: TypeAlias = "str | _Preset | None"
Policy: TypeAlias = "str | Mapping[str, str | Iterable[str] | None] | _Preset | None"


class SecurityHeaders(Layer):
    """Sets the response headers that harden a browser against the app's own mistakes, takes away
    those that disclose what it runs on, and completes its cookies.

    A header that the app sets itself is left as it is, unless it is named in `override`. Put this
    layer first, or right inside Audit: the refusals of the layers inside it get the headers, too.
    Strict-Transport-Security is the HTTPS layer's.

    Parameters:
        preset: "api", for answers that no browser shows as a page, or "browser", for sites.
        content_security_policy: a text is the whole policy; a mapping of directives changes the
            preset's, None in it takes a directive out. `'nonce'` stands for a nonce that is new
            for each request: the app reads it with `nonce_of(request)`.
        content_security_policy_report_only: likewise, without a preset.
        permissions_policy: a text, or a mapping of features that changes the preset's:
            `{"camera": ["self"], "geolocation": ["https://maps.example"], "usb": []}`.
        override: names of headers that leave as configured here, whatever the app says.
        extra: further constant headers, by name.
        remove: names of headers to take away, by default OWASP's list.
        cookies: what is added to every Set-Cookie; None: nothing.

    All other parameters: the header's value, or None for no such header.

    Raises:
        ConfigurationError: a value that browsers would ignore, or a name in the wrong place.

    Sources: OWASP REST Security Cheat Sheet, OWASP Secure Headers Project, helmet 8, CSP Level 3,
        Permissions Policy, RFC 9651, RFC 6265bis.

    >>> from ringwall import SecurityHeaders
    >>> app = SecurityHeaders().wsgi(lambda environ, start_response: [])

    A site with a map, which no app behind the layer may let into a frame:

    >>> layer = SecurityHeaders(
    ...     "browser",
    ...     content_security_policy={"img-src": ["'self'", "https://tiles.example"]},
    ...     permissions_policy={"geolocation": ["self"]},
    ...     x_frame_options="DENY",
    ...     override=["X-Frame-Options"],
    ...     cookies=Cookies(same_site="Strict"),
    ... )
    """

    name = "headers"
    tolerant = True  # a request that the boundary refuses gets the headers, too

    def __init__(
        self,
        preset: Literal["api", "browser"] = "api",
        *,
        cache_control: Text = _PRESET,
        content_security_policy: Policy = _PRESET,
        content_security_policy_report_only: Policy = _PRESET,
        cross_origin_embedder_policy: Text = _PRESET,
        cross_origin_opener_policy: Text = _PRESET,
        cross_origin_resource_policy: Text = _PRESET,
        origin_agent_cluster: Text = _PRESET,
        permissions_policy: Policy = _PRESET,
        referrer_policy: Text = _PRESET,
        x_content_type_options: Text = _PRESET,
        x_dns_prefetch_control: Text = _PRESET,
        x_download_options: Text = _PRESET,
        x_frame_options: Text = _PRESET,
        x_permitted_cross_domain_policies: Text = _PRESET,
        x_xss_protection: Text = _PRESET,
        override: Iterable[str] = (),
        extra: Mapping[str, str] | None = None,
        remove: Iterable[str] = DISCLOSING,
        cookies: Cookies | None = _DEFAULT_COOKIES,
    ) -> None:
        if preset not in PRESETS:
            raise ConfigurationError(
                f"unknown preset {preset!r}" + did_you_mean(str(preset), PRESETS)
            )
        if cookies is not None and not isinstance(cookies, Cookies):
            raise ConfigurationError("cookies= takes Cookies(...), or None to leave them alone")
        base = PRESETS[preset]
        values = {
            "cache_control": cache_control,
            "content_security_policy": content_security_policy,
            "content_security_policy_report_only": content_security_policy_report_only,
            "cross_origin_embedder_policy": cross_origin_embedder_policy,
            "cross_origin_opener_policy": cross_origin_opener_policy,
            "cross_origin_resource_policy": cross_origin_resource_policy,
            "origin_agent_cluster": origin_agent_cluster,
            "permissions_policy": permissions_policy,
            "referrer_policy": referrer_policy,
            "x_content_type_options": x_content_type_options,
            "x_dns_prefetch_control": x_dns_prefetch_control,
            "x_download_options": x_download_options,
            "x_frame_options": x_frame_options,
            "x_permitted_cross_domain_policies": x_permitted_cross_domain_policies,
            "x_xss_protection": x_xss_protection,
        }
        # Each header in pieces, between which the nonce stands: most are one piece.
        pieces: dict[bytes, tuple[bytes, ...]] = {}
        for option, value in values.items():
            told = base.get(option) if value is _PRESET else value
            if told is not None:
                name = OPTIONS[option].lower().encode("ascii")
                pieces[name] = tuple(
                    piece.encode("ascii") for piece in _pieces(option, told, base.get(option, {}))
                )
        for lower, text in extra_headers({} if extra is None else extra).items():
            pieces[lower.encode("ascii")] = (text.encode("ascii"),)
        for name, parts in pieces.items():
            check_header(name, b"".join(parts))  # each value was checked; this is the last gate
        overridden = sent_headers(override, pieces)
        removed = removable(remove, pieces)

        self.constant_headers: tuple[Header, ...] = tuple(
            (name, parts[0])
            for name, parts in pieces.items()
            if len(parts) == 1 and name not in overridden
        )
        self._constant_overrides: tuple[Header, ...] = tuple(
            (name, pieces[name][0]) for name in sorted(overridden) if len(pieces[name]) == 1
        )
        self._overridden = frozenset(name for name, _ in self._constant_overrides)
        self._policies = tuple((name, parts) for name, parts in pieces.items() if len(parts) > 1)
        self._cookies = cookies
        self._kept = frozenset(name for name, _ in self._policies) - overridden
        self._touched = removed | overridden | self._kept
        if cookies is not None:
            self._touched |= {b"set-cookie"}
        self.sets: frozenset[bytes] = self._touched

        self.keeps_state: bool = bool(self._policies)
        # The compiler takes hooks from the instance: what is not configured costs nothing.
        if self._policies:
            self.__dict__["on_request"] = self._make_nonce
        if self._policies or overridden:
            self.__dict__["on_response"] = self._rewrite_and_set
        elif self._touched:
            self.edits_only: frozenset[bytes] | None = self._touched
            self.__dict__["on_response"] = self._rewrite

    def __repr__(self) -> str:
        return "<SecurityHeaders>"

    def _make_nonce(self, exchange: Exchange) -> None:
        give_nonce(exchange)

    def _rewrite_and_set(self, exchange: Exchange, head: ResponseHead) -> None:
        found = self._rewrite(exchange, head)
        if self._constant_overrides:
            head.add_missing(self._constant_overrides, self._overridden)
        # A 304 would give the page in the browser's cache a nonce that is not in it (RFC 9111
        # section 3.2): the policy stored with the page stays.
        if self._policies and head.status != 304:
            nonce = give_nonce(exchange).encode("ascii")
            put = head.setdefault if found else head.add
            for name, pieces in self._policies:
                put(name, nonce.join(pieces))

    def _rewrite(self, exchange: Exchange, head: ResponseHead) -> bool:
        edit = self._edit_secure if exchange.scheme == "https" else self._edit_plain
        return head.rewrite(self._touched, edit)

    def _edit_secure(self, name: bytes, value: bytes) -> bytes | None:
        return self._edit(name, value, secure=True)

    def _edit_plain(self, name: bytes, value: bytes) -> bytes | None:
        return self._edit(name, value, secure=False)

    def _edit(self, name: bytes, value: bytes, secure: bool) -> bytes | None:
        if name == b"set-cookie" and self._cookies is not None:
            return self._cookies.upgrade(value, secure)
        return value if name in self._kept else None


def _pieces(option: str, value: Any, base: Any) -> tuple[str, ...]:
    header = OPTIONS[option]
    if header in _POLICIES:
        return csp(header, value, base)
    if header == "Permissions-Policy":
        return (permissions(value, base),)
    return (check_value(header, value),)
