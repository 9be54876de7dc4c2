"""Cedar policies, evaluated in the process by cedarpy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from ..._errors import ConfigurationError, MissingDependency
from ._engine import ContextProperties, Engine, EngineFailed, Entity, Question, SubjectProperties


class Cedar(Engine):
    """Cedar: `permit` and `forbid` policies over typed entities.

    Cedar skips a policy whose evaluation fails, so that a `forbid` with an error in it lets pass.
    Here any error means that nothing is granted; and policies are checked against the schema when
    this is constructed, which finds most of them.

    Parameters:
        policies: the text of the policies.
        schema: the schema, as text of Cedar or as the mapping of its JSON form.
        entities: those that never change, in Cedar's JSON form.
        subject_type, subject, context: as for every engine; by default the type "User", and
            neither attributes nor context. Values are in Cedar's JSON form.
        roles_type: the type of the entities that stand for the principal's roles, its parents;
            None: it has none.

    Raises:
        ConfigurationError: policies, schema or entities that are none, or do not fit each other.
        MissingDependency: cedarpy is not installed.

    >>> cedar = Cedar(
    ...     'permit(principal in Role::"staff", action == Action::"read", resource);',
    ...     'entity Role; entity User in [Role]; entity Order;'
    ...     'action read appliesTo { principal: User, resource: Order };',
    ...     roles_type="Role",
    ... )
    >>> from ringwall.authz import allow
    >>> rule = allow("GET", "/v1/orders/{order_id:int}", cedar.permits("read", "Order"))
    """

    name = "cedar"

    def __init__(
        self,
        policies: str,
        schema: str | Mapping[str, Any],
        *,
        entities: Iterable[Mapping[str, Any]] = (),
        subject_type: str = "User",
        subject: SubjectProperties = lambda principal: {},
        context: ContextProperties = lambda context: {},
        roles_type: str | None = None,
    ) -> None:
        try:
            cedarpy: Any = import_module("cedarpy")
        except ModuleNotFoundError:
            raise MissingDependency("cedarpy", "cedar", "Cedar") from None
        super().__init__(subject_type, subject, context)
        text = schema if isinstance(schema, str) else json.dumps(schema)
        parse = cedarpy.Schema.from_str if isinstance(schema, str) else cedarpy.Schema.from_json_str
        try:
            self._schema = parse(text)
            self._policies = cedarpy.PolicySet.from_str(policies)
            self._entities = cedarpy.Entities.from_json_str(
                json.dumps(list(entities)), self._schema
            )
            checked = cedarpy.validate_policies(policies, text)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"Cedar: {error}") from None
        if not checked.validation_passed:
            raise ConfigurationError("Cedar: " + "; ".join(map(str, checked.errors)))
        self._is_authorized = cedarpy.is_authorized
        self._allow = cedarpy.Decision.Allow
        self._roles_type = roles_type

    def decide(self, question: Question) -> bool:
        subject, resource = question.subject, question.resource
        kind = self._roles_type
        parents = [] if kind is None else [_uid(kind, role) for role in subject.roles]
        told = [_entity(subject, parents)]
        if resource.properties:
            told.append(_entity(resource, []))
        entities = self._entities.with_added_json_str(json.dumps(told), self._schema)
        request = {
            "principal": _uid(subject.type, subject.id),
            "action": _uid("Action", question.action),
            "resource": _uid(resource.type, resource.id),
            "context": dict(question.context),
        }
        result = self._is_authorized(request, self._policies, entities, self._schema)
        if result.diagnostics.errors:
            raise EngineFailed("a policy could not be evaluated")
        return bool(result.decision is self._allow)


def _uid(kind: str, name: str) -> dict[str, str]:
    # As a mapping, never as text that is parsed: a subject may hold quotes.
    return {"type": kind, "id": name}


def _entity(entity: Entity, parents: list[dict[str, str]]) -> dict[str, Any]:
    uid = _uid(entity.type, entity.id)
    return {"uid": uid, "attrs": dict(entity.properties), "parents": parents}
