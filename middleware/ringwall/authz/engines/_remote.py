"""Engines of other processes: Open Policy Agent, and whatever speaks AuthZEN."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..._errors import ConfigurationError
from ..._pending import Call, Pending
from ...principal import Principal
from .._facts import Context
from ._engine import (
    ContextProperties,
    Engine,
    EngineFailed,
    Entity,
    Question,
    SubjectProperties,
)
from ._post import Post

_RULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*\Z")


def _subject(principal: Principal) -> dict[str, Any]:
    return {
        "issuer": principal.issuer,
        "roles": sorted(principal.roles),
        "scopes": sorted(principal.scopes),
    }


def _context(context: Context) -> dict[str, Any]:
    return {"method": context.method, "path": context.path, "ip": context.client}


class Remote(Engine):
    """An engine that is asked over HTTP. Without a whole answer in time nothing is granted."""

    inline = False

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 1.0,
        limit: int = 65_536,
        token: str | None = None,
        insecure: bool = False,
        verify: Any = None,
        subject_type: str = "user",
        subject: SubjectProperties = _subject,
        context: ContextProperties = _context,
    ) -> None:
        super().__init__(subject_type, subject, context)
        self._post = Post(
            url, timeout=timeout, limit=limit, token=token, insecure=insecure, verify=verify
        )

    def wait(self, question: Question) -> Pending[bool]:
        written = self._write(question)
        return self._read((yield Call(self._post.send, self._post.asend, written)))

    def _write(self, question: Question) -> Any:
        return {
            "subject": _told(question.subject),
            "action": {"name": question.action},
            "resource": _told(question.resource),
            "context": dict(question.context),
        }

    def _read(self, answer: Any) -> bool:
        """The decision in an answer.

        Raises:
            EngineFailed: it is no answer of this protocol.
        """
        decision = answer.get("decision") if isinstance(answer, Mapping) else None
        if decision is not True and decision is not False:
            raise EngineFailed("no decision in the answer")
        return decision


class AuthZEN(Remote):
    """A decision point that speaks the OpenID AuthZEN Authorization API 1.0.

    Parameters:
        url: the base URL; "/access/v1/evaluation" is added.
        timeout: the most seconds that an answer may take. limit: the most bytes it may have.
        token: sent as bearer token. insecure: plain HTTP to other machines, too.
        verify: an `ssl.SSLContext`, or the path of a PEM file of certificate authorities.
        subject_type, subject, context: as for every engine; by default "user" with issuer, roles
            and scopes, and method, path and address of the client.

    Raises:
        ConfigurationError: arguments that cannot work, or a URL of plain HTTP.
        MissingDependency: httpx is not installed.

    >>> pdp = AuthZEN("http://127.0.0.1:8080")
    >>> from ringwall.authz import allow
    >>> rule = allow("GET", "/v1/orders/{order_id:int}", pdp.permits("can_read", "order"))
    """

    name = "authzen"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(f"{url}".rstrip("/") + "/access/v1/evaluation", **options)


class OPA(Remote):
    """Open Policy Agent, over its data API. A rule that is undefined denies.

    Parameters:
        url: the base URL. rule: the path of a rule that is true or false, such as "app/allow".
        options: as for `AuthZEN`. The policy finds subject, action, resource and context in
            `input`.

    Raises:
        ConfigurationError: arguments that cannot work, or a URL of plain HTTP.
        MissingDependency: httpx is not installed.

    >>> opa = OPA("http://127.0.0.1:8181", "app/allow")
    >>> from ringwall.authz import allow
    >>> rule = allow("GET", "/v1/orders/{order_id:int}", opa.permits("read", "order"))
    """

    name = "opa"

    def __init__(self, url: str, rule: str, **options: Any) -> None:
        if not isinstance(rule, str) or not _RULE.match(rule):
            raise ConfigurationError(f"rule={rule!r} is no path of a rule, such as 'app/allow'")
        super().__init__(f"{url}".rstrip("/") + f"/v1/data/{rule}", **options)

    def _write(self, question: Question) -> Any:
        return {"input": super()._write(question)}

    def _read(self, answer: Any) -> bool:
        if not isinstance(answer, Mapping):
            raise EngineFailed("no answer of the data API")
        if "result" not in answer:
            return False  # undefined
        return super()._read({"decision": answer["result"]})


def _told(entity: Entity) -> dict[str, Any]:
    return {"type": entity.type, "id": entity.id, "properties": dict(entity.properties)}
