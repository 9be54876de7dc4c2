"""Header names that a configuration may hold, and better places for the others."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from .._errors import ConfigurationError, did_you_mean
from ..problem import check_header

# Options of the layer and the headers they stand for.
OPTIONS = {
    header.lower().replace("-", "_"): header
    for header in (
        "Cache-Control",
        "Content-Security-Policy",
        "Content-Security-Policy-Report-Only",
        "Cross-Origin-Embedder-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Origin-Agent-Cluster",
        "Permissions-Policy",
        "Referrer-Policy",
        "X-Content-Type-Options",
        "X-DNS-Prefetch-Control",
        "X-Download-Options",
        "X-Frame-Options",
        "X-Permitted-Cross-Domain-Policies",
        "X-XSS-Protection",
    )
}
_OPTION_OF = {header.lower(): option for option, header in OPTIONS.items()}
_ELSEWHERE = {
    "strict-transport-security": "it is the HTTPS layer's; write HTTPS(hsts=HSTS(...))",
    "set-cookie": "cookies are the app's; write cookies=Cookies(...) to harden them",
    "clear-site-data": "it is for single responses, such as that of a logout: the app sets it",
    "feature-policy": "browsers no longer read it; use permissions_policy=",
    "expect-ct": "browsers no longer read it",
    "public-key-pins": "browsers no longer read it",
    **dict.fromkeys(
        ("access-control-allow-origin", "access-control-allow-credentials"),
        "a constant one opens the app to other origins; use a CORS layer",
    ),
    **dict.fromkeys(
        """
        connection content-encoding content-length content-range content-type date etag
        keep-alive last-modified location proxy-authenticate te trailer transfer-encoding upgrade
        vary www-authenticate
        """.split(),
        "it belongs to the message, which is the app's or the server's",
    ),
}


def lower_name(option: str, name: object) -> str:
    """A header's name in lower case.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(name, str):
        try:
            check_header(name.lower().encode("ascii"), b"")
        except ValueError:
            pass
        else:
            return name.lower()
    raise ConfigurationError(f"{option}= holds {name!r}, which is no header name")


def sent_headers(names: object, sent: Collection[bytes]) -> frozenset[bytes]:
    """The names of `override=`.

    Raises:
        ConfigurationError: the layer sends no such header; the message holds the nearest.
    """
    found = set()
    for name in _listed("override", names):
        lower = lower_name("override", name).encode("ascii")
        if lower not in sent:
            raise ConfigurationError(
                f"override= holds {name!r}, which is not sent here"
                + did_you_mean(lower.decode("ascii"), [one.decode("ascii") for one in sent])
            )
        found.add(lower)
    return frozenset(found)


def removable(names: object, sent: Collection[bytes]) -> frozenset[bytes]:
    """The names of `remove=`.

    Raises:
        ConfigurationError: the response would be broken, or less safe, without one.
    """
    found = sorted(lower_name("remove", name) for name in _listed("remove", names))
    for name in found:
        if name.encode("ascii") in sent:
            raise ConfigurationError(f"remove= holds {name!r}, which is sent here; choose one")
        if name in _OPTION_OF:
            raise ConfigurationError(f"remove= holds {name!r}, which protects")
        if name in _ELSEWHERE:
            raise ConfigurationError(f"remove= holds {name!r}, which the response may need")
    return frozenset(name.encode("ascii") for name in found)


def extra_headers(extra: object) -> dict[str, str]:
    """Further headers by lower-case name.

    Raises:
        ConfigurationError: a name has a better place or is mistyped, or a value could split the
            response.
    """
    if not isinstance(extra, Mapping):
        raise ConfigurationError("extra= takes a mapping: {'Reporting-Endpoints': 'csp=\"/r\"'}")
    found: dict[str, str] = {}
    for name, value in extra.items():
        lower = lower_name("extra", name)
        if lower in _OPTION_OF:
            raise ConfigurationError(f"extra= holds {name!r}; write {_OPTION_OF[lower]}=...")
        if lower in _ELSEWHERE:
            raise ConfigurationError(f"extra= holds {name!r}: {_ELSEWHERE[lower]}")
        nearest = _nearest(lower)
        if nearest:
            raise ConfigurationError(f"extra= holds an unknown header {name!r}{nearest}")
        if lower in found:
            raise ConfigurationError(f"extra= holds {name!r} twice")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise ConfigurationError(f"extra= gives {name!r} a value that is no printable ASCII")
        if not value or value != value.strip(" "):
            raise ConfigurationError(f"extra= gives {name!r} an empty or padded value")
        found[lower] = value
    return found


def _listed(option: str, names: object) -> list[object]:
    """The names in an iterable that is not one text.

    Raises:
        ConfigurationError: it is no list of names.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ConfigurationError(f"{option}= takes a list of header names: ['Server']")
    return list(names)


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, _OPTION_OF, n=1, cutoff=0.85)
    return f"; did you mean {OPTIONS[_OPTION_OF[close[0]]]!r}?" if close else ""
