"""What judges a body, by media type. To add one: a module beside this one, and a line in `_OF`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .._options import Options
from ._content import Content, Handler, Rewrite
from ._form import form_handler
from ._json import json_handler, json_rewriter
from ._lines import lines_handler
from ._multipart import multipart_handler
from ._patch import patch_handler
from ._plain import bytes_handler, text_handler

__all__ = [
    "Content", "Factory", "Handler", "Rewrite", "bytes_handler", "factory_of", "json_handler",
    "rewriter_of", "text_handler",
]  # fmt: skip

Factory = Callable[[Content, Options], Handler]

_IS_JSON = re.compile(
    r"application/json\Z|[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9!#$&^_.+-]+\+json\Z"
).match

# Media types that are not JSON, in lower case.
_OF: Mapping[str, Factory] = {
    "application/x-www-form-urlencoded": form_handler,
    "multipart/form-data": multipart_handler,
    "application/jsonl": lines_handler,
    "application/x-ndjson": lines_handler,
    "application/json-patch+json": patch_handler,
}


def factory_of(media_type: str) -> Factory | None:
    """What makes the handler of a lower-case media type; None where nothing here can judge it."""
    factory = _OF.get(media_type)
    if factory is None and _IS_JSON(media_type):  # or a suffix of RFC 6839
        factory = json_handler
    return factory


def rewriter_of(factory: Factory, content: Content, options: Options) -> Rewrite | None:
    """What writes bodies anew before the handler of this factory judges them; mostly nothing."""
    return json_rewriter(content, options) if factory is json_handler else None
