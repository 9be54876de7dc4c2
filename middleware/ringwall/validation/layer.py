"""The layer: its options, and what is made of them at construction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from .._errors import ConfigurationError, MissingDependency
from .._exchange import Exchange
from .._layer import Layer, ReadBody, ResponseHead, Verdict
from ..problem import Response
from ._codings import decoders
from ._judge import make_judge
from ._size import parse_size
from ._undeclared import Undeclared

if TYPE_CHECKING:
    from ._operation import Translate
    from ._responses import Mode
    from ._routes import Check
    from ._schema import FormatCheck, JSONSchema


class BodyValidation(Layer):
    """Let a request body pass only where its route declares one, and only if it is as declared.

    Parameters:
        schemas: by `"METHOD /path/{template}"`: a JSON Schema (dict or bool), or a model (msgspec
            Struct, dataclass, TypedDict, pydantic model or TypeAdapter). In templates, `{name}` is
            one segment, `{name:int}` and `{name:uuid}` are typed, `/**` at the end is everything
            below; the most specific one wins.
        openapi: instead of `schemas`, an OpenAPI document of version 3.0 or 3.1: a path to JSON or
            YAML, a dict, or an app that has one, such as a FastAPI app whose routes are there.
        limit: the most bytes a body may have: 1048576, "1 MiB", "64 kB".
        undeclared: "refuse" answers 415 to a body on a route that is not in `schemas`, and 404 or
            405 to an operation that is not in `openapi`; "pass" hands both to the app unread.
        unknown_query: "refuse" or "pass" query parameters that `openapi` does not declare.
        exempt: paths, as templates, that are not declared and pass all the same, unread.
        base_path: what the paths of `openapi` stand below, instead of those of its servers.
        closed: True: objects of `openapi` have no properties but those that their schema names,
            unless it allows others in so many words.
        coerce: True: in JSON, texts become the numbers and booleans that their schema wants, where
            they are spelled exactly as those. The app gets the body so written.
        defaults: True: what is handed over has the defaults of the schema where properties of JSON
            and parameters are missing. The body stays as it was sent.
        responses: "report" logs responses that are not as `openapi` declares, "enforce" replaces
            them by a problem, "strip" takes out the properties that it does not name, first.
        response_limit: the most bytes of a response that are read for that.
        media_types: what a body may be: "application/json" and types that end in "+json",
            "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonl" (each
            line follows the schema), "application/json-patch+json" (operations on a resource that
            the schema describes).
        max_depth: how deeply arrays and objects may nest.
        max_values: how many values one body may hold, an array or object counting twice.
        max_fields: how many fields and files one form may hold.
        dialect: the JSON Schema dialect where a schema has no `$schema`: "2020-12", "2019-09",
            "draft-07", "draft-06", "draft-04".
        resources: schemas by URI that `$ref` may name. Nothing is ever fetched.
        timeout: seconds that a body may take. minimum_rate: bytes per second that it must come with
            after the first ten. Under WSGI a read cannot be interrupted: there the server's own
            limits count, and these are looked at between reads. clock: seconds, monotonic.
        limits: other limits by route ("POST /files"), by media type, or by both
            ("POST /files image/png").
        checks: by route, a function of the valid body: None lets it pass; a text, or entries of
            `errors`, refuse it with 422. What it returns is sent: it must not repeat input.
        codings: content codings to undo within the limit, of "gzip" and "deflate"; the app gets the
            plain body. Others, and several of them, are 415.
        require_length: a body without Content-Length is 411.
        shadow: True, or a list of routes: nothing is refused; the decision says what would be.
        translate: the words of an answer, from its code, its English words and Accept-Language.
        formats: True checks `format`; a mapping of names to checks adds one's own; False ignores
            `format`, as plain JSON Schema 2020-12 does.
        ijson_numbers: True: 400 for numbers that an IEEE 754 double does not hold exactly (RFC 7493
            section 2.2), such as integers beyond 2**53. By default they arrive exactly.
        nul: "refuse" answers 400 to U+0000 in texts and names.
        forbidden_names: names that no property may have, whatever the schema says: "__proto__",
            "$*" (all that begin with "$"), "*.*" (all that hold a dot).

    What is refused, as a problem document: 400 malformed (strict JSON: no name twice, no NaN, no
    byte order mark, UTF-8 only), empty, too deep, too many values, or not as long as declared;
    408 too slow; 413 too large; 415 another media type, charset or content coding, or a body that
    no route declares; 422 not as the schema says, with `errors: [{pointer, code, detail}]`. No
    answer repeats any part of the input.

    It stands inside `Authentication` and `Authorization`: whoever may not send a body shall
    neither make the server read and parse it nor learn the schema from the answers.

    The app gets the body as it was sent; `validated_body_of(request)` is the parsed value.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.
        MissingDependency: msgspec or jsonschema-rs is not installed.

    >>> layer = BodyValidation({"POST /v1/orders": {"type": "object", "required": ["item"]}})
    >>> app = layer.wsgi(lambda environ, start_response: [b"valid orders only"])
    """

    name = "validation"
    by_path = True
    reads_body = True
    wants: frozenset[bytes] = frozenset({b"content-type", b"content-length", b"content-encoding"})
    inside: frozenset[str] = frozenset({"https", "authentication", "authorization", "cors"})

    def __init__(
        self,
        schemas: Mapping[str, Any] | None = None,
        *,
        openapi: Any = None,
        limit: str | int = "1 MiB",
        undeclared: Literal["refuse", "pass"] = "refuse",
        unknown_query: Literal["refuse", "pass"] = "refuse",
        exempt: Iterable[str] = (),
        base_path: str | None = None,
        closed: bool = False,
        coerce: bool = False,
        defaults: bool = False,
        responses: Mode = "ignore",
        response_limit: str | int = "1 MiB",
        media_types: Iterable[str] | Mapping[str, Iterable[str]] = ("application/json",),
        max_depth: int = 64,
        max_values: int = 20_000,
        max_fields: int = 1000,
        dialect: str = "2020-12",
        resources: Mapping[str, JSONSchema] | None = None,
        formats: bool | Mapping[str, FormatCheck] = True,
        timeout: float = 60.0,
        minimum_rate: str | int = 1000,
        clock: Callable[[], float] = time.monotonic,
        limits: Mapping[str, str | int] | None = None,
        checks: Mapping[str, Check] | None = None,
        codings: Iterable[str] = (),
        require_length: bool = False,
        shadow: bool | Iterable[str] = False,
        translate: Translate | None = None,
        ijson_numbers: bool = False,
        nul: Literal["pass", "refuse"] = "pass",
        forbidden_names: Iterable[str] = (),
    ) -> None:
        if undeclared not in ("refuse", "pass"):
            raise ConfigurationError(
                f"undeclared={undeclared!r} is unknown; use 'refuse' or 'pass'"
            )
        try:
            from ._build import make_table
            from ._options import make_options, make_pace
            from ._routes import set_checks, set_limits, set_shadow
        except ModuleNotFoundError as error:
            raise MissingDependency(str(error.name), "schema", "BodyValidation") from None
        options = make_options(
            limit=parse_size(limit),
            max_depth=max_depth,
            max_values=max_values,
            max_fields=max_fields,
            closed=closed,
            coerce=coerce,
            defaults=defaults,
            dialect=dialect,
            resources=resources,
            formats=formats,
            ijson_numbers=ijson_numbers,
            nul=nul,
            forbidden_names=forbidden_names,
        )
        self._table = make_table(
            self.name,
            schemas,
            openapi,
            media_types,
            options,
            unknown_query=unknown_query,
            base_path=base_path,
            responses=responses,
            response_limit=response_limit,
            max_depth=max_depth,
        )
        if responses == "ignore":
            # An unset hook costs nothing: the stack is not cut behind this layer.
            self.on_response_body = super().on_response_body  # type: ignore[method-assign]
        self._table.exempt(exempt)
        operations = self._table.operations()
        set_limits(operations, limits or {})
        set_checks(operations, checks or {})
        set_shadow(operations, shadow)
        for operation in operations.values():
            operation.translate = translate
        decode = decoders(codings)
        self.replaces_body: bool = bool(decode) or coerce
        language = frozenset({b"accept-language"} if translate is not None else ())
        self.wants = BodyValidation.wants | self._table.wants | language
        refuses = "no-body" if openapi is None else "not-found"
        self._judge = make_judge(
            self._table,
            Undeclared(self.name, shadow=shadow is True, translate=translate),
            on_undeclared=refuses if undeclared == "refuse" else "pass",
            on_alias="no-body" if openapi is None else "unknown",
            pace=make_pace(timeout, minimum_rate, clock),
            decoders=decode,
            require_length=require_length,
        )
        if type(self).on_request is BodyValidation.on_request:  # without a call in between
            self.on_request = self._judge  # type: ignore[method-assign, assignment]

    def on_request(self, exchange: Exchange) -> Verdict:
        return self._judge(exchange)

    def on_response_body(
        self, exchange: Exchange, head: ResponseHead
    ) -> ReadBody | Response | None:
        found = self._table.find(exchange.method, exchange.path)
        responses = None if found is None else found[0].responses
        return None if responses is None else responses.ask(exchange, head)
