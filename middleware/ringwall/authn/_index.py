"""Which scheme judges a credential: by its name, or by the place where it lies."""

from __future__ import annotations

from .._errors import ConfigurationError
from ._challenge import TOKEN
from ._scheme import Scheme


def index(
    schemes: tuple[Scheme, ...],
) -> tuple[dict[bytes, Scheme], dict[bytes, Scheme], dict[str, Scheme], dict[str, Scheme]]:
    """The schemes by name (also in lower case), header, query parameter and cookie.

    Raises:
        ConfigurationError: two schemes would read the same credential.
    """
    by_name: dict[bytes, Scheme] = {}
    by_header: dict[bytes, Scheme] = {}
    by_query: dict[str, Scheme] = {}
    by_cookie: dict[str, Scheme] = {}
    for scheme in schemes:
        if not TOKEN.match(scheme.name):
            raise ConfigurationError("the name of a scheme is one word (RFC 9110 section 11.1)")
        name = scheme.name.encode("ascii")
        if scheme.ambient:
            continue
        if scheme.header is not None:
            if scheme.header in by_header:
                raise ConfigurationError(
                    f"two schemes read the header {scheme.header.decode('latin-1')!r}"
                )
            by_header[scheme.header] = scheme
        elif scheme.query is not None or scheme.cookie is not None:
            for place, where in ((by_query, scheme.query), (by_cookie, scheme.cookie)):
                if where is not None and place.setdefault(where, scheme) is not scheme:
                    raise ConfigurationError(f"two schemes read {where!r}")
        elif name.lower() in by_name:
            raise ConfigurationError(f"two schemes answer to {scheme.name!r}; keep one of them")
        else:
            by_name[name.lower()] = scheme
            by_name[name] = scheme  # the usual spelling is found at once
    return by_name, by_header, by_query, by_cookie
