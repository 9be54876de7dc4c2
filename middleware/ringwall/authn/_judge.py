"""What becomes of a credential once it is found: everything said of it is made at construction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from .._exchange import Decision, Exchange
from .._layer import ResponseHead, Verdict
from .._pending import Pending
from ..principal import Principal
from ..problem import Header, Response, problem
from ._challenge import ChallengeList
from ._failure import Failure
from ._scheme import Judgement, Scheme

NAME = "authentication"

MISSING = Failure(
    "missing-credentials", "This needs credentials; see the header WWW-Authenticate.", error=None
)
UNSUPPORTED = Failure(
    "unsupported-scheme",
    "These credentials are of a kind that is not accepted here; see the header WWW-Authenticate.",
    error=None,
)
MALFORMED = Failure(
    "malformed-credentials",
    "Send one credential: the name of the scheme, a space and the credential.",
    error="invalid_request",
    status=400,
)
SEVERAL = Failure(
    "multiple-credentials", "Send one credential only.", error="invalid_request", status=400
)
TOO_MANY_WAIT = Failure(
    "too-many-waiting",
    "Too many connections wait for their first message; try again later.",
    error=None,
    status=503,
)

# A byte is found in bytes five times as fast by its number as by its character.
_COMMA, _SPACE = b", "


class Chosen:
    """One scheme with what is said of it.

    Attributes:
        authenticate: as of `Scheme`.
        allowed: the decision for what it lets in.
        answers: the answer to each of its failures.
    """

    __slots__ = ("allowed", "answers", "authenticate")

    def __init__(
        self,
        authenticate: Callable[[bytes, Exchange], Judgement],
        allowed: Decision,
        answers: dict[Failure, tuple[Response, Decision]],
    ) -> None:
        self.authenticate = authenticate
        self.allowed = allowed
        self.answers = answers


class Judge:
    """Lets the bearer of a credential in, or refuses it with the challenges of all schemes.

    Parameters:
        schemes: all of the layer.
        challenges: theirs.
        optional: whether a request without credentials is anonymous.

    Attributes:
        chosen: each scheme with what is said of it.
        challenges: as given.
        telling: what schemes want told in the headers of every answer.
    """

    def __init__(
        self, schemes: Iterable[Scheme], challenges: ChallengeList, optional: bool
    ) -> None:
        self.challenges = challenges
        self.chosen = {
            scheme: Chosen(
                scheme.authenticate,
                decision("allow", _rule(scheme), "authenticated"),
                {failure: self._answer(failure, scheme) for failure in scheme.failures},
            )
            for scheme in schemes
        }
        self.telling = tuple(scheme.answer_headers for scheme in self.chosen if scheme.sets)
        self._anonymous = decision("allow", "optional", "anonymous") if optional else None
        self._general = {
            failure: self._answer(failure, None)
            for failure in (MISSING, UNSUPPORTED, MALFORMED, SEVERAL, TOO_MANY_WAIT)
        }

    def judge(self, exchange: Exchange, chosen: Chosen, credential: bytes) -> Verdict:
        """Judge what the request holds for one scheme."""
        if _COMMA in credential:  # repeated headers come joined with a comma
            return self.refuse(exchange, SEVERAL)
        if not credential or _SPACE in credential:
            return self.refuse(exchange, MALFORMED)
        return self.settle(exchange, chosen, chosen.authenticate(credential, exchange))

    def settle(self, exchange: Exchange, chosen: Chosen, judgement: Judgement) -> Verdict:
        """Act on a judgement, also on one that needs I/O."""
        if isinstance(judgement, (Principal, Failure)):
            return self._conclude(exchange, chosen, judgement)
        return self._await(exchange, chosen, judgement)

    def nobody(self, exchange: Exchange) -> Response | None:
        """The request holds no credential."""
        if self._anonymous is None:
            return self.refuse(exchange, MISSING)
        exchange.authenticate(None)
        exchange.decisions.append(self._anonymous)
        return None

    def refuse(self, exchange: Exchange, failure: Failure) -> Response:
        """Refuse for one of the reasons that are no scheme's own."""
        response, said = self._general[failure]
        exchange.decisions.append(said)
        return response

    def tell(self, exchange: Exchange, head: ResponseHead) -> None:
        """`on_response` of the layer, where a scheme tells something."""
        for telling in self.telling:
            for name, value in telling(exchange):
                head.setdefault(name, value)

    def _await(
        self, exchange: Exchange, chosen: Chosen, pending: Pending[Principal | Failure]
    ) -> Pending[Response | None]:
        return self._conclude(exchange, chosen, (yield from pending))

    def _conclude(
        self, exchange: Exchange, chosen: Chosen, judgement: Principal | Failure
    ) -> Response | None:
        if isinstance(judgement, Principal):
            exchange.authenticate(judgement)
            exchange.decisions.append(chosen.allowed)
            return None
        # A failure that the scheme did not declare is a bug there: the KeyError becomes a 500.
        response, said = chosen.answers[judgement]
        exchange.decisions.append(said)
        return self._completed(response, exchange) if self.telling else response

    def _completed(self, response: Response, exchange: Exchange) -> Response:
        there = {name for name, _ in response.headers}
        told = [line for tell in self.telling for line in tell(exchange) if line[0] not in there]
        return response.with_headers(told) if told else response

    def _answer(self, failure: Failure, failed: Scheme | None) -> tuple[Response, Decision]:
        """What a failure is answered with; `failed` is the scheme it belongs to, if to one."""
        headers: list[Header] = []
        if failure.status == 503:
            headers.append((b"retry-after", b"5"))
        else:
            headers.append(self.challenges.line(failure, failed))
        response = problem(failure.status, failure.detail, code=failure.code, headers=headers)
        outcome: Literal["deny", "error"] = "error" if failure.status == 503 else "deny"
        rule = "required" if failed is None else _rule(failed)
        return response, decision(outcome, rule, failure.code)


def decision(outcome: Literal["allow", "deny", "error"], rule: str, reason: str) -> Decision:
    return Decision(NAME, outcome, rule, reason)


def _rule(scheme: Scheme) -> str:
    return scheme.name.lower()
