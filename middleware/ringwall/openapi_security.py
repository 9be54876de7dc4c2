"""Writes into an app's OpenAPI document what the stack around it asks and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .description import Access, access, security_schemes
from .problem import reason_phrase
from .stack import Stack

__all__ = ["MARKS", "PROBLEM", "Marks", "secure_document"]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PARAMETER = re.compile(r"\{([^{}:]+)(?::[^{}]*)?\}")
_EXAMPLES = {"integer": "1", "number": "1.5", "uuid": "00000000-0000-4000-8000-000000000000"}

#: The schema of every refusal (RFC 9457).
PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "A problem document (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "default": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "One word for programs."},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"pointer": {"type": "string"}}},
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}
_DESCRIPTIONS = {
    400: "The request is malformed.",
    401: "Credentials are missing, or not valid.",
    403: "These credentials do not allow this.",
    413: "The body is too large.",
    415: "The body is of a type that is not accepted.",
    422: "The request does not follow its schema.",
    429: "Too many requests.",
}
_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After"}


class Marks(NamedTuple):
    """Names of security schemes by which a framework tells which operations have protection of
    their own. They are taken out of the document again.

    require: with the scopes that a handler requires, as the scopes of the entry, or after the name
    and a space, as some frameworks write scopes for OAuth 2.0 alone. limit: it has a rate limit.
    """

    require: str = "ringwall-require"
    limit: str = "ringwall-limit"


MARKS = Marks()


def secure_document(
    document: dict[str, Any], stack: Stack, *, marks: Marks = MARKS, stale: Sequence[str] = ()
) -> dict[str, Any]:
    """Add security schemes, requirements and problem responses to an OpenAPI document.

    What the app says itself stays: responses that it describes, and schemes of its own.

    Parameters:
        document: an OpenAPI 3.0 or 3.1 document; it is changed.
        stack: the stack around the app.
        marks: see `Marks`.
        stale: schemas of a framework's own 422 answers, in whose place it sends problems now.

    Returns:
        The document.

    >>> from ringwall import RateLimit
    >>> document = {"paths": {"/orders": {"get": {"responses": {"200": {}}}}}}
    >>> secured = secure_document(document, Stack(RateLimit("5/minute")))
    >>> sorted(secured["paths"]["/orders"]["get"]["responses"])
    ['200', '429']
    """
    components = document.setdefault("components", {})
    own = components.get("securitySchemes", {})
    for name in [name for name in own if _mark(name) in marks]:
        del own[name]
    schemes = security_schemes(stack)
    components["securitySchemes"] = {**own, **schemes}
    used: set[int] = set()
    for path, method, operation in _operations(document):
        asked = access(stack, method.upper(), _example(path, operation))
        used |= _annotate(operation, asked, schemes, marks, stale)
    if used:
        components.setdefault("schemas", {})["Problem"] = dict(PROBLEM)
        responses = components.setdefault("responses", {})
        responses.update({_name(status): _response(status) for status in sorted(used)})
    if not components["securitySchemes"]:
        del components["securitySchemes"]
    for name in stale:
        if f"#/components/schemas/{name}'" not in repr(document):
            components.get("schemas", {}).pop(name, None)
    return document


def _annotate(
    operation: dict[str, Any],
    asked: Access,
    schemes: Mapping[str, Any],
    marks: Marks,
    stale: Sequence[str],
) -> set[int]:
    given: list[dict[str, list[str]]] = operation.pop("security", [])
    named = [(name, some) for entry in given for name, some in entry.items()]
    marked = [[*name.split(" ")[1:], *some] for name, some in named if _mark(name) == marks.require]
    limited = any(_mark(name) == marks.limit for name, _ in named)
    others = [entry for entry in given if not any(_mark(name) in marks for name in entry)]
    scopes = tuple(dict.fromkeys((*asked.scopes, *(s for some in marked for s in some))))
    statuses = {*asked.statuses, *((401, 403) if marked else ()), *((429,) if limited else ())}
    credentials = "required" if marked else asked.credentials
    security = [*others, *({name: list(scopes)} for name in schemes if credentials != "none")]
    if credentials == "optional":
        security.insert(0, {})
    if security:
        operation["security"] = security
    responses = operation.setdefault("responses", {})
    if any(f"/schemas/{name}'" in repr(responses.get("422")) for name in stale):
        del responses["422"]
        statuses.add(422)
    added = {status for status in sorted(statuses) if str(status) not in responses}
    for status in sorted(added):
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    return added


def _mark(name: str) -> str:
    return name.partition(" ")[0]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                yield path, method, {} if item[method] is None else item[method]


def _example(path: str, operation: Mapping[str, Any]) -> str:
    kinds = dict(_kinds(operation.get("parameters", ())))
    return _PARAMETER.sub(lambda found: _EXAMPLES.get(kinds.get(found[1], ""), "x"), path)


def _kinds(parameters: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for parameter in parameters:
        schema = parameter.get("schema", {})
        yield parameter.get("name", ""), schema.get("format") or schema.get("type", "")


def _name(status: int) -> str:
    return "Problem" + reason_phrase(status).title().replace(" ", "")


def _response(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": _DESCRIPTIONS[status],
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    if status in _HEADERS:
        response["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    return response
