"""Credentials in other places than headers: query, cookie, websocket subprotocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from .._conceal import cookie_pairs, parameter_name
from .._exchange import Exchange

# What a request holds in one place; more than one is an ambiguity.
Place: TypeAlias = Callable[[Exchange], list[bytes]]


def in_query(name: str, kinds: frozenset[str]) -> Place:
    """The values of a query parameter, decoded."""
    wanted = name.encode("ascii")

    def find(exchange: Exchange) -> list[bytes]:
        if exchange.kind not in kinds:
            return []
        return [
            unquote_to_bytes(pair.partition(b"=")[2].replace(b"+", b" "))
            for pair in exchange.query.split(b"&")
            if parameter_name(pair) == wanted
        ]

    return find


def in_cookie(name: str) -> Place:
    """The values of a cookie, as they are."""
    wanted = name.encode("ascii")

    def find(exchange: Exchange) -> list[bytes]:
        pairs = (
            pair.partition(b"=") for pair in cookie_pairs(exchange.headers.get(b"cookie", b""))
        )
        return [value.strip() for key, _, value in pairs if key.strip() == wanted]

    return find


def in_subprotocol(marker: str) -> Place:
    """What follows a marker among the subprotocols that a websocket offers. Under HTTP the header
    means nothing, and holds no credential."""

    def find(exchange: Exchange) -> list[bytes]:
        if exchange.kind != "websocket":
            return []
        following = iter((*exchange.subprotocols, ""))
        next(following)
        return [
            credential.encode("utf-8", "replace")
            for member, credential in zip(exchange.subprotocols, following, strict=True)
            if member == marker
        ]

    return find
