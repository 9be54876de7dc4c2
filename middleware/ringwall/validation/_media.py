"""Content-Type by its grammar (RFC 9110 section 8.3.1)."""

from __future__ import annotations

import re

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_PARAMETER = rb"[ \t]*(" + _TOKEN + rb")=(" + _TOKEN + rb"|" + _QUOTED + rb")"
_TYPE = re.compile(
    rb"(%b/%b)((?:[ \t]*;(?:%b)?)*)[ \t]*\Z" % (_TOKEN, _TOKEN, _PARAMETER), re.DOTALL
)
_PARAMETERS = re.compile(_PARAMETER)
_LONGEST = 256


def parameter(value: bytes, name: bytes) -> bytes | None:
    """A parameter of a Content-Type that `media_type` found well-formed, without its quotes; None
    where it has none of this name, or escapes in it.

    >>> parameter(b'multipart/form-data; Boundary="x y"', b"boundary")
    b'x y'
    """
    found = _TYPE.match(value)
    for each in _PARAMETERS.finditer(found[2] if found else b""):
        if each[1].lower() == name and b"\\" not in each[2]:
            return each[2].strip(b'"')
    return None


def media_type(value: bytes) -> bytes | None:
    """The lower-case type and subtype of a Content-Type, or None where it is malformed, doubled,
    ambiguous, or in a charset other than UTF-8.

    A charset must be honoured, not skipped: UTF-7 or UTF-16 read as UTF-8 here and as declared by
    the app would be two different bodies.

    >>> media_type(b'Application/JSON; Charset="UTF-8"; x=y')
    b'application/json'
    >>> media_type(b"application/json; charset=utf-7") is None
    True
    """
    # A comma joins two header lines; inside quotes it could hide that, so it is never taken.
    if len(value) > _LONGEST or b"," in value:
        return None
    found = _TYPE.match(value)
    if found is None:
        return None
    names = set()
    for parameter in _PARAMETERS.finditer(found[2]):
        name = parameter[1].lower()
        # `boundary*=utf-8''y` and `boundary*0=y` (RFC 2231) outweigh `boundary=x` for some readers.
        if name in names or b"*" in name:
            return None
        names.add(name)
        if name == b"charset" and parameter[2].strip(b'"').lower() != b"utf-8":
            return None
    essence: bytes = found[1].lower()
    return essence
