"""The rules as they are written: `public`, `allow`, `forbid`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from .._errors import ConfigurationError, did_you_mean
from .._template import Template, parse_template
from ._condition import Condition, as_condition
from ._fields import Fields, Given, as_groups
from ._predicate import Predicate

# What `*` stands for. OPTIONS must be named, so that no preflight slips past; TRACE and CONNECT
# are never let through.
EVERY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "WEBSOCKET")
# RFC 9110, RFC 4918 (WebDAV) and its relatives, RFC 5323, QUERY.
_METHODS = frozenset(
    {*EVERY, "OPTIONS", "QUERY", "SEARCH", "REPORT", "PROPFIND", "PROPPATCH", "MKCOL", "COPY"}
    | {"MOVE", "LOCK", "UNLOCK", "LINK", "UNLINK", "PURGE", "MKCALENDAR", "VERSION-CONTROL"}
)

Effect = Literal["public", "allow", "forbid"]


class Rule:
    """One rule. Made by `public`, `allow` and `forbid`; immutable."""

    __slots__ = (
        "condition", "effect", "hide", "methods", "name", "reads", "shadow", "strict", "strips",
        "template", "writes",
    )  # fmt: skip

    def __init__(
        self,
        effect: Effect,
        method: str | Iterable[str],
        path: str,
        condition: Condition | Predicate | None,
        name: str | None,
        hide: bool,
        shadow: bool = False,
        reads: Given | None = None,
        writes: Given | None = None,
        unreadable: str = "strip",
        unwritable: str = "refuse",
    ) -> None:
        if not isinstance(shadow, bool):
            raise ConfigurationError(f"shadow={shadow!r}: write True or False")
        self.effect = effect
        self.methods: tuple[str, ...] = _parse_methods(method)
        self.template: Template = parse_template(path)
        self.condition: Condition | None = None if condition is None else as_condition(condition)
        self.hide: bool = hide
        self.shadow: bool = shadow
        self.reads: tuple[Fields, ...] | None = as_groups(reads, "reads")
        self.writes: tuple[Fields, ...] | None = as_groups(writes, "writes")
        self.strict: bool = _is_refused("unreadable", unreadable)
        self.strips: bool = not _is_refused("unwritable", unwritable)
        guards = self.reads is not None or self.writes is not None
        if guards and not {"*", "WEBSOCKET"}.isdisjoint(self.methods):
            raise ConfigurationError(
                "reads= and writes= see no messages of a websocket: name the methods, without"
                " WEBSOCKET and '*'"
            )
        prefix = "forbid " if effect == "forbid" else ""
        self.name: str = name or f"{prefix}{','.join(self.methods)} {path}"

    __constant__ = True

    def __repr__(self) -> str:
        return f"<Rule {self.effect} {','.join(self.methods)} {self.template.text}>"


def public(
    method: str | Iterable[str],
    path: str,
    *,
    name: str | None = None,
    reads: Given | None = None,
    writes: Given | None = None,
    unreadable: Literal["strip", "refuse"] = "strip",
    unwritable: Literal["refuse", "strip"] = "refuse",
) -> Rule:
    """Everybody may, authenticated or not.

    Parameters:
        method: "GET", "GET,HEAD", ["GET", "POST"], "WEBSOCKET", or "*" for GET, HEAD, POST, PUT,
            PATCH, DELETE and WEBSOCKET. A rule for GET holds for HEAD, too. OPTIONS and the like
            must be named.
        path: literal segments, `{name}` for any one segment, `{order_id:int}` and `{id:uuid}` for
            canonical spellings only, and `/**` at the end for everything below.
        name: the rule's name in decisions; by default method and path.
        reads, writes, unreadable, unwritable: as for `allow`.

    Raises:
        ConfigurationError: a method or path that could never match.

    >>> public("GET", "/healthz")
    <Rule public GET /healthz>
    """
    return Rule(
        "public", method, path, None, name, hide=False,
        reads=reads, writes=writes, unreadable=unreadable, unwritable=unwritable,
    )  # fmt: skip


def allow(
    method: str | Iterable[str],
    path: str,
    condition: Condition | Predicate | None = None,
    *,
    name: str | None = None,
    hide: bool = False,
    shadow: bool = False,
    reads: Given | None = None,
    writes: Given | None = None,
    unreadable: Literal["strip", "refuse"] = "strip",
    unwritable: Literal["refuse", "strip"] = "refuse",
) -> Rule:
    """Authenticated principals may, if the condition holds.

    Parameters:
        method, path, name: as for `public`.
        condition: `scope(...)`, `role(...)`, `owner(...)` and others, joined with `&`, `|`, `~`, or
            a function of the facts; None: every authenticated principal.
        hide: refuse with 404 instead of 403, to hide that there is something (RFC 9110 section
            15.5.5). An object that does not exist is refused just like one of somebody else's
            either way.
        shadow: never refuse by this rule: where it would, the request proceeds and the decision
            says so, with the outcome "allow" and a reason such as "would-deny-forbidden". An
            enforced `forbid` still wins. `allow("*", "/**", lambda facts: False, shadow=True)`
            reports every request that has no rule yet, instead of refusing it.
        reads: what of a JSON response may leave: JSON Pointers and `fields(...)`; None: all of it.
            The response is held in memory, up to the layer's `response_limit`; what is not JSON
            does not leave, but for streams (see `Authorization`). Nothing of a websocket is seen.
        writes: what a JSON body may hold, likewise; `[]`: nothing. A body that is not JSON is
            refused. Fields in the query or the path are not seen.
        unreadable: "strip" takes away from a response what `reads` does not name; "refuse" answers
            500 instead.
        unwritable: "refuse" answers 403 to a body that holds what `writes` does not name; "strip"
            takes it away before the app gets the body.

    Raises:
        ConfigurationError: a method or path that could never match, or no condition.

    >>> from ringwall.authz import scope
    >>> allow("POST", "/v1/orders", scope("orders:write"))
    <Rule allow POST /v1/orders>
    """
    return Rule(
        "allow", method, path, condition, name, hide, shadow, reads, writes, unreadable, unwritable
    )


def forbid(
    method: str | Iterable[str],
    path: str,
    condition: Condition | Predicate | None = None,
    *,
    name: str | None = None,
    hide: bool = False,
    shadow: bool = False,
) -> Rule:
    """Nobody may, if the condition holds or cannot be judged, whatever other rules say.

    Parameters:
        method, path, name, hide, shadow: as for `allow`; but "*" means every method there is, and
            the path also matches with a trailing slash, and `/admin/**` also `/admin`.
        condition: None: always.

    Raises:
        ConfigurationError: a method or path that could never match, or no condition.

    >>> from ringwall.authz import network
    >>> forbid("*", "/v1/admin/**", ~network("10.0.0.0/8"))
    <Rule forbid * /v1/admin/**>
    """
    return Rule("forbid", method, path, condition, name, hide, shadow)


def _is_refused(option: str, given: Any) -> bool:
    if given not in ("strip", "refuse"):
        raise ConfigurationError(f"{option}={given!r} is unknown; use 'strip' or 'refuse'")
    return bool(given == "refuse")


def _parse_methods(given: str | Iterable[str]) -> tuple[str, ...]:
    methods = tuple(m.strip() for m in given.split(",")) if isinstance(given, str) else tuple(given)
    if methods == ("*",):
        return methods
    if not methods:
        raise ConfigurationError("a rule needs a method: 'GET', ['GET', 'POST'] or '*'")
    for method in methods:
        if method in ("TRACE", "CONNECT"):
            raise ConfigurationError(f"{method} is never let through; no rule can name it")
        if method not in _METHODS:
            near = method.upper() if isinstance(method, str) else ""
            raise ConfigurationError(f"unknown method {method!r}" + did_you_mean(near, _METHODS))
    return tuple(dict.fromkeys(methods))
