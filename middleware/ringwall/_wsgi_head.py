"""The head of a WSGI response, as layers edit it: header lines are pairs of native strings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from ._layer import ResponseHead
from ._outcome import Addition, native_lines
from .problem import Header, Response, check_header


class Head(ResponseHead):
    """A response head over a list of pairs of native strings."""

    __slots__ = ("headers",)

    def __init__(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = headers

    def get(self, name: bytes) -> bytes | None:
        key = name.decode("latin-1")
        found = next((value for line, value in self.headers if line.lower() == key), None)
        return None if found is None else found.encode("latin-1")

    def add(self, name: bytes, value: bytes) -> None:
        check_header(name, value)
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def extend(self, lines: Iterable[Header]) -> None:
        self.headers += native_lines(lines)

    def append(self, addition: Addition) -> None:
        self.headers += addition.native

    def remove(self, name: bytes) -> None:
        key = name.decode("latin-1")
        self.headers = [line for line in self.headers if line[0].lower() != key]

    def add_missing(self, lines: tuple[Header, ...], names: frozenset[bytes]) -> None:
        headers, keys, mine = self.headers, native_names(names), native(lines)
        for name, _ in headers:
            if name.lower() in keys:
                break
        else:
            headers += mine
            return
        present = {name.lower() for name, _ in headers}
        headers += [line for line in mine if line[0] not in present]

    def rewrite(
        self, names: frozenset[bytes], edit: Callable[[bytes, bytes], bytes | None]
    ) -> bool:
        headers, keys = self.headers, native_names(names)
        for key, _ in headers:
            if key.lower() in keys:
                break
        else:
            return False  # most responses
        kept = []
        for line in headers:
            key = line[0].lower()
            if key in keys:
                name, before = key.encode("latin-1"), line[1].encode("latin-1")
                value = edit(name, before)
                if value is None:
                    continue
                if value != before:
                    check_header(name, value)
                    line = (line[0], value.decode("latin-1"))
            kept.append(line)
        self.headers = kept
        return True

    def replace(self, response: Response) -> None:
        self.status, self.headers = response.status, [*native(response.headers)]


@functools.lru_cache(maxsize=256)
def native(lines: tuple[Header, ...]) -> tuple[tuple[str, str], ...]:
    """Header lines as native strings, made once for each constant set of them."""
    return native_lines(lines)


@functools.lru_cache(maxsize=256)
def native_names(names: frozenset[bytes]) -> frozenset[str]:
    return frozenset(name.decode("latin-1") for name in names)
