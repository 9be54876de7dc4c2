"""The head of an ASGI response, as layers edit it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ._layer import ResponseHead
from ._outcome import Addition
from .problem import Header, Response, check_header


class Head(ResponseHead):
    """A response head over a list of byte pairs."""

    __slots__ = ("headers",)

    def __init__(self, status: int, headers: list[Header]) -> None:
        self.status = status
        self.headers = headers

    def get(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def add(self, name: bytes, value: bytes) -> None:
        check_header(name, value)
        self.headers.append((name, value))

    def extend(self, lines: Iterable[Header]) -> None:
        self.headers += lines

    def append(self, addition: Addition) -> None:
        self.headers += addition.lines

    def remove(self, name: bytes) -> None:
        self.headers = [line for line in self.headers if line[0].lower() != name]

    def add_missing(self, lines: tuple[Header, ...], names: frozenset[bytes]) -> None:
        headers = self.headers
        for name, _ in headers:
            if name.lower() in names:
                break
        else:
            headers += lines
            return
        present = {name.lower() for name, _ in headers}
        headers += [line for line in lines if line[0] not in present]

    def rewrite(
        self, names: frozenset[bytes], edit: Callable[[bytes, bytes], bytes | None]
    ) -> bool:
        headers = self.headers
        for name, _ in headers:
            if name.lower() in names:
                break
        else:
            return False  # most responses
        kept = []
        for line in headers:
            name = line[0].lower()
            if name in names:
                value = edit(name, line[1])
                if value is None:
                    continue
                if value != line[1]:
                    check_header(name, value)
                    line = (line[0], value)
            kept.append(line)
        self.headers = kept
        return True

    def replace(self, response: Response) -> None:
        self.status, self.headers = response.status, list(response.headers)
