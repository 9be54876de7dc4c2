"""The layer: ask the policy, load what it needs, refuse with the right problem."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._challenges import Challenges
from .._errors import ConfigurationError
from .._exchange import BodyIncomplete, BodyTooLarge, Exchange
from .._layer import Layer, Verdict
from .._pending import Pending
from ..problem import Header, Response, check_header, problem
from ._compiled import Match
from ._condition import Hint
from ._facts import Facts, Need
from ._log import report
from ._sources import AmbiguousBody, parse_body
from .decision import LAYER, PolicyDecision, denied
from .policy import Policy
from .resource import hand_over
from .rules import Rule

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

# A handler that goes by the type would find other ids in the same bytes read as a form.
_JSON = re.compile(rb"application/(?:[a-z0-9.-]+\+)?json(?:\s*;\s*charset=\"?utf-8\"?)?\Z")


class Authorization(Layer):
    """Refuse what no rule allows; see `Policy` for how rules combine.

    Answers, none of which tells more about the policy than the client needs:
        401: nobody is authenticated and the rule is not public, or there is no rule. That also
            holds where no authentication layer is in the stack. The challenge is `challenge`; an
            authentication layer outside this one answers first, with its own.
        401: `authenticated(...)` fails: a challenge to step up (RFC 9470).
        403: the rule's condition does not hold. Where a scope is all that lacks, the answer names
            it (RFC 6750 section 3.1). No rule, an object that is missing, one of somebody else's,
            a loader that raised and an id in a spelling that is not canonical look alike.
        404: instead of that 403, in rules with `hide=True`.
        405: there is a rule for this path, but not for this method.
        400, 413, 415: ids are to be read from a body that is no strict JSON, or too large.

    Parameters:
        rules: made by `public`, `allow` and `forbid`.
        policy: a `Policy` instead of rules, so that handlers can ask it, too.
        roles, clock: as for `Policy`.
        challenge: the value of WWW-Authenticate where nobody is authenticated (RFC 9110 section
            11.6.1); None: answer 403.
        body_limit: bytes of a body from which ids are read, at most.

    Raises:
        ConfigurationError: rules that cannot work; the message says what to write instead.

    >>> from ringwall.authz import Authorization, allow, owner, public, scope
    >>> orders = {1001: {"owner": "alice"}}
    >>> def load_order(order_id: int):
    ...     return orders.get(order_id)
    >>> layer = Authorization(
    ...     public("GET", "/healthz"),
    ...     allow("GET", "/v1/orders/{order_id:int}", scope("orders:read") & owner(load_order)),
    ... )
    >>> app = layer.wsgi(lambda environ, start_response: [])
    """

    name = LAYER
    inside = frozenset({"authentication", "cors"})
    by_path = True

    def __init__(
        self,
        *rules: Rule,
        policy: Policy | None = None,
        roles: Mapping[str, Iterable[str]] | None = None,
        clock: Callable[[], float] = time.time,
        challenge: str | None = "Bearer",
        body_limit: int = 1_048_576,
    ) -> None:
        if policy is None:
            policy = Policy(*rules, roles=roles, clock=clock)
        elif rules or roles is not None:
            raise ConfigurationError("give rules and roles to the Policy, or leave policy= out")
        elif not isinstance(policy, Policy):
            raise ConfigurationError("policy= takes a Policy(...)")
        if challenge is not None:
            _check_challenge(challenge)
        if type(body_limit) is not int or body_limit < 1:
            raise ConfigurationError(f"body_limit={body_limit!r}: write a number of bytes")
        self.policy = policy
        self._match, self._decide = policy.rulebook.match, policy.decide
        self.colours = policy.colours
        if policy.reads_body:
            self.wants = frozenset({b"content-type", b"content-length"})
        self._challenge = challenge
        self._body_limit = body_limit
        # Made when first needed: there are as many as the policy has ways to refuse.
        self._responses: dict[tuple[PolicyDecision, str | None, Challenges | None], Response] = {}

    def replace(self, policy: Policy) -> None:
        """Decide by another policy from the next request on. Every request sees one or the other.

        Raises:
            ConfigurationError: it is no policy, or it needs what the stack was not compiled for:
                its loaders serve fewer interfaces, or it reads bodies and the first one did not.
                The old policy stays.
        """
        if not isinstance(policy, Policy):
            raise ConfigurationError("replace() takes a Policy(...)")
        if not policy.colours >= self.colours:
            raise ConfigurationError("its loaders serve fewer interfaces than those before")
        if policy.reads_body and not self.wants:
            raise ConfigurationError("it reads ids from the body, which the first policy did not")
        # What a request in flight has matched is decided by that match alone, so the order in
        # which these become visible does not matter.
        self._responses = {}
        self.policy = policy
        self._match, self._decide = policy.rulebook.match, policy.decide

    def reload(self, build: Callable[[], Policy]) -> bool:
        """Replace the policy by what `build` returns; keep the last good one if that fails.

        Parameters:
            build: makes a policy, from wherever the rules are kept.

        Returns:
            Whether there is a new one; if not, the log of `ringwall` says what failed.

        >>> from ringwall.authz import Authorization, Policy, public
        >>> layer = Authorization(public("GET", "/"))
        >>> layer.reload(lambda: Policy(public("GET", "/"), public("GET", "/healthz")))
        True
        """
        try:
            self.replace(build())
        except Exception as error:  # noqa: BLE001  whatever it is, the last good policy stays
            report("authorization reload, the last policy stays:", error)
            return False
        return True

    def on_request(self, exchange: Exchange) -> Verdict:
        # The root of a mounted app may be empty; routers read that as "/".
        match = self._match(exchange.method, exchange.path or "/")
        if match.template is not None:
            exchange.found_route(match.template, match.params or {})
        facts = Facts(exchange.principal, match.params, exchange)
        facts.inline = True
        answer = self._decide(match, facts)
        if isinstance(answer, Need):
            return self._wait(exchange, match, facts, answer)
        return self._conclude(exchange, match, facts, answer)

    def _wait(
        self, exchange: Exchange, match: Match, facts: Facts, answer: PolicyDecision | Need
    ) -> Pending[Response | None]:
        while isinstance(answer, Need):
            if answer.load is not None:
                yield from answer.load.wait(answer.key, facts)
            else:
                refusal, body = yield from self._read_body(exchange)
                if refusal is not None and _enforces_body(match):
                    code, rule = _BODY_CODES[refusal], match.rule
                    name = "default" if rule is None else rule.name
                    exchange.decisions.append(denied(name, code, refusal.status).record)
                    return refusal
                facts.body = body
            answer = self._decide(match, facts)
        return self._conclude(exchange, match, facts, answer)

    def _conclude(
        self, exchange: Exchange, match: Match, facts: Facts, decision: PolicyDecision
    ) -> Response | None:
        exchange.decisions.append(decision.record)
        if decision.allow:
            if facts.objects and match.rule is not None and match.canonical:
                hand_over(exchange, match.rule.loads, facts)
            return None
        scheme = None if facts.principal is None else facts.principal.scheme
        key = decision, scheme, exchange.challenges
        response = self._responses.get(key)
        if response is None:
            response = self._responses[key] = self._respond(*key)
        return response

    def _read_body(self, exchange: Exchange) -> Pending[tuple[Response | None, Any]]:
        if not _JSON.match(exchange.headers.get(b"content-type", b"").lower()):
            return NOT_JSON, None
        try:
            return None, parse_body((yield from exchange.read_body(self._body_limit)))
        except BodyTooLarge:
            return BODY_TOO_LARGE, None
        except (BodyIncomplete, AmbiguousBody):
            return MALFORMED_BODY, None

    def _respond(
        self, decision: PolicyDecision, scheme: str | None, challenges: Challenges | None
    ) -> Response:
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
        hint = decision.hint
        if decision.status == 401 and hint is not None:
            return _step_up(hint)
        if decision.status == 401 and self._challenge is not None:
            return problem(
                401,
                "This needs credentials; see the header WWW-Authenticate.",
                code="missing-credentials",
                headers=[
                    (b"www-authenticate", self._challenge.encode("ascii"))
                    if challenges is None
                    else challenges.missing
                ],
            )
        if hint is not None:
            return _insufficient_scope(hint, scheme, challenges)
        return FORBIDDEN


_BODY_CODES = {
    BODY_TOO_LARGE: "body-too-large",
    NOT_JSON: "unsupported-media-type",
    MALFORMED_BODY: "malformed-body",
}


def _enforces_body(match: Match) -> bool:
    """Whether a rule that is no shadow reads ids from the body. For a shadow, a body that cannot
    be read is one without ids: it may not refuse."""
    rules = [rule for rule, _ in match.forbids] + ([] if match.rule is None else [match.rule])
    return any(load.reads_body for rule in rules if not rule.shadow for load in rule.loads)


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


def _check_challenge(challenge: str) -> None:
    try:
        check_header(b"www-authenticate", challenge.encode("ascii"))
    except ValueError:
        challenge = ""
    if not re.match(r"[A-Za-z0-9-]+(?: .+)?\Z", challenge):
        raise ConfigurationError(
            "challenge= is the value of WWW-Authenticate, such as 'Bearer' or"
            " 'ApiKey realm=\"api\"'"
        )
