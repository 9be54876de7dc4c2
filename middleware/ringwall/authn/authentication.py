"""The layer: one scan for credentials, one scheme to judge them, one correct challenge."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .._errors import ConfigurationError
from .._exchange import Exchange
from .._layer import Layer, ResponseHead, Verdict
from .._overriding import overridden
from ._challenge import QUOTABLE, TOKEN, ChallengeList
from ._concealing import Concealing
from ._elsewhere import Elsewhere
from ._exempt import OpenPaths
from ._first_message import FirstMessage
from ._in_headers import InHeaders
from ._index import index
from ._issuers import one_of_each_name
from ._judge import NAME, Chosen, Judge
from ._memory import Memory
from ._places import in_cookie, in_query, in_subprotocol
from ._scheme import Scheme
from .resource import ProtectedResource


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
        waiting: how many websockets may wait for their first message at the same time; one more is
            refused before it is accepted.

    Attributes:
        schemes: in order; those that share a name are one. challenges: what to ask clients for.

    A refusal is 401 with the challenges of all schemes, 400 for a malformed or ambiguous request
    (RFC 6750 section 3.1), or 503 where nothing can be judged: keys or store out of reach.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to write instead.

    >>> from ringwall.authn import APIKey, Authentication, generate_api_key
    >>> key, record = generate_api_key("alice", scopes=["orders:read"])
    >>> layer = Authentication(APIKey([record]), exempt=["/healthz"])
    >>> app = layer.wsgi(lambda environ, start_response: [b"only for alice"])
    """

    name = NAME
    reads_headers = True
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
        waiting: int = 1000,
    ) -> None:
        if not realm or not QUOTABLE.match(realm):
            raise ConfigurationError("realm must be printable ASCII without quotes and backslashes")
        if isinstance(resource, str):
            resource = ProtectedResource(resource)
        kinds = one_of_each_name(_checked(schemes))
        ambient = [scheme for scheme in kinds if scheme.ambient]
        if len(ambient) > 1:
            raise ConfigurationError("two schemes read the certificate of the client; keep one")
        by_name, by_header, by_query, by_cookie = index(kinds)
        challenges = ChallengeList(kinds, realm, None if resource is None else resource.url)
        self.schemes: tuple[Scheme, ...] = kinds
        self.challenges: ChallengeList = challenges
        judge = Judge(kinds, challenges, optional)
        in_headers = InHeaders(judge, by_name, by_header)
        chosen = judge.chosen
        places = [(in_query(name, each.kinds), chosen[each]) for name, each in by_query.items()]
        places += [(in_cookie(name), chosen[each]) for name, each in by_cookie.items()]
        if subprotocol is not None:
            places.append((in_subprotocol(subprotocol), _offered(in_headers, subprotocol)))
        waits = None
        if first_message is not None:
            if optional or not by_name:
                raise ConfigurationError(
                    "first_message waits for a credential as in Authorization: it needs a scheme"
                    " that reads it, and contradicts optional=True"
                )
            waits = FirstMessage(judge, in_headers.on_request, first_message, waiting)

        # The way of a request, from its end; what is not configured is not on it.
        way = in_headers.on_request
        memory = Memory(by_name, challenges, way)
        if memory.any and not by_header:
            way = memory.on_request
        if not by_header:  # what lies in one is looked at, too
            for scheme in kinds:
                if scheme.at_hand is not None and by_name.get(scheme.name.encode()) is scheme:
                    allowed = chosen[scheme].allowed
                    way = scheme.at_hand.before(scheme.name.encode(), challenges, allowed, way)
        if places or ambient or waits is not None:
            way = Elsewhere(
                judge, in_headers.holds, way, places, next(iter(ambient), None), waits
            ).on_request
        issuers = {issuer for scheme in kinds for issuer in scheme.issuers}
        paths = OpenPaths(exempt, resource, issuers, challenges, way)
        if paths.any:
            self.by_path: bool = True
            way = paths.on_request
        concealing = Concealing(kinds, strip, subprotocol, way)
        if concealing.any:
            way = concealing.on_request
        self.on_request: Callable[[Exchange], Verdict] = way  # type: ignore[assignment]
        if judge.telling:
            self.on_response: Callable[[Exchange, ResponseHead], None] = judge.tell  # type: ignore[assignment]

        self.wants: frozenset[bytes] = frozenset(
            (
                *((b"authorization",) if by_name else ()),
                *by_header,
                *((b"cookie",) if by_cookie else ()),
                *(want for scheme in kinds for want in scheme.wants),
            )
        )
        self.wants_tls: bool = any(scheme.wants_tls for scheme in kinds)
        self.sets: frozenset[bytes] = frozenset().union(*(scheme.sets for scheme in kinds))
        self.colours: frozenset[str] = frozenset({"asgi", "wsgi"}).intersection(
            *(s.colours for s in kinds)
        )
        if not self.colours:
            raise ConfigurationError(
                "one scheme works under ASGI only and another under WSGI only: their ports lack"
                " a colour"
            )


def _checked(schemes: tuple[Scheme, ...]) -> tuple[Scheme, ...]:
    if not schemes:
        raise ConfigurationError(
            "Authentication needs a scheme: Authentication(JWT(issuer=..., audience=...))"
        )
    for scheme in schemes:
        if not isinstance(scheme, Scheme):
            raise ConfigurationError(
                f"{scheme!r} is no scheme: give JWT(...), APIKey(...) or a subclass of Scheme"
            )
        # Ours choose how they judge, and are not asked again about what is remembered: a check that
        # somebody adds in a subclass would silently not be made, or once.
        chooses = "authenticate" in vars(scheme) or scheme.remembers > 0
        ours = overridden(type(scheme), "authenticate", Scheme) if chooses else None
        if ours is not None:
            raise ConfigurationError(
                f"{type(scheme).__name__}.authenticate would not be called for each request:"
                f" {ours.__name__} remembers; write a subclass of Scheme that asks one, or a Layer"
            )
    return schemes


def _offered(in_headers: InHeaders, subprotocol: str) -> Chosen:
    if subprotocol != subprotocol.lower() or not TOKEN.match(subprotocol):
        raise ConfigurationError("subprotocol is one word in lower case, such as 'bearer'")
    chosen = in_headers.named(subprotocol.encode("ascii"))
    if chosen is None:
        raise ConfigurationError(
            f"subprotocol={subprotocol!r} names none of the schemes; write 'bearer' for JWT"
        )
    return chosen
