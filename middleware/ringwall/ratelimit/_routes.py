"""Which rule a request's method and path come under, however the path is spelled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._template import Template, parse_template
from .._template_index import TemplateIndex

T = TypeVar("T")

_METHOD = re.compile(r"\*\Z|[A-Z][A-Z-]{0,31}\Z")


class Routes(Generic[T]):
    """Finds the entry of the most specific template for a method.

    What a router may treat alike comes under one entry: `/login` and `/login/`, `get` and `GET`,
    HEAD and GET (unless HEAD has an entry of its own), and each spelling of a number or UUID. And
    `/files/**` holds `/files`, unless that has an entry of its own.

    Parameters:
        entries: by "METHOD /path/{template}"; the method "*" is each one that has no entry.

    Raises:
        ConfigurationError: a route is malformed, or two match the same requests.
    """

    def __init__(self, entries: Mapping[str, T]) -> None:
        parsed: dict[str, list[tuple[Template, T]]] = {}
        for route, entry in entries.items():
            method, template = read_route(route)
            parsed.setdefault(method, []).append((template, entry))
        methods = {*parsed, "*"}
        if "GET" in methods:
            methods.add("HEAD")
        self._by_method: dict[str, TemplateIndex[T]] = {}
        for method in methods:
            self._by_method[method] = index = TemplateIndex[T]()
            for narrower in _widening(method):
                own = TemplateIndex[T]()
                for template, entry in parsed.get(narrower, ()):
                    own.add(template, entry)  # which refuses a second one
                    if template.below and template.segments:
                        base = Template(template.text[:-3], template.segments, below=False)
                        index.put(base, entry)
            for narrower in _widening(method):
                for template, entry in parsed.get(narrower, ()):
                    index.put(template, entry)
        self._any = self._by_method["*"]

    def find(self, exchange: Exchange) -> T | None:
        """The entry, or None."""
        # Some frameworks take a method in any case: RFC 9110 section 9.1 does not, but they do.
        index = self._by_method.get(exchange.method.upper(), self._any)
        path = exchange.path or "/"
        found = index.find(path[:-1] if path[-1] == "/" and len(path) > 1 else path)
        return None if found is None else found[0]


def _widening(method: str) -> Sequence[str]:
    """The methods whose entries apply to this one; the later, the narrower."""
    if method == "*":
        return ("*",)
    return ("*", "GET", "HEAD") if method == "HEAD" else ("*", method)


def read_route(route: object) -> tuple[str, Template]:
    """The method and the template of "POST /login"; a slash at the end is dropped.

    Raises:
        ConfigurationError: it is malformed.
    """
    method, space, path = route.partition(" ") if isinstance(route, str) else ("", "", "")
    if not space or not _METHOD.match(method):
        raise ConfigurationError(
            f"{route!r} is no route; write a method in capitals, or '*', and a path, as in"
            " 'POST /login'"
        )
    if path.endswith("/") and len(path) > 1:
        path = path[:-1]
    return method, parse_template(path)
