"""Why a credential is refused: a closed set of constants, so that no answer can echo input."""

from __future__ import annotations

from typing import Literal, TypeAlias

Error: TypeAlias = Literal[
    "invalid_token", "invalid_request", "invalid_dpop_proof", "use_dpop_nonce"
]


class Failure:
    """One reason to refuse. Compared by identity; the layer makes its answer at construction.

    Parameters:
        code: one short word for programs, such as "token-expired".
        detail: what to do about it, for a person.
        error: the error code of RFC 6750 section 3.1 or RFC 9449 section 7.1; None where the
            request held no credential (the RFCs forbid an error code there).
        status: 401, 400 for a malformed request, 503 where the layer cannot judge.
    """

    __slots__ = ("code", "detail", "error", "status")

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        error: Error | None = "invalid_token",
        status: Literal[400, 401, 503] = 401,
    ) -> None:
        self.code: str = code
        self.detail: str = detail
        self.error = error
        self.status = status

    def __repr__(self) -> str:
        return f"<Failure {self.code}>"


# Schemes for tokens and the parser of compact JWS say the same.
TOO_LONG = Failure("token-too-long", "The token is longer than this service accepts.")


class Refused(Exception):
    """Carries a Failure out of a parser. It never holds a part of what was parsed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure
