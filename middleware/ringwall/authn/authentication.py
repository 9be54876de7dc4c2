"""The layer: one scan for credentials, one scheme to judge them, one correct challenge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from .._conceal import Concealment
from .._errors import ConfigurationError
from .._exchange import Decision, Exchange
from .._layer import Layer, ResponseHead, Verdict
from .._pending import Pending
from ..principal import Principal
from ..problem import Header, Response, problem
from ._challenge import QUOTABLE, TOKEN, ChallengeList
from ._exempt import exempt_paths
from ._failure import Failure
from ._index import index
from ._issuers import one_of_each_name
from ._places import in_cookie, in_query, in_subprotocol
from ._scheme import Judgement, Scheme, at_least
from .resource import METHOD, ProtectedResource

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

# A byte is found in bytes five times as fast by its number as by its character.
_COMMA, _SPACE = b", "
_FIRST_MESSAGE = 16_384  # bytes


class _Chosen(NamedTuple):
    """One scheme with everything that is said for it, made at construction."""

    authenticate: Callable[[bytes, Exchange], Judgement]
    allowed: Decision
    answers: dict[Failure, tuple[Response, Decision]]


class Authentication(Layer):
    """Establish who speaks, by the first scheme whose name the credential bears.

    Parameters:
        schemes: `JWT`, `Introspection`, `APIKey`, or others that follow `Scheme`. Several may
            share a name if their issuers differ: the `iss` that a token names chooses among them,
            and one without issuers gets what no other one claims.
        optional: True lets a request without credentials pass as anonymous. A bad credential is
            refused all the same.
        exempt: paths that stay anonymous whatever they carry: exact ("/healthz"), or everything
            below one ("/static/**"). Matched against the decoded path below the mount point.
        realm: the protection space named in the challenge (RFC 9110 section 11.5).
        resource: the URL of this API, or a `ProtectedResource` that tells more of it: its metadata
            (RFC 9728) is served to everybody at its well-known path, and named in challenges.
        strip: True keeps credentials from the app: the headers, cookies and query parameters that
            the schemes read.
        subprotocol: the name of a scheme in lower case, such as "bearer". A websocket may then
            offer it and the credential as subprotocols, `["bearer", token, ...]`; the app sees
            neither, and the handshake is answered with "bearer" where the app chooses no other.
        first_message: seconds. A websocket without a credential is accepted, and its first message
            must be one, spelt as in `Authorization`, within that time; the app is called
            afterwards, and does not see it.

    A refusal is 401 with the challenges of all schemes, 400 for a malformed or ambiguous request
    (RFC 6750 section 3.1), or 503 where nothing can be judged: keys or store out of reach.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.

    >>> from ringwall.authn import APIKey, Authentication, generate_api_key
    >>> key, record = generate_api_key("alice", scopes=["orders:read"])
    >>> layer = Authentication(APIKey([record]), exempt=["/healthz"])
    >>> app = layer.wsgi(lambda environ, start_response: [b"only for alice"])
    """

    name = "authentication"
    inside: frozenset[str] = frozenset({"https", "cors"})  # preflights carry no credentials

    def __init__(
        self,
        *schemes: Scheme,
        optional: bool = False,
        exempt: Iterable[str] = (),
        realm: str = "api",
        resource: str | ProtectedResource | None = None,
        strip: bool = False,
        subprotocol: str | None = None,
        first_message: float | None = None,
    ) -> None:
        if not schemes:
            raise ConfigurationError(
                "Authentication needs a scheme: Authentication(JWT(issuer=..., audience=...))"
            )
        for scheme in schemes:
            if not isinstance(scheme, Scheme):
                raise ConfigurationError(
                    f"{scheme!r} is no scheme: give JWT(...), APIKey(...) or a subclass of Scheme"
                )
        if not realm or not QUOTABLE.match(realm):
            raise ConfigurationError("realm must be printable ASCII without quotes and backslashes")
        schemes = one_of_each_name(schemes)
        by_name, by_header, by_query, by_cookie = index(schemes)
        self._exact, self._below = exempt_paths(exempt)
        if isinstance(resource, str):
            resource = ProtectedResource(resource)
        self._metadata_path = None if resource is None else resource.path
        self.by_path: bool = bool(self._exact or self._below or resource)
        self.wants: frozenset[bytes] = frozenset(
            (
                *((b"authorization",) if by_name else ()),
                *by_header,
                *((b"cookie",) if by_cookie else ()),
                *(want for scheme in schemes for want in scheme.wants),
            )
        )
        self.wants_tls: bool = any(scheme.wants_tls for scheme in schemes)
        self.sets: frozenset[bytes] = frozenset().union(*(scheme.sets for scheme in schemes))
        self._telling = tuple(scheme.answer_headers for scheme in schemes if scheme.sets)
        if not self._telling:
            self.on_response = super().on_response  # type: ignore[method-assign]
        self.colours: frozenset[str] = frozenset({"asgi", "wsgi"}).intersection(
            *(s.colours for s in schemes)
        )
        if not self.colours:
            raise ConfigurationError(
                "one scheme works under ASGI only and another under WSGI only: their ports lack"
                " a colour"
            )

        # Where no scheme reads it, what another layer of the stack makes of it is not ours.
        self._authorization = b"authorization" if by_name else b""
        self._exempted = self._decision("allow", "exempt", "anonymous")
        self._anonymous = self._decision("allow", "optional", "anonymous") if optional else None
        self._challenges = ChallengeList(schemes, realm, None if resource is None else resource.url)
        if resource is not None:
            issuers = {issuer for scheme in schemes for issuer in scheme.issuers}
            self._metadata = resource.response(issuers)
            self._told = self._decision("allow", "metadata", "public")
            self._untold = self._decision("deny", "metadata", "method-not-allowed")
        self._general = {
            failure: self._answer(failure, None)
            for failure in (MISSING, UNSUPPORTED, MALFORMED, SEVERAL)
        }
        chosen = {
            scheme: _Chosen(
                scheme.authenticate,
                self._decision("allow", _rule(scheme), "authenticated"),
                {failure: self._answer(failure, scheme) for failure in scheme.failures},
            )
            for scheme in schemes
        }
        self._by_name = {name: chosen[scheme] for name, scheme in by_name.items()}
        self._by_header = tuple((header, chosen[scheme]) for header, scheme in by_header.items())
        places = [
            (in_query(name, scheme.kinds), chosen[scheme]) for name, scheme in by_query.items()
        ]
        places += [(in_cookie(name), chosen[scheme]) for name, scheme in by_cookie.items()]
        if subprotocol is not None:
            places.append((in_subprotocol(subprotocol), self._offered(subprotocol)))
        self._places = tuple(places)
        if first_message is not None:
            at_least("first_message", first_message, 0.001)
            if optional or not by_name:
                raise ConfigurationError(
                    "first_message waits for a credential as in Authorization: it needs a scheme"
                    " that reads it, and contradicts optional=True"
                )
        self._first_message = first_message
        self._concealments = {
            kind: Concealment(
                headers=frozenset((*(b"authorization" for _ in by_name), *by_header))
                if strip
                else frozenset(),
                cookies=_names(by_cookie, kind, strip),
                query=_names(by_query, kind, strip),
                marker=None if subprotocol is None else subprotocol.encode("ascii"),
            )
            for kind in ("http", "websocket")
        }
        if places or first_message is not None or strip:
            self.on_request = self._anywhere  # type: ignore[method-assign]

    def on_request(self, exchange: Exchange) -> Verdict:
        exchange.challenges = self._challenges
        if self.by_path:
            path = exchange.path
            if path == self._metadata_path and exchange.kind == "http":
                return self._tell(exchange)
            if path in self._exact or path.startswith(self._below):
                exchange.authenticate(None)
                exchange.decisions.append(self._exempted)
                return None
        headers = exchange.headers
        value = headers.get(self._authorization)
        for header, found in self._by_header:
            bare = headers.get(header)
            if bare is not None:
                if value is not None or self._several(headers):
                    return self._refuse(exchange, SEVERAL)
                return self._judge(exchange, found, bare)
        if value is None:
            return self._nobody(exchange)

        name, _, credential = value.partition(b" ")
        chosen = self._by_name.get(name) or self._by_name.get(name.lower())
        if chosen is None:
            # A list of parameters after an unknown scheme is nothing to take apart here.
            known = TOKEN.match(name.decode("latin-1"))
            return self._refuse(exchange, UNSUPPORTED if known else MALFORMED)
        if _SPACE in credential:
            credential = credential.lstrip(b" ")  # RFC 9110 section 11.4 allows several before it
        return self._judge(exchange, chosen, credential)

    def _anywhere(self, exchange: Exchange) -> Verdict:
        """`on_request` where credentials lie in other places than headers, or are concealed."""
        try:
            if not self._is_open(exchange):
                found = [
                    (chosen, credential)
                    for place, chosen in self._places
                    for credential in place(exchange)
                ]
                headers = exchange.headers
                in_headers = self._authorization in headers or any(
                    header in headers for header, _ in self._by_header
                )
                if found:
                    exchange.challenges = self._challenges
                    if len(found) > 1 or in_headers:
                        return self._refuse(exchange, SEVERAL)
                    return self._judge(exchange, *found[0])
                if self._first_message and exchange.kind == "websocket" and not in_headers:
                    return self._wait(exchange, self._first_message)
            return Authentication.on_request(self, exchange)
        finally:
            exchange.conceal(self._concealments[exchange.kind])

    def _is_open(self, exchange: Exchange) -> bool:
        path = exchange.path if self.by_path else ""
        return (
            path in self._exact
            or path.startswith(self._below)
            or (path == self._metadata_path and exchange.kind == "http")
        )

    def _wait(self, exchange: Exchange, seconds: float) -> Pending[Response | None]:
        message = yield from exchange.read_first_message(_FIRST_MESSAGE, seconds)
        if message is None:
            return self._refuse(exchange, MISSING)
        # Judged as if it had come with the handshake.
        exchange.headers[b"authorization"] = message
        try:
            verdict = Authentication.on_request(self, exchange)
        finally:
            del exchange.headers[b"authorization"]
        if verdict is None or isinstance(verdict, Response):
            return verdict
        return (yield from verdict)

    def _tell(self, exchange: Exchange) -> Response:
        if exchange.method not in ("GET", "HEAD"):
            exchange.decisions.append(self._untold)
            return METHOD
        exchange.decisions.append(self._told)
        return self._metadata

    def _judge(self, exchange: Exchange, chosen: _Chosen, credential: bytes) -> Verdict:
        if _COMMA in credential:  # repeated headers come joined with a comma
            return self._refuse(exchange, SEVERAL)
        if not credential or _SPACE in credential:
            return self._refuse(exchange, MALFORMED)
        judgement = chosen.authenticate(credential, exchange)
        if isinstance(judgement, Principal):
            exchange.authenticate(judgement)
            exchange.decisions.append(chosen.allowed)
            return None
        if isinstance(judgement, Failure):
            return self._fail(exchange, chosen, judgement)
        return self._await(exchange, chosen, judgement)

    def _await(
        self, exchange: Exchange, chosen: _Chosen, pending: Pending[Principal | Failure]
    ) -> Pending[Response | None]:
        judgement = yield from pending
        if isinstance(judgement, Principal):
            exchange.authenticate(judgement)
            exchange.decisions.append(chosen.allowed)
            return None
        return self._fail(exchange, chosen, judgement)

    def _fail(self, exchange: Exchange, chosen: _Chosen, failure: Failure) -> Response:
        # A failure that the scheme did not declare is a bug there: the KeyError becomes a 500.
        response, decision = chosen.answers[failure]
        exchange.decisions.append(decision)
        return self._completed(response, exchange) if self._telling else response

    def on_response(self, exchange: Exchange, head: ResponseHead) -> None:
        for tell in self._telling:
            for name, value in tell(exchange):
                head.setdefault(name, value)

    def _completed(self, response: Response, exchange: Exchange) -> Response:
        there = {name for name, _ in response.headers}
        told = [line for tell in self._telling for line in tell(exchange) if line[0] not in there]
        return response.with_headers(told) if told else response

    def _nobody(self, exchange: Exchange) -> Response | None:
        if self._anonymous is None:
            return self._refuse(exchange, MISSING)
        exchange.authenticate(None)
        exchange.decisions.append(self._anonymous)
        return None

    def _several(self, headers: dict[bytes, bytes]) -> bool:
        return sum(header in headers for header, _ in self._by_header) > 1

    def _refuse(self, exchange: Exchange, failure: Failure) -> Response:
        response, decision = self._general[failure]
        exchange.decisions.append(decision)
        return response

    # At construction

    def _decision(
        self, outcome: Literal["allow", "deny", "error"], rule: str, reason: str
    ) -> Decision:
        return Decision(self.name, outcome, rule, reason)

    def _offered(self, subprotocol: str) -> _Chosen:
        if subprotocol != subprotocol.lower() or not TOKEN.match(subprotocol):
            raise ConfigurationError("subprotocol is one word in lower case, such as 'bearer'")
        chosen = self._by_name.get(subprotocol.encode("ascii"))
        if chosen is None:
            raise ConfigurationError(
                f"subprotocol={subprotocol!r} names none of the schemes; write 'bearer' for JWT"
            )
        return chosen

    def _answer(self, failure: Failure, failed: Scheme | None) -> tuple[Response, Decision]:
        """What a failure is answered with; `failed` is the scheme it belongs to, if to one."""
        headers: list[Header] = []
        if failure.status == 503:
            headers.append((b"retry-after", b"5"))
        else:
            headers.append(self._challenges.line(failure, failed))
        response = problem(failure.status, failure.detail, code=failure.code, headers=headers)
        outcome: Literal["deny", "error"] = "error" if failure.status == 503 else "deny"
        rule = "required" if failed is None else _rule(failed)
        return response, self._decision(outcome, rule, failure.code)


def _names(by_name: dict[str, Scheme], kind: str, strip: bool) -> frozenset[bytes]:
    """The names of what the app shall not see."""
    return frozenset(
        name.encode("ascii")
        for name, scheme in by_name.items()
        if kind in scheme.kinds and (strip or scheme.conceals)
    )


def _rule(scheme: Scheme) -> str:
    return scheme.name.lower()
