"""Structured dictionaries (RFC 9651) of what Permissions-Policy is made of, parsed strictly:
tokens, strings, inner lists of them, and parameters. Numbers, bytes and dates have no meaning
there and are refused."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~:/0-9A-Za-z]*")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_SPACES = re.compile(r" *")
_OWS = re.compile(r"[ \t]*")


class Malformed(ValueError):
    """The text breaks the grammar."""


class Token(str):
    """A word without quotes; a plain `str` is a quoted string."""

    __slots__ = ()


Bare: TypeAlias = "Token | str | bool"  # of booleans only the implied ?1
Parameters: TypeAlias = "dict[str, Bare]"


class Item(NamedTuple):
    value: Bare
    parameters: Parameters

    def __str__(self) -> str:
        return _bare(self.value) + _parameters(self.parameters)


class InnerList(NamedTuple):
    items: tuple[Item, ...]
    parameters: Parameters

    def __str__(self) -> str:
        return "(" + " ".join(map(str, self.items)) + ")" + _parameters(self.parameters)


Member: TypeAlias = "Item | InnerList"


def parse_dictionary(text: str) -> list[tuple[str, Member]]:
    """The members in order, repeated keys included.

    Raises:
        Malformed: the text is no dictionary (RFC 9651 section 4.2.2), or holds another type.

    >>> [(key, str(member)) for key, member in parse_dictionary('a=(), b=(self "x");c')]
    [('a', '()'), ('b', '(self "x");c')]
    """
    return _Parser(text).dictionary()


def serialize_dictionary(members: dict[str, Member]) -> str:
    """RFC 9651 section 4.1.2."""
    return ", ".join(
        key + _parameters(member.parameters) if member[0] is True else f"{key}={member}"
        for key, member in members.items()
    )


def _bare(value: Bare) -> str:
    if isinstance(value, Token):
        return value
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parameters(parameters: Parameters) -> str:
    return "".join(
        f";{key}" if value is True else f";{key}={_bare(value)}"
        for key, value in parameters.items()
    )


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise Malformed
        self._at = found.end()
        return found

    def _skip(self, character: str) -> bool:
        found = self._text.startswith(character, self._at)
        self._at += found
        return found

    def _ended(self) -> bool:
        return self._at == len(self._text)

    def dictionary(self) -> list[tuple[str, Member]]:
        members: list[tuple[str, Member]] = []
        self._text = self._text.rstrip(" ")
        self._take(_SPACES)
        while not self._ended():
            key = self._take(_KEY).group()
            if self._skip("="):
                member = self._inner_list() if self._skip("(") else self._item()
            else:
                member = Item(True, self._parameters())
            members.append((key, member))
            self._take(_OWS)
            if self._ended():
                break
            if not self._skip(","):
                raise Malformed
            self._take(_OWS)
            if self._ended():
                raise Malformed
        return members

    def _inner_list(self) -> InnerList:
        items: list[Item] = []
        self._take(_SPACES)
        while not self._skip(")"):
            items.append(self._item())
            if not self._text.startswith((" ", ")"), self._at):
                raise Malformed
            self._take(_SPACES)
        return InnerList(tuple(items), self._parameters())

    def _item(self) -> Item:
        return Item(self._bare(), self._parameters())

    def _bare(self) -> Bare:
        if self._text.startswith('"', self._at):
            return re.sub(r"\\(.)", r"\1", self._take(_STRING).group(1))
        return Token(self._take(_TOKEN).group())

    def _parameters(self) -> Parameters:
        parameters: Parameters = {}
        while self._skip(";"):
            self._take(_SPACES)
            key = self._take(_KEY).group()
            parameters[key] = self._bare() if self._skip("=") else True
        return parameters
