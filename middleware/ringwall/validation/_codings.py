"""Content codings, undone within a limit: 97 KB of gzip can hold 100 MB."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

from .._errors import ConfigurationError, did_you_mean
from ._refusal import BAD_CODING, TOO_LARGE, Refused

# The window bits that zlib takes for a container: 16 is gzip's (RFC 1952), none zlib's (RFC 1950).
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

Decode = Callable[[bytes, int], bytes]


def decoders(codings: Iterable[str]) -> dict[bytes, Decode]:
    """What undoes each content coding, by the header that names it and no other.

    Raises:
        ConfigurationError: one is unknown.
    """
    if isinstance(codings, str):
        raise ConfigurationError(f"codings is a list: write codings=[{codings!r}]")
    found: dict[bytes, Decode] = {}
    for name in codings:
        if name not in _WINDOWS:
            raise ConfigurationError(
                f"unknown content coding {name!r}" + did_you_mean(str(name), _WINDOWS)
            )
        found[name.encode("ascii")] = _decoder(_WINDOWS[name])
    return found


def _decoder(window: int) -> Decode:
    def decode(body: bytes, limit: int) -> bytes:
        """Raises Refused: it is malformed, cut off, followed by more, or too large."""
        stream = zlib.decompressobj(window)
        try:
            data = stream.decompress(body, limit + 1)
        except zlib.error:
            raise Refused(BAD_CODING) from None
        if len(data) > limit:
            raise Refused(TOO_LARGE)
        # More members, or anything else behind the end, is seen by some readers and not by others.
        if not stream.eof or stream.unused_data:
            raise Refused(BAD_CODING)
        return data

    return decode
