"""Conditions on the object itself: what stops broken object level authorization (OWASP API1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._condition import Condition
from ._facts import Facts
from ._loader import Loader
from ._loading import LoadSpec
from ._on_object import OnObject
from ._owned import Owned
from ._predicate import ask, check_predicate, name_of
from ._sources import Source


def owner(load: Loader | Callable[..., Any], attribute: str = "owner", **ids: Source) -> Condition:
    """The principal's subject owns the object.

    Subjects are unique within an issuer only (RFC 7519 section 4.1.2): with several issuers add
    `attribute("principal.issuer", ...)`, or compare more with `when`.

    Parameters:
        load: fetches the object by the ids that its parameters name: those of the path template,
            or those in `ids`; a parameter `principal` gets the principal. A sync function is
            called inline, an async one serves ASGI only; see `Loader` for both forms.
            If it returns None or raises, the request is refused as if the object were another's.
        attribute: the object's attribute or key with the owner's id, dotted if nested.
        ids: where ids come from that are not in the path: `order_id=body("/order_id", int)`.

    Raises:
        ConfigurationError: no such parameter in the path, or of another type.

    >>> orders = {1001: {"owner": "alice"}}
    >>> def load_order(order_id: int):
    ...     return orders.get(order_id)
    >>> owner(load_order)
    owner(load_order)
    """
    return Owned(LoadSpec(load, ids), attribute)


def when(
    load: Loader | Callable[..., Any], predicate: Callable[[Any, Any], bool], **ids: Source
) -> Condition:
    """A predicate holds for the principal and the object.

    Parameters:
        load: fetches the object, as for `owner`.
        predicate: `predicate(principal, resource)`, pure, returning True or False; anything else
            counts as unknown. In a `forbid` rule the principal may be None.
        ids: where ids come from that are not in the path.

    Raises:
        ConfigurationError: as for `owner`, or no such predicate.

    >>> def load_order(order_id: int):
    ...     return {"watchers": ["bob"]}
    >>> when(load_order, lambda principal, order: principal.subject in order["watchers"])
    when(load_order, <lambda>)
    """
    spec = LoadSpec(load, ids)
    check_predicate(predicate, 2, "when(load, predicate)")

    def judge(facts: Facts, resource: Any) -> bool | None:
        return ask(predicate, facts, facts.principal, resource)

    return OnObject(f"when({spec!r}, {name_of(predicate)})", spec, judge)
