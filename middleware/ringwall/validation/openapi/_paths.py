"""Where the operations of a document are: path templates, below the paths of its servers."""

from __future__ import annotations

import itertools
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from ..._errors import ConfigurationError
from ..._template import Template, parse_template
from ._errors import child, mistake

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_MOST_BASES = 64


def base_path(text: str) -> str:
    """The user's own base path, which begins with "/", or is empty.

    Raises:
        ConfigurationError: it does not.
    """
    text = text.rstrip("/")
    if text and not text.startswith("/"):
        raise ConfigurationError(f"base_path={text!r} begins with '/', or is empty")
    return text


def server_paths(servers: Any, at: str) -> tuple[str, ...]:
    """The paths of servers: `/v1` of `https://api.example.com/v1`; hosts are not looked at.

    Raises:
        ConfigurationError: a variable of a URL is not declared.
    """
    found: dict[str, None] = {}
    listed: list[dict[str, Any]] = servers or [{"url": "/"}]
    for index, server in enumerate(listed):
        place = child(at, index)
        variables = server.get("variables", {})
        names = _VARIABLE.findall(server["url"])
        for name in names:
            if name not in variables:
                raise mistake(place, f"the variable {name!r} of the URL is not declared")
        ways = [variables[name].get("enum") or [variables[name]["default"]] for name in names]
        for values in itertools.islice(itertools.product(*ways), _MOST_BASES):
            url = server["url"]
            for name, value in zip(names, values, strict=True):
                url = url.replace(f"{{{name}}}", value)
            path = unquote(urlsplit(url).path).rstrip("/")
            found["/" + path.lstrip("/") if path else ""] = None
    return tuple(found)


def template_of(path: str, at: str) -> tuple[Template, list[str]]:
    """The template of a path, with parameters that are called `p0`, `p1`; and their own names.

    Raises:
        ConfigurationError: it is no path that can be matched.
    """
    names = _VARIABLE.findall(path)
    if len(set(names)) != len(names):
        raise mistake(at, "two parameters of the path have the same name")
    numbers = itertools.count()
    try:
        return parse_template(_VARIABLE.sub(lambda _: f"{{p{next(numbers)}}}", path)), names
    except ConfigurationError as error:
        raise mistake(at, str(error)) from None
