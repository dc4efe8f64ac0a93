"""Structured output for types that are no class: lists, unions, literals, enums."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from typing import Literal, Optional, TypedDict

import pytest
from langchain_core.exceptions import OutputParserException
from loopback import Call, Reply
from pydantic import BaseModel, RootModel, TypeAdapter

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model.value_schema import wrap


class City(BaseModel):
    """A city."""

    name: str


class River(BaseModel):
    """A river."""

    length: int


class Cities(RootModel[list[City]]):
    """A list with a name."""


class Color(enum.Enum):
    """A color."""

    RED = "red"
    GREEN = "green"


class Opaque:
    """A class that pydantic knows no fields of."""


class Town(TypedDict):
    """A town."""

    name: str


def on(server) -> ChatQwen36:
    """Return a model on a loopback gateway, without thinking."""
    return ChatQwen36(
        gateway="dashscope", base_url=server.base_url, api_key=server.key, enable_thinking=False
    )


def name_of(schema) -> str:
    """Return the name of the tool that carries a schema's answer."""
    return schema.get("title", "answer") if isinstance(schema, dict) else "Answer"


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        pytest.param(list[int], "[1, 2]", [1, 2], id="list-of-numbers"),
        pytest.param(list[City], '[{"name": "Paris"}]', [City(name="Paris")], id="list-of-objects"),
        pytest.param(Optional[City], '{"name": "Paris"}', City(name="Paris"), id="optional"),  # noqa: UP045
        pytest.param(City | River, '{"length": 777}', River(length=777), id="union"),
        pytest.param(Literal["a", "b"], '"b"', "b", id="literal"),
        pytest.param(int, "7", 7, id="number"),
        pytest.param(Color, '"green"', Color.GREEN, id="enum"),
        pytest.param(Cities, '[{"name": "Paris"}]', Cities([City(name="Paris")]), id="root"),
        pytest.param(date, '"2026-12-01"', date(2026, 12, 1), id="date"),
        pytest.param(Decimal, '"0.1"', Decimal("0.1"), id="decimal"),
        pytest.param(
            {"title": "cities", "type": "array", "items": {"type": "string"}},
            '["Paris"]',
            ["Paris"],
            id="list-as-a-json-schema",
        ),
        pytest.param(
            TypeAdapter(City | River).json_schema(),
            '{"length": 777}',
            {"length": 777},
            id="union-as-a-json-schema",
        ),
    ],
)
class TestEveryMethod:
    def test_by_function_calling(self, gateway_server, schema, written, value):
        """The type is the field `value` of a tool's arguments; the answer is the value."""
        server = gateway_server("dashscope")
        server.script(Reply(calls=[Call(name_of(schema), f'{{"value": {written}}}')]))
        assert on(server).with_structured_output(schema).invoke("?") == value
        (tool,) = server.bodies[-1]["tools"]
        assert list(tool["function"]["parameters"]["properties"]) == ["value"]

    @pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
    def test_by_json(self, gateway_server, schema, written, value):
        """JSON text holds the same object."""
        server = gateway_server("dashscope")
        server.script(Reply(text=f'{{"value": {written}}}'))
        answer = on(server).with_structured_output(schema, method="json_schema").invoke("?")
        assert answer == value

    def test_streamed(self, gateway_server, schema, written, value):
        """The last object of a stream is the value."""
        server = gateway_server("dashscope")
        server.script(Reply(calls=[Call(name_of(schema), f'{{"value": {written}}}')]))
        assert list(on(server).with_structured_output(schema).stream("?"))[-1] == value


def test_a_list_without_its_wrapper_is_read(gateway_server):
    """Models write a bare list where JSON mode lets them."""
    server = gateway_server("dashscope")
    server.script(Reply(text="[1, 2]"))
    asked = on(server).with_structured_output(list[int], method="json_mode")
    assert asked.invoke("Give JSON.") == [1, 2]


def test_a_value_of_another_type_is_an_error(gateway_server):
    """The value is validated as a field would be."""
    server = gateway_server("dashscope")
    server.script(Reply(calls=[Call("Answer", '{"value": ["x"]}')]))
    with pytest.raises(OutputParserException, match="valid integer"):
        on(server).with_structured_output(list[int]).invoke("?")


def test_a_type_that_no_json_schema_can_say_is_refused():
    """The error says to wrap it in a class."""
    model = ChatQwen36(gateway="dashscope", api_key="sk-1")
    with pytest.raises(ValueError, match="wrap it in a pydantic class"):
        model.with_structured_output(list[Opaque])


@pytest.mark.parametrize("schema", [None, City, Town, {"title": "city", "type": "object"}], ids=str)
def test_classes_and_dicts_are_not_wrapped(schema):
    """What has fields of its own goes as it is."""
    assert wrap(schema) is None
