"""What a request that is refused gets to know."""

from __future__ import annotations

import re

from .._challenges import Challenges
from .._errors import ConfigurationError
from ..problem import Header, Response, check_header, problem
from ._condition import Hint
from .decision import PolicyDecision

FORBIDDEN = problem(403, "These credentials do not allow this.", code="forbidden")
NOT_FOUND = problem(404, "There is nothing here for these credentials.", code="not-found")
BODY_TOO_LARGE = problem(413, "The body is larger than accepted here.", code="body-too-large")
NOT_JSON = problem(
    415, "Send application/json in UTF-8.", code="unsupported-media-type",
    headers=[(b"accept", b"application/json")],
)  # fmt: skip
MALFORMED_BODY = problem(
    400,
    "The body must be JSON in UTF-8, as long as declared, without duplicate names.",
    code="malformed-body",
)

FIELD = problem(
    403,
    "The body holds a field that these credentials may not write here.",
    code="field-not-allowed",
)
BODY_CODES = {
    BODY_TOO_LARGE: "body-too-large",
    NOT_JSON: "unsupported-media-type",
    MALFORMED_BODY: "malformed-body",
}


def respond(
    decision: PolicyDecision,
    scheme: str | None,
    challenges: Challenges | None,
    challenge: str | None,
) -> Response:
    """The answer to a decision that denies.

    Parameters:
        scheme: how the request was authenticated. challenges: those of the authentication layer,
            if there is one. challenge: what to send where there is none.
    """
    if decision.status == 405:
        allowed = ", ".join(decision.methods).encode("ascii")
        return problem(
            405,
            "This method is not allowed here; see the header Allow.",
            code="method-not-allowed",
            headers=[(b"allow", allowed)],
        )
    if decision.status == 404:
        return NOT_FOUND
    if decision.reasons == ("field-not-allowed",):
        return FIELD
    hint = decision.hint
    if decision.status == 401 and hint is not None:
        return _step_up(hint)
    if decision.status == 401 and challenge is not None:
        return problem(
            401,
            "This needs credentials; see the header WWW-Authenticate.",
            code="missing-credentials",
            headers=[
                (b"www-authenticate", challenge.encode("ascii"))
                if challenges is None
                else challenges.missing
            ],
        )
    if hint is not None:
        return _insufficient_scope(hint, scheme, challenges)
    return FORBIDDEN


def _step_up(hint: Hint) -> Response:
    """RFC 9470 section 3."""
    parameters = [
        'error="insufficient_user_authentication"',
        'error_description="A more recent or stronger authentication is needed."',
    ]
    if hint.acr_values is not None:
        parameters.append(f'acr_values="{hint.acr_values}"')
    if hint.max_age is not None:
        parameters.append(f'max_age="{hint.max_age}"')
    return problem(
        401,
        "This needs a more recent or stronger authentication.",
        code=hint.reason,
        headers=[_bearer(*parameters)],
    )


def _insufficient_scope(hint: Hint, scheme: str | None, challenges: Challenges | None) -> Response:
    """RFC 6750 section 3.1; the challenge means nothing to other schemes."""
    challenge: Header | None = None
    if challenges is not None and scheme is not None and hint.scope is not None:
        challenge = challenges.insufficient_scope(scheme, hint.scope)
    elif scheme == "bearer":
        challenge = _bearer('error="insufficient_scope"', f'scope="{hint.scope}"')
    return problem(
        403,
        "The credentials lack a scope that this needs.",
        code=hint.reason,
        headers=() if challenge is None else [challenge],
        scope=hint.scope,
    )


def _bearer(*parameters: str) -> Header:
    return b"www-authenticate", f"Bearer {', '.join(parameters)}".encode("ascii")


def check_challenge(challenge: str) -> None:
    """Refuse what cannot be a challenge.

    Raises:
        ConfigurationError: it is no value of WWW-Authenticate.
    """
    try:
        check_header(b"www-authenticate", challenge.encode("ascii"))
    except ValueError:
        challenge = ""
    if not re.match(r"[A-Za-z0-9-]+(?: .+)?\Z", challenge):
        raise ConfigurationError(
            "challenge= is the value of WWW-Authenticate, such as 'Bearer' or"
            " 'ApiKey realm=\"api\"'"
        )
