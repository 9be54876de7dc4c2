"""One declared operation: the bodies it accepts by media type, and its answers, made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .._errors import ConfigurationError, did_you_mean
from .._exchange import Decision, Exchange
from .._template import Template, parse_template
from ..problem import Response, problem
from ._media import media_type
from ._refusal import (
    INVALID,
    INVALID_PARAMETERS,
    REASONS,
    TOO_LARGE,
    TOO_SLOW,
    UNSUPPORTED_ENCODING,
    UNSUPPORTED_TYPE,
    Reason,
    Refused,
)

if TYPE_CHECKING:
    from ._reading import Hook
    from ._responses import Responses
    from .handlers import Handler, Rewrite
    from .parameters import ParameterSet

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


Translate = Callable[[str, str, "str | None"], str]
_LONGEST_LANGUAGE = 200
_OF_THE_DOCUMENT = frozenset({b"content-type", b"cache-control", b"content-length"})


class MediaType(NamedTuple):
    """A media type that an operation accepts.

    name: in lower case. handler: what judges a body of it. limit: the most bytes it may have.
    rewrite: what writes the body anew, first.
    """

    name: str
    handler: Handler
    limit: int
    rewrite: Rewrite | None = None


class Bodies:
    """The bodies that an operation accepts.

    Parameters:
        media_types: by name; `text/*` and `*/*` stand for all that are not named.
        required: a request without a body is refused.

    usual: what the usual spellings of a Content-Type mean, byte for byte.
    """

    __slots__ = ("_by_name", "_ranges", "accept", "required", "usual")

    def __init__(self, media_types: Sequence[MediaType], required: bool = True) -> None:
        self.required: bool = required
        named = {one.name.encode("ascii"): one for one in media_types}
        self.accept: bytes = b", ".join(sorted(named))
        self._by_name = {name: one for name, one in named.items() if b"*" not in name}
        self._ranges = {name: one for name, one in named.items() if b"*" in name}
        self.usual: dict[bytes, MediaType] = {
            spelling % name: one for name, one in self._by_name.items() for spelling in _SPELLINGS
        }

    def change(self, change: Callable[[MediaType], MediaType]) -> bool:
        """Put what `change` makes of each in its place. Returns whether one is another now."""
        made = {id(one): change(one) for one in self._by_name.values()}
        differs = any(made[id(one)] is not one for one in self._by_name.values())
        for table in (self._by_name, self._ranges, self.usual):
            for name, one in table.items():
                table[name] = made[id(one)]
        return differs

    def find(self, content_type: bytes) -> MediaType | None:
        """What a Content-Type means, or None: then the body must not pass."""
        found = self.usual.get(content_type)
        if found is None:
            name = media_type(content_type)
            if name is not None:
                found = self._by_name.get(name)
                if found is None and self._ranges and b"*" not in name:  # "*/*" is no type
                    kind = name[: name.index(b"/")]
                    found = self._ranges.get(kind + b"/*") or self._ranges.get(b"*/*")
        return found


def overlook(exchange: Exchange, decision: Decision) -> Response | None:
    """What is recorded of a refusal in shadow: the request proceeds."""
    reason = f"would-deny-{decision.reason}"
    exchange.decisions.append(decision._replace(outcome="allow", reason=reason))
    return None


def translated(
    translate: Translate,
    exchange: Exchange,
    reason: Reason,
    errors: tuple[dict[str, Any], ...],
    response: Response | None = None,
) -> Response:
    """An answer in the user's words, with the headers of `response`."""
    told = exchange.headers.get(b"accept-language", b"")[:_LONGEST_LANGUAGE]
    language = told.decode("latin-1") or None
    members: dict[str, Any] = {}
    if errors:
        members["errors"] = [
            {**error, "detail": translate(error["code"], error["detail"], language)}
            for error in errors
        ]
    kept = () if response is None else response.headers
    headers = [line for line in kept if line[0] not in _OF_THE_DOCUMENT]
    detail = translate(reason.code, reason.detail, language)
    return problem(reason.status, detail, code=reason.code, headers=headers, **members)


class Operation:
    """What one method and path template accept.

    Parameters:
        layer: the name of the layer, in decisions.
        method, path: the route, as it was declared.
        bodies: what its bodies may be; None: it has none.
        parameters: what judges its parameters; None: nothing is declared of them.
        responses: what judges its responses; None: nothing does.

    shadow: what it refuses passes, and the decision tells. translate: makes the words of an answer
    from a code, the English words, and the header Accept-Language. judge_body: what judges its
    bodies; made last, when all else is set.
    """

    __slots__ = (
        "_closing", "_dynamic", "_refusals", "allowed", "bodies", "judge_body", "parameters",
        "path", "responses", "rule", "shadow", "translate",
    )  # fmt: skip

    def __init__(
        self,
        layer: str,
        method: str,
        path: str,
        bodies: Bodies | None,
        parameters: ParameterSet | None = None,
        responses: Responses | None = None,
    ) -> None:
        self.rule: str = f"{method} {path}"
        rule = self.rule
        self.shadow: bool = False
        self.translate: Translate | None = None
        self.path: str = path
        self.bodies: Bodies | None = bodies
        self.judge_body: Hook
        self.parameters: ParameterSet | None = parameters
        self.responses: Responses | None = responses
        self.allowed: Decision = Decision(layer, "allow", rule, "valid")
        headers = {UNSUPPORTED_ENCODING: ((b"accept-encoding", b"identity"),)}
        if bodies is not None:
            headers[UNSUPPORTED_TYPE] = ((b"accept", bodies.accept),)
        self._refusals: dict[Reason, tuple[Response, Decision]] = {
            reason: (
                problem(
                    reason.status, reason.detail, code=reason.code, headers=headers.get(reason, ())
                ),
                Decision(layer, "deny", rule, reason.code),
            )
            for reason in REASONS
        }
        # The rest of such a body would be read as the next request, or read to no end.
        self._closing = {
            reason: self._refusals[reason][0].with_headers([(b"connection", b"close")])
            for reason in (TOO_LARGE, TOO_SLOW)
        }
        self._dynamic = {
            reason: Decision(layer, "deny", rule, reason.code)
            for reason in (INVALID, INVALID_PARAMETERS)
        }

    def refuse(self, exchange: Exchange, reason: Reason) -> Response | None:
        """The answer, or None in shadow."""
        response, decision = self._refusals[reason]
        if self.shadow:
            return overlook(exchange, decision)
        exchange.decisions.append(decision)
        if reason in self._closing and exchange.may_close:
            response = self._closing[reason]
        if self.translate is not None:
            return translated(self.translate, exchange, reason, (), response)
        return response

    def refuse_for(self, exchange: Exchange, refused: Refused) -> Response | None:
        """The same with what is wrong where."""
        reason = refused.reason
        decision = self._dynamic.get(reason)
        if decision is None:
            return self.refuse(exchange, reason)
        if self.shadow:
            return overlook(exchange, decision)
        exchange.decisions.append(decision)
        if self.translate is not None:
            return translated(self.translate, exchange, reason, refused.errors)
        return problem(reason.status, reason.detail, code=reason.code, errors=list(refused.errors))
