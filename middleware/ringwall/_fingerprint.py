"""A short name for a configuration: equal ones have equal names, in every process.

What counts is what things were constructed with: values, and of functions the name and the code. Of
other objects it is what their `repr` tells, which holds no secret. No secret can be read from a
name; octets count by their length alone, and passwords in URLs not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from hashlib import sha256
from inspect import signature
from types import CodeType
from typing import TYPE_CHECKING, Any

_USERINFO = re.compile(r"://[^/@\s]*@")
_SECRET_QUERY = re.compile(
    r"([?&][^=&\s]*(?:secret|password|token)[^=&\s]*=)[^&\s]*", re.IGNORECASE
)
_SECRETS = re.compile(r"secret|password|token|pepper|pem", re.IGNORECASE)
_DEEPEST = 50


class Configured:
    """Remembers what it was constructed with, by name, but for its secrets."""

    _given: dict[str, Any]

    if not TYPE_CHECKING:  # its signature is that of `__init__`

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            self = super().__new__(cls)
            self._given = _arguments(self, args, kwargs)
            return self


def fingerprint(*values: object) -> str:
    """16 hexadecimal digits.

    >>> fingerprint({"b": 1, "a": {2, 3}}) == fingerprint({"a": {3, 2}, "b": 1})
    True
    """
    return sha256(_spell(values, frozenset()).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _spell(value: Any, around: frozenset[int]) -> str:
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str):
        return repr(_public(value))
    if isinstance(value, (bytes, bytearray)):
        return f"octets:{len(value)}"  # a key, perhaps
    if id(value) in around or len(around) > _DEEPEST:
        return "..."
    around |= {id(value)}
    if isinstance(value, Mapping):
        return f"{{{','.join(_members(value, around))}}}"
    if isinstance(value, (set, frozenset)):
        return f"{{{','.join(sorted(_spell(each, around) for each in value))}}}"
    if isinstance(value, (list, tuple)):
        return f"{_name(type(value))}[{','.join(_spell(each, around) for each in value)}]"
    return _spell_object(value, around)


def _spell_object(value: Any, around: frozenset[int]) -> str:
    if isinstance(value, Configured):
        return f"{_name(type(value))}{_spell(value._given, around)}"
    if isinstance(value, partial):
        return f"partial{_spell((value.func, value.args, value.keywords), around)}"
    code = getattr(value, "__code__", None)  # also that of a bound method
    if isinstance(code, CodeType):
        return f"{_name(value)}({_code(code)}{_closure(value, around)})"
    if isinstance(value, type):
        return f"{_name(value)}{_spell(dict(getattr(value, '__annotations__', {})), around)}"
    if getattr(value, "__constant__", False):  # what its slots hold is what it was made of
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        return (
            f"{_name(type(value))}{_spell([getattr(value, name, None) for name in slots], around)}"
        )
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  it is somebody else's, and may do anything
        return _name(type(value))
    return _name(type(value)) if " at 0x" in text else _public(text)


def _public(text: str) -> str:
    """Text without the passwords of URLs in it."""
    return _SECRET_QUERY.sub(r"\1", _USERINFO.sub("://", text))


def _arguments(made: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        _, *bound = signature(type(made).__init__).bind(made, *args, **kwargs).arguments.items()
    except (TypeError, ValueError):
        # The constructor will say so; or it is that of `object`, on a Python without docstrings.
        return {}
    return {name: _kept(name, value) for name, value in bound}


def _kept(name: str, value: object) -> object:
    if _is_secret(name):
        return None
    return _public(value) if isinstance(value, str) else value


def _closure(function: Any, around: frozenset[int]) -> str:
    """What a function was made with; not what it may change, such as a table of its data."""
    held = []
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # not bound yet
            continue
    fixed = (each for each in held if not isinstance(each, (Mapping, list, set)))
    return ",".join(_spell(each, around) for each in fixed)


def _members(value: Mapping[Any, Any], around: frozenset[int]) -> Iterable[str]:
    return sorted(
        f"{_spell(key, around)}:{'' if _is_secret(key) else _spell(each, around)}"
        for key, each in value.items()
    )


def _is_secret(key: object) -> bool:
    # "k": a symmetric key among the keys of an issuer (RFC 7518 section 6.4).
    return isinstance(key, str) and (key == "k" or _SECRETS.search(key) is not None)


def _name(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"


def _code(code: CodeType) -> str:
    constants = ",".join(
        _code(each) if isinstance(each, CodeType) else _spell(each, frozenset())
        for each in code.co_consts
    )
    return f"{code.co_code.hex()} {code.co_names} {constants}"
