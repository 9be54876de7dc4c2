"""All rules of a policy, arranged so that the ones for a request are found at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from .._errors import ConfigurationError
from .._template_index import Params, TemplateIndex
from ._compiled import CompiledRule, Match
from ._overlay import Overlay
from .rules import Rule

_NOTHING = Match(None, {}, None)
_new = object.__new__
# The methods it is about (None: every one there is) and the rule.
_Forbid: TypeAlias = tuple["frozenset[str] | None", CompiledRule]


class Rulebook:
    """Finds the rule that governs and those that forbid.

    Parameters:
        rules: each as written and compiled.

    Attributes:
        finders: by method, what finds the rule that governs a path, with the path's parameters.
            None are here where there are rules that forbid: what `match` finds counts alone then.

    Raises:
        ConfigurationError: two rules for the same method and path, or of one name.
    """

    __slots__ = ("_forbids", "_tables", "finders")

    def __init__(self, rules: Sequence[tuple[Rule, CompiledRule]]) -> None:
        _check_distinct([rule for rule, _ in rules])
        chosen: dict[str, dict[object, tuple[Rule, CompiledRule]]] = {}
        # The later replace the earlier: `*`, then HEAD by way of GET, then methods by name.
        for rank in (_any, _implied, _named):
            for rule, ready in rules:
                if rule.effect != "forbid":
                    for method in rank(rule, ready):
                        chosen.setdefault(method, {})[rule.template.shape] = rule, ready
        self._tables: dict[str, TemplateIndex[CompiledRule]] = _tables(chosen)
        self._forbids: Overlay[_Forbid] | None = None
        for rule, ready in rules:
            if rule.effect == "forbid":
                self._forbids = self._forbids or Overlay()
                every = rule.methods == ("*",)
                self._forbids.put(rule.template, (None if every else ready.methods, ready))

        self.finders: dict[str, Callable[[str], tuple[CompiledRule, Params] | None]] = {}
        if self._forbids is None:
            self.finders = {method: table.find for method, table in self._tables.items()}

    def match(self, method: str, path: str) -> Match:
        """See `Policy.match`."""
        table = self._tables.get(method)
        found = None if table is None else table.find(path)
        if found is None:
            return self._unmatched(method, path)
        rule, params = found
        match = _new(Match)  # as its __init__ does, without the call
        match.rule, match.params, match.template = rule, params or {}, rule.template
        if params is None:
            match.canonical = False
        if self._forbids is not None:
            match.forbids = _forbidding(self._forbids, method, path)
        return match

    def _unmatched(self, method: str, path: str) -> Match:
        """No rule for this method: is there one for another? A websocket is no HTTP method."""
        found = {m: t.find(path) for m, t in self._tables.items() if m != "WEBSOCKET"}
        near = {m: hit[0] for m, hit in found.items() if hit is not None}
        if not near or method == "WEBSOCKET":
            return _NOTHING
        rule = next(iter(near.values()))
        match = Match(None, {}, rule.template)
        match.methods = tuple(sorted(near))
        return match


def _tables(
    chosen: dict[str, dict[object, tuple[Rule, CompiledRule]]],
) -> dict[str, TemplateIndex[CompiledRule]]:
    """One table for each method; methods with the same rules, such as GET and HEAD, share one."""
    tables: dict[str, TemplateIndex[CompiledRule]] = {}
    for method, pairs in chosen.items():
        same = next((other for other in tables if chosen[other] == pairs), None)
        if same is None:
            table = tables[method] = TemplateIndex[CompiledRule]()
            for rule, ready in pairs.values():
                table.put(rule.template, ready)
        else:
            tables[method] = tables[same]
    return tables


def _forbidding(
    overlay: Overlay[_Forbid], method: str, path: str
) -> tuple[tuple[CompiledRule, dict[str, Any] | None], ...]:
    return tuple(
        (rule, params)
        for (methods, rule), params in overlay.find(path)
        if methods is None or method in methods
    )


def _any(rule: Rule, ready: CompiledRule) -> Iterable[str]:
    return ready.methods if rule.methods == ("*",) else ()


def _implied(rule: Rule, ready: CompiledRule) -> Iterable[str]:
    return ("HEAD",) if "GET" in rule.methods else ()


def _named(rule: Rule, ready: CompiledRule) -> Iterable[str]:
    return () if rule.methods == ("*",) else rule.methods


def _check_distinct(rules: Sequence[Rule]) -> None:
    seen: dict[object, Rule] = {}
    names: set[str] = set()
    for rule in rules:
        for method in rule.methods if rule.effect != "forbid" else ():
            other = seen.setdefault((method, rule.template.shape), rule)
            if other is not rule:
                raise ConfigurationError(
                    f"two rules for {method} {rule.template.text!r}: {other.name!r} and"
                    f" {rule.name!r}; join their conditions with & or |"
                )
    for rule in rules:
        if rule.name in names:
            raise ConfigurationError(f"two rules have the name {rule.name!r}; give name=")
        names.add(rule.name)
