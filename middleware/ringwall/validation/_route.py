"""One declared route: its checks by media type, and its answers, made once."""

from __future__ import annotations

from collections.abc import Mapping

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Decision, Exchange
from .._template import Template, parse_template
from ..problem import Response, problem
from ._check import Check
from ._media import media_type
from ._refusal import (
    BAD_LENGTH,
    DUPLICATE,
    EMPTY,
    INVALID,
    NOT_JSON,
    TOO_DEEP,
    TOO_LARGE,
    TOO_MANY,
    UNSUPPORTED_ENCODING,
    UNSUPPORTED_TYPE,
    Reason,
    Refused,
)

# A body means nothing with HEAD, CONNECT and TRACE (RFC 9110 section 9.3).
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})

# How nearly all clients spell what is parsed as the same media type.
_SPELLINGS = (
    b"%b",
    b"%b; charset=utf-8",
    b"%b;charset=utf-8",
    b"%b; charset=UTF-8",
    b"%b;charset=UTF-8",
)
_REASONS = (
    TOO_LARGE,
    BAD_LENGTH,
    UNSUPPORTED_TYPE,
    UNSUPPORTED_ENCODING,
    EMPTY,
    NOT_JSON,
    TOO_DEEP,
    TOO_MANY,
    DUPLICATE,
)


def parse_key(key: object) -> tuple[str, Template]:
    """The method and the template of `"POST /v1/orders"`.

    Raises:
        ConfigurationError: it is no such text; the message says what to write instead.

    >>> parse_key("POST /v1/orders")[0]
    'POST'
    """
    method, space, path = key.partition(" ") if isinstance(key, str) else ("", "", "")
    if not space:
        raise ConfigurationError(f"{key!r} is no route; write 'POST /v1/orders'")
    if method not in METHODS:
        raise ConfigurationError(
            f"unknown method {method!r} in {key!r}" + did_you_mean(method.upper(), METHODS)
        )
    return method, parse_template(path)


class Route:
    """What one method and path template accept.

    Parameters:
        layer: the name of the layer, in decisions.
        method, template: the route.
        checks: by lower-case media type.
        limit: the most bytes a body may have.
    """

    __slots__ = ("_checks", "_common", "_invalid", "_refusals", "allowed", "limit", "path")

    def __init__(
        self, layer: str, method: str, template: Template, checks: Mapping[bytes, Check], limit: int
    ) -> None:
        rule = f"{method} {template.text}"
        self.path = template.text
        self.limit = limit
        self.allowed = Decision(layer, "allow", rule, "valid")
        self._checks = dict(checks)
        self._common = {
            spelling % name: check for name, check in checks.items() for spelling in _SPELLINGS
        }
        accept = b", ".join(sorted(checks))
        headers = {
            UNSUPPORTED_TYPE: ((b"accept", accept),),
            UNSUPPORTED_ENCODING: ((b"accept-encoding", b"identity"),),
        }
        self._refusals: dict[Reason, tuple[Response, Decision]] = {
            reason: (
                problem(
                    reason.status, reason.detail, code=reason.code, headers=headers.get(reason, ())
                ),
                Decision(layer, "deny", rule, reason.code),
            )
            for reason in _REASONS
        }
        self._invalid = Decision(layer, "deny", rule, INVALID.code)

    def check_for(self, content_type: bytes) -> Check | None:
        """The check for a Content-Type, or None: then the body must not pass."""
        check = self._common.get(content_type)
        if check is None:
            name = media_type(content_type)
            check = None if name is None else self._checks.get(name)
        return check

    def refuse(self, exchange: Exchange, reason: Reason) -> Response:
        response, decision = self._refusals[reason]
        exchange.decisions.append(decision)
        return response

    def refuse_body(self, exchange: Exchange, refused: Refused) -> Response:
        if refused.reason is not INVALID:
            return self.refuse(exchange, refused.reason)
        exchange.decisions.append(self._invalid)
        return problem(
            INVALID.status, INVALID.detail, code=INVALID.code, errors=list(refused.errors)
        )
