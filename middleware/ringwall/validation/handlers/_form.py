"""Forms: `application/x-www-form-urlencoded` (WHATWG URL section 5), read strictly."""

from __future__ import annotations

from typing import Any

from .._options import Options
from .._refusal import MALFORMED_FORM, TOO_MANY_FIELDS, Refused
from ..parameters import Malformed, unquote
from ._content import Content, Handler
from ._fields import Fields, invalid


def form_handler(content: Content, options: Options) -> Handler:
    """What judges a form: each field once unless it is a list, then the schema."""
    fields = Fields(content, options, frozenset())
    schema = options.compile(content.schema, content.where, lenient=content.lenient)

    def judge(body: bytes, content_type: bytes) -> Any:
        # Counted before anything is taken apart.
        if body.count(b"&") >= options.max_fields:
            raise Refused(TOO_MANY_FIELDS)
        pairs = []
        try:
            for pair in body.decode("ascii").split("&") if body else ():
                name, equals, value = pair.partition("=")
                if not equals:  # some readers drop it, for others it is an empty field
                    raise Refused(MALFORMED_FORM)
                pairs.append((unquote(name), unquote(value)))
        except (Malformed, UnicodeDecodeError):
            raise Refused(MALFORMED_FORM) from None
        found = fields.gather(pairs)
        if not schema.is_valid(found):
            raise invalid(schema, found, len(body), len(pairs))
        return found

    return judge
