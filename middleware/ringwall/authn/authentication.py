"""The layer: one scan for credentials, one scheme to judge them, one correct challenge."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from .._errors import ConfigurationError
from .._exchange import Decision, Exchange
from .._layer import Layer, ResponseHead, Verdict
from .._pending import Pending
from ..principal import Principal
from ..problem import Header, Response, problem
from ._failure import Failure
from ._issuers import one_of_each_name
from ._scheme import Judgement, Scheme

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
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_QUOTABLE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*\Z")  # RFC 6750 section 3


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
    inside = frozenset({"https", "cors"})  # preflights carry no credentials

    def __init__(
        self,
        *schemes: Scheme,
        optional: bool = False,
        exempt: Iterable[str] = (),
        realm: str = "api",
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
        if not realm or not _QUOTABLE.match(realm):
            raise ConfigurationError("realm must be printable ASCII without quotes and backslashes")
        schemes = one_of_each_name(schemes)
        by_name, by_header = _index(schemes)
        self._exact, self._below = _paths(exempt)
        self.by_path = bool(self._exact or self._below)
        self.wants = frozenset(
            (
                *((b"authorization",) if by_name else ()),
                *by_header,
                *(want for scheme in schemes for want in scheme.wants),
            )
        )
        self.wants_tls = any(scheme.wants_tls for scheme in schemes)
        self.sets = frozenset().union(*(scheme.sets for scheme in schemes))
        self._telling = tuple(scheme.answer_headers for scheme in schemes if scheme.sets)
        if not self._telling:
            self.on_response = super().on_response  # type: ignore[method-assign]
        self.colours = frozenset({"asgi", "wsgi"}).intersection(*(s.colours for s in schemes))
        if not self.colours:
            raise ConfigurationError(
                "one scheme works under ASGI only and another under WSGI only: their ports lack"
                " a colour"
            )

        # Where no scheme reads it, what another layer of the stack makes of it is not ours.
        self._authorization = b"authorization" if by_name else b""
        self._exempted = self._decision("allow", "exempt", "anonymous")
        self._anonymous = self._decision("allow", "optional", "anonymous") if optional else None
        self._general = {
            failure: self._answer(failure, schemes, None, realm)
            for failure in (MISSING, UNSUPPORTED, MALFORMED, SEVERAL)
        }
        chosen = {
            scheme: _Chosen(
                scheme.authenticate,
                self._decision("allow", _rule(scheme), "authenticated"),
                {
                    failure: self._answer(failure, schemes, scheme, realm)
                    for failure in scheme.failures
                },
            )
            for scheme in schemes
        }
        self._by_name = {name: chosen[scheme] for name, scheme in by_name.items()}
        self._by_header = tuple((header, chosen[scheme]) for header, scheme in by_header.items())

    def on_request(self, exchange: Exchange) -> Verdict:
        if self.by_path:
            path = exchange.path
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
            known = _TOKEN.match(name.decode("latin-1"))
            return self._refuse(exchange, UNSUPPORTED if known else MALFORMED)
        if _SPACE in credential:
            credential = credential.lstrip(b" ")  # RFC 9110 section 11.4 allows several before it
        return self._judge(exchange, chosen, credential)

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

    def _answer(
        self, failure: Failure, schemes: tuple[Scheme, ...], failed: Scheme | None, realm: str
    ) -> tuple[Response, Decision]:
        """What a failure is answered with; `failed` is the scheme it belongs to, if to one."""
        headers: list[Header] = []
        if failure.status == 503:
            headers.append((b"retry-after", b"5"))
        else:
            challenges = [_challenge(s, failure, failed in (None, s), realm) for s in schemes]
            headers.append((b"www-authenticate", ", ".join(challenges).encode("ascii")))
        response = problem(failure.status, failure.detail, code=failure.code, headers=headers)
        outcome: Literal["deny", "error"] = "error" if failure.status == 503 else "deny"
        rule = "required" if failed is None else _rule(failed)
        return response, self._decision(outcome, rule, failure.code)


def _challenge(scheme: Scheme, failure: Failure, failed: bool, realm: str) -> str:
    """One challenge (RFC 9110 section 11.3, RFC 6750 section 3)."""
    parameters = [("realm", realm), *scheme.parameters]
    if failed and failure.error is not None:
        parameters += [("error", failure.error), ("error_description", failure.detail)]
    for name, value in parameters:
        if not _TOKEN.match(name) or not _QUOTABLE.match(value):
            raise ConfigurationError(
                f"the challenge of {scheme.name} holds a parameter that needs quoting"
            )
    return f"{scheme.name} " + ", ".join(f'{name}="{value}"' for name, value in parameters)


def _index(
    schemes: tuple[Scheme, ...],
) -> tuple[dict[bytes, Scheme], dict[bytes, Scheme]]:
    by_name: dict[bytes, Scheme] = {}
    by_header: dict[bytes, Scheme] = {}
    for scheme in schemes:
        if not _TOKEN.match(scheme.name):
            raise ConfigurationError("the name of a scheme is one word (RFC 9110 section 11.1)")
        name = scheme.name.encode("ascii")
        if scheme.header is not None:
            if scheme.header in by_header:
                raise ConfigurationError(
                    f"two schemes read the header {scheme.header.decode('latin-1')!r}"
                )
            by_header[scheme.header] = scheme
        elif name.lower() in by_name:
            raise ConfigurationError(f"two schemes answer to {scheme.name!r}; keep one of them")
        else:
            by_name[name.lower()] = scheme
            by_name[name] = scheme  # the usual spelling is found at once
    return by_name, by_header


def _paths(exempt: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    if isinstance(exempt, str):
        raise ConfigurationError(f"exempt is a list of paths: write exempt=[{exempt!r}]")
    exact: set[str] = set()
    below: list[str] = []
    for path in exempt:
        if not isinstance(path, str) or not path.startswith("/"):
            raise ConfigurationError(f"exempt holds {path!r}: a path begins with '/'")
        prefix = path.removesuffix("**")
        if "*" in prefix or "{" in prefix or (prefix != path and not prefix.endswith("/")):
            raise ConfigurationError(
                f"exempt holds {path!r}: write an exact path ('/healthz') or everything below one"
                " ('/static/**')"
            )
        if prefix == "/" != path:
            raise ConfigurationError(
                "exempt=['/**'] would switch authentication off; leave the layer out instead, or"
                " write optional=True"
            )
        if prefix == path:
            exact.add(path)
        else:
            below.append(prefix)
    return frozenset(exact), tuple(below)


def _rule(scheme: Scheme) -> str:
    return scheme.name.lower()
