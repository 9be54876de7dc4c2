"""Patterns of models: what Python's `re` may judge, and what it never gets to see."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import warnings
from importlib import import_module
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall import BodyValidation, ConfigurationError
from ringwall.validation._patterns import takes_linear_time
from validation_support import ask

parser: Any = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

LINEAR = [
    "^a", r"\Aabc\Z", r"^[A-Z]{3}-\d+$", "^[A-Z0-9-]{3,20}$", r"^\d{4}-\d{2}-\d{2}$", "^a?$",
    "^(EUR|USD)$", r"^(?:v|V)\d{2}\.[^/\\\]]*$", r"^(?P<unit>kg|)[0-9]{,3}?x", r"^.{1,}+$", "^$",
    r"^\$\(\.\n\xe4*$",
]  # fmt: skip
OTHERS = [
    r"^(\D+)+$", "^(a+)+$", r"^(a|a)*$", "^(a|aa)+$", "^(?:(a+)+b|.*)$", r"^(\w+\s?)*$",
    "^(?:a*)*$", "^(?:a{1,9}){1,9}$", "^(a?){20}a{20}$", "^a?a?a?aaa$", "^a*a*b$", "^[a]*[^b]*$",
    "^(a|a)(a|a)$", "^(ab)+$", "^(?:ab){2}$", r"^(a)\1$", "^(?=a)", "^(?!a)", "(?i)^a", "^(?i:a)",
    r"\s+$", "a", "", "$", ".*^", r"^\ba", "^(a*)$", "^(a", "^a{1", "^[]a*]", "^a**", "^{",
    "^a{100}",
]  # fmt: skip
HANGS = r"^(\D+)+$"  # on letters, and a digit that is none of the ten


@pytest.mark.parametrize("pattern", LINEAR)
def test_plain_patterns_are_known_to_take_linear_time(pattern: str) -> None:
    assert takes_linear_time(pattern)


@pytest.mark.parametrize("pattern", OTHERS)
def test_of_others_it_is_not_known(pattern: str) -> None:
    assert not takes_linear_time(pattern)


def repetitions(parsed: Any, inside: bool = False) -> list[str]:
    """What Python's own parser finds that makes for a choice."""
    found = []
    for op, argument in parsed:
        kind = str(op)
        if kind.endswith("REPEAT"):
            low, high, body = argument
            assert not inside
            (one,) = body
            assert str(one[0]) in ("LITERAL", "NOT_LITERAL", "ANY", "IN")
            found += ["varying"] * (low != high)
        elif kind == "SUBPATTERN":
            found += ["group", *repetitions(argument[-1])]
        elif kind == "BRANCH":
            for branch in argument[1]:
                found += repetitions(branch)
        else:
            assert kind in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT")
    return found


pieces = st.sampled_from(
    [*r"ab.|()[]^$*+?{}\-,:=!P<>d0", "{2}", "{,3}", "(?:", "[^", r"\d", r"\Z", "[a-c]", "(?P<n>"]
)


@settings(max_examples=3000, deadline=None)
@given(st.lists(pieces, max_size=10).map(lambda parts: "^" + "".join(parts)))
def test_what_is_taken_for_plain_is_so_for_pythons_own_parser(pattern: str) -> None:
    if not takes_linear_time(pattern):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets in sets
            parsed = parser.parse(pattern)
    except re.error:  # the model does not come to be
        return
    assert str(parsed[0][0]) == "AT"
    found = repetitions(parsed)
    assert found.count("varying") <= 1
    assert found.count("group") <= 1


class Deep(msgspec.Struct):
    other: dict[Annotated[str, msgspec.Meta(pattern=HANGS)], int] | None = None
    again: Deep | None = None


@dataclasses.dataclass
class Data:
    name: Annotated[str, msgspec.Meta(pattern=HANGS)]


class Typed(TypedDict):
    names: list[Annotated[str, msgspec.Meta(pattern=HANGS)]]


class ByRe(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(regex_engine="python-re")
    name: str = pydantic.Field(pattern=HANGS)


class Holds(pydantic.BaseModel):
    inner: list[ByRe]


class Compiled(pydantic.BaseModel):
    name: str = pydantic.Field(pattern=re.compile(HANGS))


class Flagged(pydantic.BaseModel):
    name: str = pydantic.Field(pattern=re.compile("^a #*", re.VERBOSE))


TEXT = Annotated[str, pydantic.Field(pattern=HANGS)]


@pytest.mark.parametrize(
    "model",
    [
        *(Deep, Data, Typed, ByRe, Holds, Compiled, Flagged),
        pydantic.TypeAdapter(list[TEXT], config=pydantic.ConfigDict(regex_engine="python-re")),
    ],
    ids=str,
)
def test_what_python_may_take_without_end_for_is_a_start_up_error(model: Any) -> None:
    with pytest.raises(ConfigurationError, match="POST /v1/orders has Python's re judge"):
        BodyValidation({"POST /v1/orders": model})


class Judged(msgspec.Struct):
    """As the error teaches."""

    name: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": HANGS})]


class Default(pydantic.BaseModel):
    name: TEXT
    pattern: str | None = None


class Plain(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(regex_engine="python-re")
    name: str = pydantic.Field(pattern=r"^\D+$")
    other: str = pydantic.Field("a", json_schema_extra={"pattern": HANGS})
    code: str = pydantic.Field("a", pattern=re.compile("^[a-z]$"))


class Struct(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(pattern=r"^\D+$")]


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
@pytest.mark.parametrize("model", [Judged, Default, Plain, Struct])
def test_no_text_makes_a_model_hang(interface: str, model: Any) -> None:
    """Python's `re` would take longer than the universe is old for some of these."""
    layer = BodyValidation({"POST /v1/orders": model})
    for end in ("", "!", "1", "\u0663", "\ufeff"):
        name = "a" * 100 + end
        answer = ask(layer, interface, json.dumps({"name": name}).encode())
        assert answer.called or answer.refused(422, "invalid-body")
        assert answer.called == (not end.isdigit()) or end == "\u0663"
