"""Models: judged as their JSON Schema, closed, and handed over as instances."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
import subprocess
import sys
import uuid
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from ringwall import BodyValidation, ConfigurationError
from validation_support import ask


class Line(msgspec.Struct):
    sku: Annotated[str, msgspec.Meta(min_length=1)]
    qty: int


class StructOrder(msgspec.Struct):
    id: uuid.UUID
    lines: list[Line]
    at: datetime.datetime | None = None

    def __post_init__(self) -> None:
        if len(self.lines) > 2:
            raise ValueError("secret")


@dataclasses.dataclass
class DataLine:
    sku: str
    qty: int


@dataclasses.dataclass
class DataOrder:
    id: uuid.UUID
    lines: list[DataLine]
    at: datetime.datetime | None = None


class DictLine(TypedDict):
    sku: str
    qty: int


class DictOrder(TypedDict, total=False):
    id: uuid.UUID
    lines: list[DictLine]
    at: datetime.datetime | None


class ModelLine(pydantic.BaseModel):
    sku: str = pydantic.Field(min_length=1)
    qty: int


class ModelOrder(pydantic.BaseModel):
    id: uuid.UUID
    lines: list[ModelLine]
    at: datetime.datetime | None = None

    @pydantic.field_validator("lines")
    @classmethod
    def few(cls, lines: list[ModelLine]) -> list[ModelLine]:
        if len(lines) > 2:
            raise ValueError("secret")
        return lines


ID = "0b9b9a3c-0a3e-4c1a-9a55-6a3a5e3c1111"
LINE = {"sku": "kettle", "qty": 1}
MODELS = [StructOrder, DataOrder, DictOrder, ModelOrder, pydantic.TypeAdapter(ModelOrder)]
models = pytest.mark.parametrize(
    "model", MODELS, ids=["struct", "dataclass", "typeddict", "pydantic", "adapter"]
)


def layer_for(model: Any) -> BodyValidation:
    return BodyValidation({"POST /v1/orders": model})


def order(**members: Any) -> bytes:
    return json.dumps({"id": ID, "lines": [LINE], **members}).encode()


@models
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_the_app_gets_the_instance(model: Any, interface: str) -> None:
    answer = ask(layer_for(model), interface, order(at="2026-01-02T03:04:05Z"))
    value = answer.value if isinstance(answer.value, dict) else _members(answer.value)
    assert value["id"] == uuid.UUID(ID)
    assert value["at"] == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    if model in (StructOrder, DataOrder, ModelOrder):
        assert type(answer.value) is model


def _members(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in ("id", "lines", "at")}


@models
@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"id": "x"}, "#/id"),
        ({"id": 7}, "#/id"),
        ({"lines": [{"sku": "a", "qty": "5"}]}, "#/lines/0/qty"),
        ({"lines": [{"sku": "a", "qty": True}]}, "#/lines/0/qty"),
        ({"lines": [{**LINE, "is_admin": True}]}, "#/lines/0"),
        ({"is_admin": True}, "#"),
        ({"lines": {}}, "#/lines"),
    ],
)
def test_what_is_not_as_the_model_says_is_422(
    model: Any, members: dict[str, Any], where: str
) -> None:
    """Also what the model's library would coerce ("5") or drop (is_admin)."""
    answer = ask(layer_for(model), "wsgi", order(**members))
    assert answer.refused(422, "invalid-body")
    assert where in [error["pointer"] for error in answer.problem["errors"]]


@pytest.mark.parametrize("model", [StructOrder, ModelOrder])
def test_the_models_own_checks_run_and_their_words_stay_inside(model: Any) -> None:
    answer = ask(layer_for(model), "asgi", order(lines=[LINE] * 3))
    assert answer.refused(422, "invalid-body")
    assert answer.problem["errors"] == [
        {"pointer": "#", "code": "model", "detail": "Breaks a rule of its model."}
    ]
    assert b"secret" not in answer.body


def test_whether_an_integer_may_have_a_zero_fraction_is_up_to_the_library() -> None:
    """JSON Schema allows 2.0, and so does pydantic; msgspec does not."""
    body = order(lines=[{"sku": "a", "qty": 2.0}])
    taken = ask(layer_for(ModelOrder), "asgi", body).value.lines[0].qty
    assert (taken, type(taken)) == (2, int)
    assert ask(layer_for(StructOrder), "asgi", body).refused(422, "invalid-body")


class Open(pydantic.BaseModel, extra="allow"):
    a: int = 0


def test_a_model_that_takes_more_stays_open() -> None:
    assert ask(layer_for(Open), "wsgi", b'{"b": 1}').called


class Filter(pydantic.BaseModel):
    op: Literal["not"]
    arg: Filter | int


class Price(pydantic.BaseModel):
    amount: decimal.Decimal
    image: bytes = b""


def test_recursive_models_and_formats_of_libraries_compile() -> None:
    layer = BodyValidation({"POST /v1/orders": Filter, "POST /prices": Price, "PUT /p": list[Line]})
    assert ask(layer, "wsgi", b'{"op":"not","arg":{"op":"not","arg":1}}').called
    assert ask(layer, "wsgi", b'{"op":"not","arg":{"op":"not","arg":"x"}}').refused(
        422, "invalid-body"
    )
    assert ask(layer, "wsgi", b'{"amount":"1.50"}', path="/prices").called


class Pattern(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(regex_engine="python-re")
    name: str = pydantic.Field(pattern="^(?!x)")


@pydantic.dataclasses.dataclass
class PydanticData:
    a: int


def test_a_pydantic_dataclass_is_a_model_of_pydantic() -> None:
    assert ask(layer_for(PydanticData), "wsgi", b'{"a":1}').value == PydanticData(1)


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("Order", "no schema and no model"),
        (None, "no schema and no model"),
        (object(), "no JSON Schema"),
        (complex, "no JSON Schema"),
        (pydantic.TypeAdapter(pydantic.types.Callable[[], int]), "no JSON Schema"),
        (Pattern, "Python's re"),
    ],
    ids=["name", "none", "object", "complex", "callable", "lookaround"],
)
def test_what_is_no_model_is_a_start_up_error(model: Any, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        layer_for(model)


def test_pydantic_is_not_imported_for_others() -> None:
    code = """
import sys, dataclasses
from ringwall import BodyValidation
@dataclasses.dataclass
class Order:
    item: str
BodyValidation({"POST /": Order})
print("pydantic" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
