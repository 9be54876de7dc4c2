r"""Patterns of models that Python's `re` would run: those alone that it runs in linear time.

The schema of a model judges a text first, in linear time, but not by the same rules: `\D` is all
but ten digits there, and all but some six hundred here. So texts reach `re` that do not match, and
on such a text `^(\D+)+$` takes twice as long with each letter more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import msgspec.inspect

from .._errors import ConfigurationError

# One character of the text, whichever. A set that begins with "]" is not taken.
_ONE = r"(?:[^\\\[\](){}.*+?|^$]|\.|\\[^\W\d_bBAZ]|\\\W|\[\^?(?:[^\]\\]|\\.)+\])"
_FIXED = rf"{_ONE}(?:\{{\d{{1,2}}\}})?"
_part = re.compile(
    rf"""(?P<start> \^|\\A) | \$ | \\Z
    | (?P<varying> {_ONE} (?:[*+?]|\{{\d*,\d*\}}) [?+]?)
    | (?P<group> \( (?:\?:|\?P<\w+>)? (?:{_FIXED})* (?:\|(?:{_FIXED})*)* \))
    | {_FIXED}""",
    re.VERBOSE | re.DOTALL,
).match


def takes_linear_time(pattern: str) -> bool:
    r"""Whether it is clear that `re` needs time in proportion to a text and no more.

    It begins at the start of the text, no more than one repetition varies in length, no more than
    one group has alternatives, and nothing is repeated but single characters: then all that can be
    tried again is each length of that repetition, for each alternative.

    >>> takes_linear_time(r"^[A-Z]{3}-\d+$"), takes_linear_time("^(EUR|USD)$")
    (True, True)
    >>> takes_linear_time(r"^(\w+\s?)+$"), takes_linear_time(r"\s+$")
    (False, False)
    """
    kinds: list[str | None] = []
    at = 0
    while at < len(pattern):
        part = _part(pattern, at)
        if part is None:
            return False
        kinds.append(part.lastgroup)
        at = part.end()
    return kinds[:1] == ["start"] and kinds.count("varying") <= 1 and kinds.count("group") <= 1


def check_msgspec(model: Any, where: str) -> None:
    """Raises ConfigurationError: a pattern of the model may take longer."""
    pending: list[Any] = [msgspec.inspect.type_info(model)]
    seen: set[int] = set()
    for part in pending:
        if id(part) in seen:
            continue
        seen.add(id(part))
        pattern = part.pattern if isinstance(part, msgspec.inspect.StrType) else None
        if pattern is not None and not takes_linear_time(pattern):
            better = f"Meta(extra_json_schema={{'pattern': {pattern!r}}})"
            raise _too_long(pattern, where, f"write {better}, which is judged here")
        for name in part.__struct_fields__:
            below = getattr(part, name)
            for each in below if isinstance(below, tuple) else (below,):
                if isinstance(each, (msgspec.inspect.Type, msgspec.inspect.Field)):
                    pending.append(each)


def check_pydantic(adapter: Any, where: str) -> None:
    """The same. Of pydantic's own engine, which is linear, nothing is asked."""
    parts = list(_mappings(adapter.core_schema))
    # The engine of a TypeAdapter's own configuration is told nowhere else.
    by_re = "PythonRe" in repr(adapter.validator)
    by_re = by_re or any(part.get("regex_engine") == "python-re" for part in parts)
    for part in parts:
        pattern, flags = part.get("pattern"), re.UNICODE.value
        if isinstance(pattern, re.Pattern):  # that is always judged by `re`
            pattern, flags = pattern.pattern, pattern.flags
        elif not by_re or "type" not in part:
            continue
        # A flag may give a pattern another meaning.
        if isinstance(pattern, str) and not (flags == re.UNICODE and takes_linear_time(pattern)):
            raise _too_long(pattern, where, "write a text, and leave regex_engine as it is")


def _mappings(value: Any) -> Iterator[Mapping[Any, Any]]:
    pending, seen = [value], set[int]()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Mapping):
            yield value
            pending += value.values()
        elif isinstance(value, (list, tuple)):
            pending += value


def _too_long(pattern: str, where: str, instead: str) -> ConfigurationError:
    return ConfigurationError(
        f"the model for {where} has Python's re judge the pattern {pattern!r}, which may take"
        f" without end; {instead}, in linear time; or let it begin with ^, repeat single"
        " characters only, and vary in the length of one repetition"
    )
