"""Why a body is refused: one constant for each reason, with the words of the answer."""

from __future__ import annotations

from typing import Any, NamedTuple


class Reason(NamedTuple):
    """status: of the answer. code: for programs. detail: for people, never made from input."""

    status: int
    code: str
    detail: str


TOO_LARGE = Reason(413, "body-too-large", "The body is larger than what is accepted here.")
BAD_LENGTH = Reason(
    400, "bad-length", "The body is not as long as Content-Length says, or that is no length."
)
NO_BODY_HERE = Reason(415, "undeclared-body", "No body is accepted here.")
UNSUPPORTED_TYPE = Reason(
    415,
    "unsupported-media-type",
    "Send one Content-Type of those in the header Accept, in UTF-8.",
)
UNSUPPORTED_ENCODING = Reason(
    415, "unsupported-content-encoding", "Send the body without a Content-Encoding."
)
EMPTY = Reason(400, "empty-body", "A body is needed here.")
NOT_JSON = Reason(
    400,
    "malformed-json",
    "The body is no JSON text (RFC 8259) in UTF-8, or holds a number out of range.",
)
TOO_DEEP = Reason(400, "too-deep", "The body nests arrays and objects too deeply.")
TOO_MANY = Reason(400, "too-many-values", "The body holds too many values.")
DUPLICATE = Reason(400, "duplicate-name", "An object in the body has a name twice.")
INVALID = Reason(422, "invalid-body", "The body does not follow its schema; see errors.")

# Those whose answer is made once for each operation. Handlers add theirs here.
REASONS = (
    TOO_LARGE,
    BAD_LENGTH,
    NO_BODY_HERE,
    UNSUPPORTED_TYPE,
    UNSUPPORTED_ENCODING,
    EMPTY,
    NOT_JSON,
    TOO_DEEP,
    TOO_MANY,
    DUPLICATE,
)


class Refused(Exception):
    """A check refuses a body.

    errors: for `INVALID`, what is wrong where: JSON Pointer, code and detail, made from the
        schema alone.
    """

    def __init__(self, reason: Reason, errors: tuple[dict[str, Any], ...] = ()) -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.errors = errors
