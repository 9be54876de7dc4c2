"""Which rules govern a route: some path that both match is made up, and the policy is asked."""

from __future__ import annotations

import re

from .._template import INT, KINDS, UUID_KIND, Kind, Template
from ..authz import Policy
from ..authz.rules import EVERY
from ._frameworks import TAIL, Mixed, Route, Segment

_KIND = re.compile(r"\{([a-z]+)\}")
_EXAMPLES = {INT: "7", UUID_KIND: "0b9b9a3c-0a3e-4c1a-9a55-6a3a5e3c1111"}


def rules_for(policy: Policy, route: Route) -> list[str]:
    """The names of the rules that govern paths of the route; none: it is closed."""
    if route.segments is None:
        return []
    methods = [route.method] if route.method != "ANY" else [m for m in EVERY if m != "WEBSOCKET"]
    names: dict[str, None] = {}
    for rule in policy.rules:
        path = None if rule.effect == "forbid" else _common(route.segments, rule.template)
        for method in methods if path is not None else ():
            governing = policy.match(method, path or "").rule
            if governing is not None:
                names[governing.name + (" (shadow)" if governing.shadow else "")] = None
    return list(names)


def _common(route: tuple[Segment, ...], template: Template) -> str | None:
    """A path that both match, or None."""
    below = bool(route) and route[-1] == TAIL
    mine = list(route[:-1] if below else route)
    its: list[str | Kind] = [s if isinstance(s, str) else s.kind for s in template.segments]
    if len(mine) < len(its):
        if not below:
            return None
        mine += its[len(mine) :]
    elif len(its) < len(mine) and not template.below:
        return None
    parts = [_both(a, b) for a, b in zip(mine, its)]  # noqa: B905  its may be shorter
    if None in parts:
        return None
    if below and template.below and len(mine) == len(its):
        mine.append("x")
    rest = [_example(segment) for segment in mine[len(its) :]]
    if template.below and not rest:
        return None  # `/**` is what lies below
    if below and not template.below and len(route) > len(its):
        return None
    return "/" + "/".join([*map(str, parts), *rest])


def _both(mine: Segment, its: str | Kind) -> str | None:
    """A segment that both match."""
    if isinstance(its, Kind):
        if isinstance(mine, Kind) and mine.type is str:
            return _example(its)
        example = _example(mine)
        return example if its.read(example) is not None else None
    if isinstance(mine, Kind):
        return its if mine.read(its) is not None else None
    return its if mine == its else None


def _example(segment: Segment) -> str:
    if isinstance(segment, Mixed):
        return segment.example
    if isinstance(segment, str):
        return segment
    if segment.type is tuple:  # parameters between literal text
        return _KIND.sub(lambda found: _example(KINDS[found[1]]), segment.name)
    return _EXAMPLES.get(segment, "x")
