"""Casbin models and policies, evaluated in the process by casbin."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..._errors import ConfigurationError, MissingDependency
from .._predicate import check_predicate
from ._engine import Engine, EngineFailed, Question


def _request(question: Question) -> tuple[Any, ...]:
    path = str(question.context.get("path", ""))
    resource = question.resource
    # Not "type:id": to keyMatch2, what follows a colon is a parameter, which matches every id.
    thing = path if resource.type == "Route" else f"{resource.type}/{resource.id}"
    return question.subject.id, thing, question.action


class Casbin(Engine):
    """Casbin: a model of how requests match policies, such as RBAC with `keyMatch2`.

    Parameters:
        model: the path of the model, or an enforcer made by you (a `SyncedEnforcer` where policies
            change while requests are served).
        policy: the path of the policy; None with an enforcer.
        request: makes the arguments of `enforce` of a question; by default subject, path (or
            "type/id" where the condition names a resource) and action.

    Raises:
        ConfigurationError: no such files, no such enforcer, or a model that allows what no policy
            denies.
        MissingDependency: casbin is not installed.

    >>> import casbin
    >>> from casbin.persist.adapters import StringAdapter
    >>> model = casbin.Enforcer.new_model(text='''
    ... [request_definition]
    ... r = sub, obj, act
    ... [policy_definition]
    ... p = sub, obj, act
    ... [policy_effect]
    ... e = some(where (p.eft == allow))
    ... [matchers]
    ... m = r.sub == p.sub && keyMatch2(r.obj, p.obj) && r.act == p.act
    ... ''')
    >>> engine = Casbin(casbin.Enforcer(model, StringAdapter("p, alice, /v1/orders/:id, GET")))
    >>> from ringwall.authz import allow
    >>> rule = allow("GET", "/v1/orders/{order_id:int}", engine.permits())
    """

    name = "casbin"

    def __init__(
        self,
        model: Any,
        policy: str | os.PathLike[str] | None = None,
        *,
        request: Callable[[Question], tuple[Any, ...]] = _request,
    ) -> None:
        try:
            casbin: Any = import_module("casbin")
        except ModuleNotFoundError:
            raise MissingDependency("casbin", "casbin", "Casbin") from None
        super().__init__("User", lambda principal: {}, lambda context: {"path": context.path})
        check_predicate(request, 1, "request=")
        if isinstance(model, (str, os.PathLike)):
            if policy is None:
                raise ConfigurationError("Casbin takes the paths of a model and of a policy")
            try:
                model = casbin.Enforcer(os.fspath(model), os.fspath(policy))
            except Exception as error:  # noqa: BLE001  casbin raises many kinds
                raise ConfigurationError(f"Casbin: {error}") from None
        elif policy is not None or not hasattr(model, "enforce"):
            raise ConfigurationError("Casbin takes two paths, or one enforcer")
        if "allow" not in model.get_model().model["e"]["e"].value:
            raise ConfigurationError(
                "Casbin: this model allows what no policy denies; its effect must ask for an"
                " allow: 'some(where (p.eft == allow))'"
            )
        self._enforcer = model
        self._request = request

    def decide(self, question: Question) -> bool:
        # A disabled enforcer answers True to everything.
        if not getattr(self._enforcer, "enabled", True):
            raise EngineFailed("the enforcer is disabled")
        return bool(self._enforcer.enforce(*self._request(question)) is True)
