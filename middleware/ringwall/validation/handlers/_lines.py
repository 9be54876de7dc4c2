"""JSON Lines: one JSON text on each line, each of which follows the schema."""

from __future__ import annotations

from typing import Any

from .._explain import MOST_ERRORS
from .._options import Options
from .._refusal import EMPTY, INVALID, NOT_JSON, TOO_MANY, Refused
from ._content import Content, Handler
from ._json import json_handler


def lines_handler(content: Content, options: Options) -> Handler:
    """What judges JSON Lines, and gives the list of their values.

    The last line may end with a line feed or not; an empty line is no JSON text. Pointers begin
    with the number of the line, from 0.
    """
    judge_line = json_handler(content, options._replace(defaults=False))

    def judge(body: bytes, content_type: bytes) -> Any:
        if not body.strip(b" \t\r\n"):
            raise Refused(EMPTY)
        if body.count(b"\n") >= options.max_values:
            raise Refused(TOO_MANY)
        lines = body.removesuffix(b"\n").split(b"\n")
        options.parse.check_lines(lines)
        values: list[Any] = []
        errors: list[dict[str, str]] = []
        for number, line in enumerate(lines):
            try:
                values.append(judge_line(line, b""))
            except Refused as refused:
                if refused.reason is EMPTY:
                    raise Refused(NOT_JSON) from None  # this line is; the body is not
                if refused.reason is not INVALID:
                    raise
                errors += (_on_line(number, error) for error in refused.errors)
                if len(errors) >= MOST_ERRORS:
                    break
        if errors:
            raise Refused(INVALID, tuple(errors[:MOST_ERRORS]))
        return values

    return judge


def _on_line(number: int, error: dict[str, str]) -> dict[str, str]:
    return {**error, "pointer": f"#/{number}{error['pointer'].removeprefix('#')}"}
