"""What JSON may be refused for beyond its grammar, each by an option: for apps whose next reader
is a JavaScript engine, a C library or a document database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from .._errors import ConfigurationError
from ._json import Errors, Parse, StrictJSON
from ._members import Counts
from ._refusal import FORBIDDEN_NAME, INEXACT, NUL, Refused

_LARGEST = 2**53 - 1  # RFC 7493 section 2.2
_MOST_DIGITS = 767  # no double needs more to be told exactly


class NamePatterns:
    """Names of properties: whole ones, and parts of them where `*` stands for the rest.

    Raises:
        ConfigurationError: one is no name, or has a `*` inside.

    >>> "$gt" in NamePatterns(["__proto__", "$*"]), "price" in NamePatterns(["__proto__", "$*"])
    (True, False)
    """

    __slots__ = ("_exact", "_inside", "_prefixes", "_suffixes")

    def __init__(self, names: Iterable[str]) -> None:
        if isinstance(names, str):
            raise ConfigurationError(f"forbidden_names is a list: write [{names!r}]")
        exact: set[str] = set()
        prefixes: list[str] = []
        suffixes: list[str] = []
        inside: list[str] = []
        for name in names:
            part = name.strip("*") if isinstance(name, str) else ""
            if not part or "*" in part or name.startswith("**") or name.endswith("**"):
                raise ConfigurationError(
                    f"forbidden_names holds {name!r}: write a name, '$*' for all that begin with"
                    " '$', or '*.*' for all that hold a dot"
                )
            if name == part:
                exact.add(name)
            elif name[0] == name[-1] == "*":
                inside.append(part)
            else:
                (suffixes if name[0] == "*" else prefixes).append(part)
        self._exact = frozenset(exact)
        self._prefixes, self._suffixes = tuple(prefixes), tuple(suffixes)
        self._inside = tuple(inside)

    def __bool__(self) -> bool:
        return bool(self._exact or self._prefixes or self._suffixes or self._inside)

    def __contains__(self, name: str) -> bool:
        return (
            name in self._exact
            or name.startswith(self._prefixes)
            or name.endswith(self._suffixes)
            or any(part in name for part in self._inside)
        )


class ProfiledJSON(StrictJSON):
    """Parses a JSON text, and refuses some that are well-formed.

    Parameters:
        ijson_numbers: numbers that are no longer themselves as an IEEE 754 double (RFC 7493
            section 2.2): another reader would judge another number.
        nul: U+0000 in a string or name: C libraries and databases end a text there.
        names: names of properties that mean something to the next reader.
        max_depth, max_values: see `StrictJSON`.

    >>> ProfiledJSON(64, 20_000, ijson_numbers=True, nul=True, names=NamePatterns([]))(b"[0.1]")
    [0.1]
    """

    __slots__ = ("_exact", "_names", "_nul")

    def __init__(
        self,
        max_depth: int,
        max_values: int,
        *,
        ijson_numbers: bool,
        nul: bool,
        names: NamePatterns,
    ) -> None:
        super().__init__(max_depth, max_values)
        self._exact = ijson_numbers
        self._nul = nul
        self._names = names

    def _know(self, counts: Counts, is_valid: Callable[[Any], bool], errors: Errors) -> None:
        def check_first(value: Any) -> bool:
            self.check(value)  # checks of the user's own formats see nothing that is refused
            return is_valid(value)

        def exact_errors(value: Any, body: bytes) -> tuple[dict[str, str], ...]:
            self._check_exactly(body)
            return errors(value, body)

        super()._know(counts, check_first, exact_errors)

    def typed(
        self, decode: Callable[[bytes], Any], is_valid: Callable[[Any], bool] | None = None
    ) -> Parse:
        return self.__call__  # a body that is valid may still be refused

    def __call__(self, body: bytes, content_type: bytes = b"") -> Any:
        value = StrictJSON.__call__(self, body)
        self._check_exactly(body)
        return value

    def _check_exactly(self, body: bytes) -> None:
        if self._exact:
            _decode_exactly(body)  # what was parsed tells no more how it was written

    def check(self, value: Any) -> None:
        pending = [value]
        while pending:
            part = pending.pop()
            if isinstance(part, dict):
                for name in part:
                    if name in self._names:
                        raise Refused(FORBIDDEN_NAME)
                    self._check_text(name)
                pending.extend(part.values())
            elif isinstance(part, list):
                pending.extend(part)
            elif isinstance(part, str):
                self._check_text(part)
            elif self._exact and isinstance(part, int) and abs(part) > _LARGEST:
                raise Refused(INEXACT)

    def _check_text(self, text: str) -> None:
        if self._nul and "\0" in text:
            raise Refused(NUL)


def _exact_float(text: str) -> None:
    """Raises Refused: written again with as many digits, its double is another number."""
    digits = text.lower().partition("e")[0].lstrip("-").replace(".", "").strip("0")
    value = float(text)
    if not digits:
        return
    if len(digits) > _MOST_DIGITS or value == 0:
        raise Refused(INEXACT)
    # The shortest form that means a double may end otherwise than that of as many digits.
    if Decimal(text) not in (Decimal(repr(value)), Decimal(f"{value:.{len(digits) - 1}e}")):
        raise Refused(INEXACT)


_decode_exactly = msgspec.json.Decoder(float_hook=_exact_float).decode
