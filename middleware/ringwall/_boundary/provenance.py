"""Where a request comes from, as far as its peer is believed."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from .host import Host
from .withheld import Withheld

Key: TypeAlias = tuple[bytes | str | None, ...]

_MOST_KNOWN = 1024
_LONGEST_KNOWN = 128


class Provenance(NamedTuple):
    """What is derived from peer, Host and proxy headers of a request.

    host: that of the request. scheme: what a proxy says; None: that of the connection.
    client: its address in canonical form; None: unknown. forwarded: a proxy told it.
    authority: what the app gets as its Host header; None: what was sent.
    withheld: the headers that the app shall not see.
    """

    host: Host | None
    scheme: str | None
    client: str | None
    forwarded: bool
    authority: str | None
    withheld: Withheld


def padded(wants: frozenset[bytes]) -> tuple[bytes, bytes, bytes]:
    """The names of up to three headers, and of Host in place of those that lack: asked for one by
    one they cost half of what a list of them does.

    Raises:
        ValueError: there are more. One that is left out of a key would be believed unseen.

    >>> padded(frozenset({b"forwarded"}))
    (b'forwarded', b'host', b'host')
    """
    first, second, third = *sorted(wants), *(b"host" for _ in range(3 - len(wants)))
    return first, second, third


def remember(known: dict[Key, Provenance], key: Key, provenance: Provenance) -> None:
    """Keep what was derived for these values: a proxy sends the same ones again and again.

    Clients choose some of them: few are kept, and none that is long.
    """
    if all(value is None or len(value) <= _LONGEST_KNOWN for value in key):
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[key] = provenance
