"""Authentication: a token that was seen before, one that was not, and an API key.

The peers verify a token on every request. A first RS256 is mostly the verification itself, which
all share: no goal is read from it but those of its own.

Run: python -m benchmarks.authn
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ringwall import JWT, APIKey, Authentication, generate_api_key

from . import floors, world
from .floor_rules import Tokens
from .harness import Comparison, Goal
from .lab import Lab, Made, run
from .layers import INTERFACES, alone, bare_app, beside
from .peers import authn as peers

FIRST = (
    Goal("a first RS256 over its floor", "Ringwall", "floor", 1.3),
    # Both find the key by the token's `kid`. With one key at hand PyJWT takes about twice as long
    # as the floor, and nothing could be 2.5 times as fast.
    Goal(
        "PyJWT, keys by kid, over a first RS256",
        "PyJWT, keys by kid, in Starlette",
        "Ringwall",
        2.5,
        at_most=False,
    ),
)


def comparisons(lab: Lab) -> Iterator[Comparison]:
    for interface in INTERFACES:
        colour, bare = interface.lower(), bare_app(interface)
        several = Authentication(
            JWT(world.ISSUER, world.AUDIENCE, keys=world.JWK),
            JWT("https://other.example", world.AUDIENCE, keys=world.JWK),
        )
        more: list[Made] = [("two issuers", "ringwall", getattr(several, colour)(bare), "bare")]
        more += peers.tokens(interface)
        title = "Authentication, token remembered"
        yield beside(lab, interface, title, ("authentication",), more)
        first = Authentication(JWT(world.ISSUER, world.AUDIENCE, keys=world.JWK, cache_size=0))
        by_hand = getattr(floors, f"authentication_{colour}")
        made = alone(
            lab,
            interface,
            "Authentication, first RS256",
            (),
            by_hand(bare, Tokens(remember=False)),
            getattr(first, colour)(bare),
            peers.tokens(interface),
        )
        yield replace(made, goals=FIRST)
        key, record = generate_api_key("alice", scopes=["orders:read"])
        yield alone(
            lab,
            interface,
            "Authentication, API key",
            ("API key",),
            getattr(floors, f"api_key_{colour}")(bare, record.id, record.digest),
            getattr(Authentication(APIKey([record])), colour)(bare),
            peers.api_keys(interface, record.digest),
            credential=("authorization", f"ApiKey {key}"),
        )


if __name__ == "__main__":
    run(comparisons)
