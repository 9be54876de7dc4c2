"""What every engine is asked, and the condition that asks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._errors import ConfigurationError
from ..._fingerprint import Configured
from ..._pending import Pending
from ...principal import Principal
from .._condition import Condition
from .._facts import Context, Facts
from .._loader import Loader
from .._loading import LoadSpec
from .._predicate import check_predicate
from .._sources import Source

if TYPE_CHECKING:
    from .._binding import Binding
    from .._condition import Test


class Entity(NamedTuple):
    """Who or what a question is about. roles: the principal's."""

    type: str
    id: str
    properties: Mapping[str, Any]
    roles: tuple[str, ...] = ()


class Question(NamedTuple):
    """May this subject do that to this resource? Neither headers nor query nor body of the request
    are in it."""

    subject: Entity
    action: str
    resource: Entity
    context: Mapping[str, Any]


class EngineFailed(Exception):
    """The engine gave no answer that can be relied on. Nothing is granted then."""


SubjectProperties = Callable[[Principal], Mapping[str, Any]]
ContextProperties = Callable[[Context], Mapping[str, Any]]


class Engine(Configured):
    """Base of every engine.

    Parameters:
        subject_type: the type of the entity that stands for the principal; its id is the subject.
        subject: what else the engine is told of a principal. It must pick what the policies need:
            claims may hold more than another service should see.
        context: what the engine is told of the request.

    Class attributes:
        name: in messages and logs. inline: it answers at once, by `decide`; else by `wait`.
    """

    name = "engine"
    inline = True

    def __init__(
        self, subject_type: str, subject: SubjectProperties, context: ContextProperties
    ) -> None:
        if not isinstance(subject_type, str) or not subject_type:
            raise ConfigurationError("subject_type= is a name, such as 'User'")
        check_predicate(subject, 1, "subject=")
        check_predicate(context, 1, "context=")
        self._subject_type = subject_type
        self._subject = subject
        self._context = context

    def __repr__(self) -> str:
        return type(self).__name__

    def permits(
        self,
        action: str | None = None,
        resource: str | None = None,
        *,
        id: str | None = None,  # the field's name in every protocol
        load: Loader | Callable[..., Any] | None = None,
        properties: Callable[[Any], Mapping[str, Any]] | None = None,
        **ids: Source,
    ) -> Condition:
        """The condition that the engine permits it.

        Parameters:
            action: the action's name; None: the method.
            resource: the type of the resource; None: "Route", whose id is the path's template.
            id: the path parameter that is the resource's id; None: the only one.
            load: fetches the resource, as for `owner`.
            properties: what the engine is told of it.
            ids: where arguments of `load` come from that are not in the path.

        Raises:
            ConfigurationError: `load` and `properties` without each other, or not one parameter.
        """
        if (load is None) is not (properties is None):
            raise ConfigurationError("load= and properties= go together")
        if properties is not None:
            check_predicate(properties, 1, "properties=")
        spec = None if load is None else LoadSpec(load, ids)
        return Permits(self, action, resource, id, spec, properties)

    def question(self, facts: Facts, action: str, resource: Entity) -> Question:
        principal = facts.principal
        if principal is None:
            raise EngineFailed("nobody asks")
        properties, roles = self._subject(principal), tuple(sorted(principal.roles))
        subject = Entity(self._subject_type, principal.subject, properties, roles)
        return Question(subject, action, resource, self._context(facts.context))

    def decide(self, question: Question) -> bool:
        """Answer at once. Whatever it raises means no answer."""
        raise NotImplementedError

    def wait(self, question: Question) -> Pending[bool]:
        """Answer after I/O."""
        raise NotImplementedError


class Permits(Condition):
    """See `Engine.permits`."""

    __slots__ = ("_action", "_engine", "_id", "_properties", "_resource", "_spec")

    def __init__(
        self,
        engine: Engine,
        action: str | None,
        resource: str | None,
        id: str | None,
        spec: LoadSpec | None,
        properties: Callable[[Any], Mapping[str, Any]] | None,
    ) -> None:
        self._engine = engine
        self._action = action
        self._resource = resource
        self._id = id
        self._spec = spec
        self._properties = properties

    def __repr__(self) -> str:
        parts = [repr(part) for part in (self._action, self._resource) if part is not None]
        return f"{self._engine!r}.permits({', '.join(parts)})"

    @property
    def load(self) -> LoadSpec | None:
        return self._spec

    @property
    def needs_object(self) -> bool:
        return True  # it costs more than any other condition: it comes last

    def compile(self, binding: Binding) -> Test:
        from ._asking import Asking

        load = None if self._spec is None else self._spec.bind(binding)
        asking = Asking(self._engine, self._action, load, self._properties, self._name(binding))
        binding.loads.append(asking)
        return asking.test

    def _name(self, binding: Binding) -> Callable[[Facts], tuple[str, str]]:
        """How the resource is told: its type and id."""
        template = binding.template
        if self._resource is None:
            if self._id is not None:
                raise ConfigurationError("id= needs the type of the resource as second argument")
            return lambda facts: ("Route", template.text)
        kind, known = self._resource, template.parameters
        name = self._id
        if name is None and len(known) == 1:
            (name,) = known
        if name is None or name not in known:
            raise ConfigurationError(
                f"{self!r} needs one parameter of the path {template.text!r} as the resource's id:"
                " write id='order_id'"
            )
        parameter = name
        return lambda facts: (kind, str(facts.params[parameter]))
