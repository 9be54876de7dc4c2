"""All operations of a document, compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._errors import ConfigurationError
from ..._template import parse_template
from .._operation import Operation
from .._options import Options
from .._responses import Mode, Responses
from .._table import Table
from ..parameters import make_parameter_set
from ._bodies import bodies_of, responses_of
from ._bundle import Bundle
from ._document import Document
from ._errors import child, mistake
from ._load import load_document
from ._parameters import check_parameters, query_credentials, specs_of
from ._paths import base_path, server_paths, template_of
from ._structure import METHODS


class Rules(NamedTuple):
    """strict: refuse query parameters that are not declared. base: what the paths stand below;
    None: what the servers say. responses, response_limit, max_depth: see `Responses`."""

    strict: bool
    base: str | None
    responses: Mode
    response_limit: int
    max_depth: int


def table_of_document(layer: str, source: Any, options: Options, rules: Rules) -> Table:
    """The operations of a document.

    Parameters:
        source: see `load_document`.

    Raises:
        ConfigurationError: the document is not valid, with the place; or a schema cannot be used.
    """
    document = Document(*load_document(source))
    check_parameters(document)
    compiler = _Compiler(layer, document, options, rules)
    table = Table()
    top = document.content.get("servers")
    for path, item in document.content.get("paths", {}).items():
        if path.startswith("x-"):
            continue
        at = child("#/paths", path)
        item, item_at = document.follow(item, at)
        for name in sorted(METHODS & item.keys()):
            operation, place = item[name], child(item_at, name)
            servers = operation.get("servers", item.get("servers", top))
            if rules.base is not None:
                bases: tuple[str, ...] = (base_path(rules.base),)
            elif document.generated:  # a framework tells of its mount point, which is cut off
                bases = ("",)
            else:
                bases = server_paths(servers, child(place, "servers"))
            compiled = compiler.compile(name.upper(), path, item, operation, place)
            template, _ = template_of(path, at)
            for below in bases:
                try:
                    table.add(name.upper(), parse_template(below + template.text), compiled)
                except ConfigurationError as error:
                    raise mistake(at, str(error)) from None
    return table


class _Compiler:
    def __init__(self, layer: str, document: Document, options: Options, rules: Rules) -> None:
        self._layer = layer
        self._document = document
        self._options = options
        self._rules = rules
        self._ignored = frozenset(query_credentials(document))

    def compile(
        self, method: str, path: str, item: dict[str, Any], operation: dict[str, Any], at: str
    ) -> Operation:
        document, options = self._document, self._options
        bundle = Bundle(document, "request", options.closed)
        specs = specs_of(document, bundle, item, operation, at)
        whole = bundle.close({})
        defs = whole.get("$defs", {}) if isinstance(whole, dict) else {}
        _, names = template_of(path, at)
        declared = {spec.name for spec in specs if spec.location == "path"}
        for name in sorted(declared.symmetric_difference(names)):
            raise mistake(at, f"the path parameter {name!r} is not both in the path and declared")
        parameters = make_parameter_set(
            sorted(
                specs, key=lambda spec: names.index(spec.name) if spec.location == "path" else 0
            ),
            defs,
            child(at, "parameters"),
            options,
            strict=self._rules.strict,
            ignored=self._ignored,
            lenient=document.generated,
        )
        bodies = None
        if "requestBody" in operation:
            body, place = document.follow(operation["requestBody"], child(at, "requestBody"))
            if not isinstance(body, dict) or not isinstance(body.get("content"), dict):
                raise mistake(place, "this is no request body")
            bodies = bodies_of(document, body, place, options)
        responses = None
        if self._rules.responses != "ignore":
            responses = Responses(
                self._layer,
                f"{method} {path}",
                responses_of(
                    document, operation.get("responses", {}), child(at, "responses"), options
                ),
                self._rules.responses,
                self._rules.response_limit,
                self._rules.max_depth,
            )
        return Operation(self._layer, method, path, bodies, parameters, responses)
