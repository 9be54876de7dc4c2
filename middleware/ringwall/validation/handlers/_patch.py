"""JSON Patch (RFC 6902): operations that stay within what the schema of the resource declares."""

from __future__ import annotations

from typing import Any

from .._explain import MOST_ERRORS
from .._json import StrictJSON
from .._options import Options
from .._patch import Resource, Unresolved, names_in
from .._refusal import INVALID, Refused
from ._content import Content, Handler
from ._json import json_handler

_MEMBERS = {
    "add": ("path", "value"),
    "replace": ("path", "value"),
    "test": ("path", "value"),
    "remove": ("path",),
    "move": ("path", "from"),
    "copy": ("path", "from"),
}

_MOST_STEPS = 64


def patch_handler(content: Content, options: Options) -> Handler:
    """What judges JSON Patch.

    A schema of an array, or none, is that of the patch document itself. Any other is that of the
    resource: then a path must lead to what it declares and is not `readOnly`, a value must follow
    what it says there, and what it requires is not removed. So `/is_admin` is no way in.
    """
    schema = content.schema
    of_document = isinstance(schema, bool) or schema.get("type") == "array"
    judged = schema if of_document else {"type": "array"}
    parse = json_handler(content._replace(schema=judged, make=None), options)
    resource = None if of_document else Resource(content, options)

    def judge(body: bytes, content_type: bytes) -> Any:
        operations = parse(body, content_type)
        if not isinstance(operations, list):
            raise Refused(INVALID, (_error("#", "type", "Must be an array of operations."),))
        errors: list[dict[str, str]] = []
        for number, operation in enumerate(operations):
            error = _check(operation, resource, options.parse)
            if error is not None:
                member, code, detail = error
                errors.append(_error(f"#/{number}{member}", code, detail))
                if len(errors) == MOST_ERRORS:
                    break
        if errors:
            raise Refused(INVALID, tuple(errors))
        return operations

    return judge


def _check(
    operation: Any, resource: Resource | None, parser: StrictJSON
) -> tuple[str, str, str] | None:
    """What is wrong with one operation: where, a code, and in words."""
    kind = operation.get("op") if isinstance(operation, dict) else None
    needed = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if needed is None or not isinstance(kind, str):
        return "", "operation", "Must be an operation of RFC 6902."
    for member in needed:
        if member not in operation:
            return "", "required", f"The property {member!r} is needed."
    try:
        for member in ("from", "path"):
            if member in needed:
                _check_pointer(operation[member], member)
                # What stands in a pointer is the name of a property as much as one in a value.
                parser.check(dict.fromkeys(names_in(operation[member])))
        if resource is not None:
            _check_within(kind, operation, resource)
    except Unresolved as wrong:
        return f"/{wrong.member}", wrong.code, wrong.detail
    except _NoPointer:
        return "", "pointer", "Paths must be JSON Pointers (RFC 6901)."
    return None


class _NoPointer(Exception):
    """It is no JSON Pointer."""


def _check_pointer(pointer: Any, member: str) -> None:
    if not isinstance(pointer, str) or (pointer and pointer[0] != "/"):
        raise _NoPointer
    if pointer.count("/") > _MOST_STEPS:
        raise Unresolved(member, "path", "Leads deeper than a value may be.")
    # After a tilde stands 0 or 1, and nothing else.
    if "~" in pointer.replace("~0", "").replace("~1", ""):
        raise _NoPointer


def _check_within(kind: str, operation: dict[str, Any], resource: Resource) -> None:
    path = operation["path"]
    if kind == "test":
        return resource.may_test(path, operation["value"])
    if kind in ("add", "replace"):
        return resource.may_write(path, operation["value"])
    if kind == "remove":
        return resource.may_remove(path)
    if kind == "move":
        resource.may_remove(operation["from"], "from")
        return resource.may_move(operation["from"], path)
    resource.may_read(operation["from"], "from")
    return resource.may_copy(operation["from"], path)


def _error(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}
