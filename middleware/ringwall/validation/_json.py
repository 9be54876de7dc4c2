"""Strict JSON: RFC 8259 by msgspec, no name twice (RFC 7493), bounded before it is parsed.

msgspec refuses what others let through: NaN, a byte order mark, UTF-16, invalid UTF-8, lone
surrogates, numbers out of range. What it does not do is done here on the raw bytes: parsers of
every make overflow the stack of a small thread on deep input, and one megabyte of `[],[],[]`
becomes twenty-five of objects.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec

from ._members import Counts, counts_of
from ._refusal import DUPLICATE, EMPTY, INVALID, NOT_JSON, TOO_DEEP, TOO_MANY, Refused
from ._schema import Schema

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{},"'))
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_LEVELS_AT_ONCE = 4
_NO_SIGNS = bytes(set(range(256)) - set(b"[{,"))
_OPENING = ord("[")
_NOTHING_KNOWN, _ANYTHING = counts_of(True), Schema(True, "anything")
Errors = Callable[[Any, bytes], tuple[dict[str, str], ...]]
Parse = Callable[..., Any]  # of a body, and of its Content-Type, which says nothing here


def _answer_panic(error: BaseException) -> None:
    """A panic is no Exception: it would end a worker instead of being answered with 500."""
    if type(error).__module__ == "pyo3_runtime":
        raise RuntimeError("the schema engine failed") from None


class StrictJSON:
    """Parses a JSON text.

    Parameters:
        max_depth: how deeply arrays and objects may nest.
        max_values: how many values there may be, an array or object counting twice.

    >>> StrictJSON(max_depth=64, max_values=20_000)(b'{"a": [1]}')
    {'a': [1]}
    """

    __slots__ = (
        "_errors", "_is_valid", "_max_depth", "_max_values", "_members_if_valid", "_members_of",
        "_values_of",
    )  # fmt: skip

    def __init__(self, max_depth: int, max_values: int) -> None:
        self._max_depth = max_depth
        self._max_values = max_values
        self._know(_NOTHING_KNOWN, _ANYTHING.is_valid, _ANYTHING.errors)

    def _know(self, counts: Counts, is_valid: Callable[[Any], bool], errors: Errors) -> None:
        self._members_of, self._values_of, self._members_if_valid = counts
        self._is_valid = is_valid
        self._errors = errors

    def knowing(self, schema: Any, is_valid: Callable[[Any], bool], errors: Errors) -> StrictJSON:
        """The same parser for values that follow this schema, which it is quicker with.

        Parameters:
            is_valid: whether a value does. errors: what is wrong with one that does not.
        """
        knowing = copy.copy(self)
        knowing._know(counts_of(schema), is_valid, errors)
        return knowing

    def __call__(self, body: bytes, content_type: bytes = b"") -> Any:
        """Raises Refused: malformed, too deep, too many values, a name twice, or not valid."""
        # What is inside of an array has a bracket before it, and of an object a colon. Those in
        # strings count as well: enough to let most bodies pass. `bytes.replace` leaps from one find
        # to the next, `bytes.count` looks at each byte.
        size, colons = len(body), body.count(b":")
        arrays = size - len(body.replace(b"[", b""))
        if colons + arrays >= self._max_depth or size > self._max_values:
            self._check_size(body, arrays)
        try:
            value = _decode(body)
        except (msgspec.MsgspecError, ValueError):
            raise Refused(NOT_JSON if body.strip(b" \t\r\n") else EMPTY) from None
        try:
            valid = self._is_valid(value)
        except BaseException as error:
            _answer_panic(error)
            raise
        # Parsers keep the last of two equal names. Each member has a colon of its own in the text,
        # each value but the first a comma or an opening bracket: where as many of either have
        # been parsed as were written, with those in strings, no member was lost.
        if valid and self._members_if_valid(value, colons) == colons:
            return value
        if self._members_of(value) != colons and not self._is_whole(value, body, colons):
            raise Refused(DUPLICATE)
        if not valid:
            raise Refused(INVALID, self._errors(value, body))
        return value

    def typed(
        self, decode: Callable[[bytes], Any], is_valid: Callable[[Any], bool] | None = None
    ) -> Parse:
        """The same, where most bodies are parsed and judged by a decoder that accepts nothing but
        what is valid. It may drop members. What it does not accept whole is judged as ever.

        Parameters:
            decode: the decoder. is_valid: what its values have to be as well.
        """
        max_depth, max_values, check_size = self._max_depth, self._max_values, self._check_size
        members_of, is_whole, judge = self._members_if_valid, self._is_whole, self.__call__

        def parse(body: bytes, content_type: bytes = b"") -> Any:
            size, colons = len(body), body.count(b":")
            arrays = size - len(body.replace(b"[", b""))
            if colons + arrays >= max_depth or size > max_values:
                check_size(body, arrays)
            try:
                value = decode(body)
                if is_valid is not None and not is_valid(value):
                    return judge(body)
            except (msgspec.MsgspecError, ValueError):
                return judge(body)
            except BaseException as error:
                _answer_panic(error)
                raise
            if members_of(value, colons) == colons or is_whole(value, body, colons):
                return value
            return judge(body)

        return parse

    def _is_whole(self, value: Any, body: bytes, colons: int) -> bool:
        """Whether no member was lost, exactly."""
        return self._values_of(value) == _signs(body) or has_all_names(value, body, colons)

    def _check_size(self, body: bytes, arrays: int) -> None:
        """Whether a body of so many opening brackets may be parsed. Raises Refused."""
        opening = arrays + len(body) - len(body.replace(b"{", b""))
        many = len(body) > self._max_values and opening + body.count(b",") >= self._max_values
        if many or opening > self._max_depth:
            self.check_shape(body)

    def check(self, value: Any) -> None:
        """Judge a value that was not parsed here, such as a form. Raises Refused."""

    def check_shape(self, body: bytes) -> None:
        """The exact count, in linear time: what has an odd number of quotation marks before it is
        in a string. Where the text is malformed the parser stops no later.

        Raises:
            Refused: too deep, or too many values.
        """
        if body.find(b"\\") >= 0:
            body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
        signs = body.translate(None, _NO_STRUCTURE)
        if signs.count(b'"') > 4 * self._max_values:
            raise Refused(TOO_MANY)  # each value has one name and is one string at most
        signs = signs.replace(b'""', b"")  # nothing of interest is between them
        if signs.find(b'"') >= 0:
            signs = b"".join(signs.split(b'"')[::2])
        brackets = signs.translate(_AS_SQUARE, b",")
        opening = brackets.count(b"[")
        if opening + len(signs) - len(brackets) >= self._max_values:
            raise Refused(TOO_MANY)
        # A level is taken away at once, from the inside: most bodies have two or three.
        depth = 0
        while brackets and depth < _LEVELS_AT_ONCE:
            brackets = brackets.replace(b"[]", b"")
            depth += 1
        taken = depth
        if depth > self._max_depth:
            raise Refused(TOO_DEEP)
        for bracket in brackets:
            depth += 1 if bracket == _OPENING else -1
            if depth > self._max_depth:
                raise Refused(TOO_DEEP)
            if depth < taken:
                raise Refused(NOT_JSON)

    def check_lines(self, lines: list[bytes]) -> None:
        """The same for texts that are parsed one by one and kept together."""
        self.check_shape(b"[" + b",".join(lines) + b"]")


def _signs(body: bytes) -> int:
    """How many commas and opening brackets there are, in strings as well."""
    return len(body.translate(None, _NO_SIGNS))


def has_all_names(value: Any, body: bytes, colons: int) -> bool:
    """Whether no member was lost, exactly. A colon stands after a name or inside a string. What was
    parsed, written out again, has the same colons if no member was lost, and fewer if one was: ten
    times as fast as a parser with a hook.
    """
    written = _encode(value)
    return written == body or written.count(b":") == colons + _escaped_colons(body)


def _escaped_colons(body: bytes) -> int:
    """How many colons are escaped: they are written out plain."""
    if body.find(b"\\u003") < 0:  # `in` tries to make a number of it first
        return 0
    text = body.replace(b"\\\\", b"")  # what is left of a run of backslashes escapes
    return text.count(b"\\u003a") + text.count(b"\\u003A")
