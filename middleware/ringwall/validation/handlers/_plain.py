"""Bodies that are not taken apart: bytes within the limit, and text that follows a schema."""

from __future__ import annotations

from typing import Any

from .._options import Options
from .._refusal import INVALID, NOT_TEXT, Refused
from ._content import Content, Handler


def bytes_handler(content: Content, options: Options) -> Handler:
    """Any bytes: the source of truth says nothing of them but how many there may be."""
    return lambda body, content_type: body


def text_handler(content: Content, options: Options) -> Handler:
    """Text in UTF-8, judged as a JSON string is."""
    schema = options.compile(content.schema, content.where, lenient=content.lenient)

    def judge(body: bytes, content_type: bytes) -> Any:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(NOT_TEXT) from None
        options.parse.check(text)
        if not schema.is_valid(text):
            found = schema.found(text, values=1, size=len(body))
            raise Refused(INVALID, tuple(entry for _, entry, _ in found or ()))
        return text

    return judge
