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
TOO_SLOW = Reason(408, "body-too-slow", "The body did not come fast enough.")
NO_BODY_HERE = Reason(415, "undeclared-body", "No body is accepted here.")
UNSUPPORTED_TYPE = Reason(
    415,
    "unsupported-media-type",
    "Send one Content-Type of those in the header Accept, in UTF-8.",
)
UNSUPPORTED_ENCODING = Reason(
    415, "unsupported-content-encoding", "Send the body without a Content-Encoding."
)
BAD_CODING = Reason(
    400, "malformed-content-coding", "The body is not in the coding that Content-Encoding names."
)
NO_LENGTH = Reason(411, "length-required", "Send the body with a Content-Length.")
EMPTY = Reason(400, "empty-body", "A body is needed here.")
NOT_JSON = Reason(
    400,
    "malformed-json",
    "The body is no JSON text (RFC 8259) in UTF-8, or holds a number out of range.",
)
NOT_TEXT = Reason(400, "malformed-text", "The body is no text in UTF-8.")
TOO_DEEP = Reason(400, "too-deep", "The body nests arrays and objects too deeply.")
TOO_MANY = Reason(400, "too-many-values", "The body holds too many values.")
DUPLICATE = Reason(400, "duplicate-name", "An object in the body has a name twice.")
INEXACT = Reason(
    400, "inexact-number", "A number is not exact as an IEEE 754 double (RFC 7493, I-JSON)."
)
NUL = Reason(400, "nul-character", "A text holds the character U+0000.")
FORBIDDEN_NAME = Reason(400, "forbidden-name", "A property has a name that is not accepted.")
MALFORMED_FORM = Reason(
    400, "malformed-form", "The body is no form: name=value, percent-encoded UTF-8, joined by '&'."
)
MALFORMED_MULTIPART = Reason(
    400, "malformed-multipart", "The body is no multipart/form-data (RFC 7578) in UTF-8."
)
TOO_MANY_FIELDS = Reason(400, "too-many-fields", "The form has too many fields.")
DUPLICATE_FIELD = Reason(400, "duplicate-field", "The form has a field twice that is no list.")
BAD_FIELD = Reason(400, "bad-field", "The form has a field that is no text in UTF-8.")
BAD_FILE_NAME = Reason(400, "bad-file-name", "The form has a file whose name is not accepted.")
INVALID = Reason(422, "invalid-body", "The body does not follow its schema; see errors.")
INVALID_PARAMETERS = Reason(
    422, "invalid-parameters", "The parameters are not as they are declared; see errors."
)
MALFORMED_QUERY = Reason(
    400, "malformed-query", "The query is not percent-encoded UTF-8 (RFC 3986)."
)
QUERY_TOO_LONG = Reason(414, "query-too-long", "The query is longer than what is accepted here.")
TOO_MANY_PARAMETERS = Reason(400, "too-many-parameters", "The query holds too many parameters.")

NOT_FOUND = Reason(404, "not-found", "There is nothing at this path.")
METHOD_NOT_ALLOWED = Reason(
    405, "method-not-allowed", "Use one of the methods in the header Allow."
)

# Those whose answer is made once for each operation. Handlers add theirs here.
REASONS = (
    TOO_LARGE,
    BAD_LENGTH,
    TOO_SLOW,
    NO_BODY_HERE,
    UNSUPPORTED_TYPE,
    UNSUPPORTED_ENCODING,
    BAD_CODING,
    NO_LENGTH,
    EMPTY,
    NOT_JSON,
    NOT_TEXT,
    TOO_DEEP,
    TOO_MANY,
    DUPLICATE,
    INEXACT,
    NUL,
    FORBIDDEN_NAME,
    MALFORMED_FORM,
    MALFORMED_MULTIPART,
    TOO_MANY_FIELDS,
    DUPLICATE_FIELD,
    BAD_FIELD,
    BAD_FILE_NAME,
    MALFORMED_QUERY,
    QUERY_TOO_LONG,
    TOO_MANY_PARAMETERS,
)


class Refused(Exception):
    """A body or the parameters are refused.

    errors: for `INVALID` and `INVALID_PARAMETERS`, what is wrong where: JSON Pointer, code and
        detail, made from the schema alone.
    """

    def __init__(self, reason: Reason, errors: tuple[dict[str, Any], ...] = ()) -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.errors = errors
