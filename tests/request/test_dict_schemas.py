"""Dicts that say what an answer looks like, in the forms of LangChain, pydantic and OpenAI."""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic reads typing's from Python 3.12 on
)

import pytest
from loopback import Call, LoopbackGateway, Reply
from pydantic import BaseModel
from typing_extensions import TypedDict

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._model.tool_binding import whole_response_format
from langchain_qwen36._request.dict_schema import as_function, of_typed_dict
from langchain_qwen36._request.tools import to_wire

CITY = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FUNCTION = {"name": "city", "parameters": CITY}


class Branch(BaseModel):
    """A branch of a tree."""

    leaves: int
    branches: list[Branch] = []


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"title": "city", **CITY}, id="json-schema"),
        pytest.param({"name": "city", **CITY}, id="name-in-place-of-a-title"),
        pytest.param({"name": "city", "schema": CITY}, id="openai-inner"),
        pytest.param(
            {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}, id="openai"
        ),
        pytest.param(
            {"title": "city", "$ref": "#/$defs/City", "$defs": {"City": CITY}}, id="reference"
        ),
    ],
)
def test_every_form_is_one_function(schema: dict[str, Any]) -> None:
    """A name, and the whole schema as its parameters."""
    function = as_function(schema)
    function["parameters"].pop("$defs", None)
    assert function == FUNCTION


def test_description_and_strict_stay() -> None:
    """OpenAI's form says them beside the schema."""
    inner = {"name": "city", "description": "A city.", "strict": True, "schema": CITY}
    said = {"description": "A city.", "strict": True}
    assert as_function({"type": "json_schema", "json_schema": inner}) == {**FUNCTION, **said}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"name": "city", "input_schema": CITY}, id="anthropic"),
        pytest.param({"type": "function", "function": FUNCTION}, id="openai-tool"),
        pytest.param({"type": "json_object", "name": "x"}, id="something-else"),
    ],
)
def test_a_tools_dict_is_left_to_langchain(given: dict[str, Any]) -> None:
    """Core reads it whole."""
    assert as_function(given) is given


class Place(TypedDict):
    """A place."""

    name: str
    height: NotRequired[int]


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_a_typed_dict_may_say_what_is_not_required(gateway_server: Any, method: Any) -> None:
    """Core raises an error of `typing` for it."""
    server: LoopbackGateway = gateway_server("dashscope")
    model = ChatQwen36(
        gateway="dashscope", base_url=server.base_url, api_key=server.key, enable_thinking=False
    )
    asked = model.with_structured_output(Place, method=method)
    assert asked.invoke("JSON, please.") == {"name": "some name"}
    assert "height" in str(server.bodies[-1])


def test_such_a_typed_dict_is_a_tool_too() -> None:
    """With what is required, and its docstring."""
    [tool] = to_wire([Place])
    assert tool["function"]["description"] == "A place."
    assert tool["function"]["parameters"]["required"] == ["name"]


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("row", ["dashscope", "openrouter"])
def test_the_schema_of_a_recursive_class_reaches_the_server(
    gateway_server: Any, method: Any, row: str
) -> None:
    """Pydantic writes a `$ref` at the top of it, which core would turn into no parameters."""
    server: LoopbackGateway = gateway_server(row)
    model = ChatQwen36(
        gateway=row, base_url=server.base_url, api_key=server.key, enable_thinking=False
    )
    asked = model.with_structured_output(Branch.model_json_schema(), method=method)
    assert asked.invoke("JSON, please.")["leaves"] == 1
    assert "leaves" in str(server.bodies[-1])


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_a_list_grows_while_it_is_streamed(gateway_server: Any) -> None:
    """Without the wrapper in which it is sent."""
    server: LoopbackGateway = gateway_server("dashscope")
    server.script(Reply(calls=(Call("numbers", '{"value": [1, 2]}'),)))
    schema = {"title": "numbers", "type": "array", "items": {"type": "integer"}}
    model = ChatQwen36(gateway="dashscope", base_url=server.base_url, api_key=server.key)
    pieces = list(model.with_structured_output(schema).stream("?"))
    assert pieces[-1] == [1, 2]
    assert all(isinstance(piece, list) for piece in pieces)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        pytest.param(
            {"type": "json_schema", "name": "city", "strict": True, "schema": CITY},
            {"name": "city", "strict": True, "schema": CITY},
            id="the-form-of-openais-responses",
        ),
        pytest.param(
            {"name": "city", "schema": CITY}, {"name": "city", "schema": CITY}, id="inner"
        ),
        pytest.param(
            {"type": "json_schema", "schema": CITY},
            {"name": "answer", "schema": CITY},
            id="no-name",
        ),
        pytest.param(
            {"type": "json_object", "schema": CITY},
            {"name": "answer", "schema": CITY},
            id="llamacpp",
        ),
        pytest.param(
            {**CITY, "title": "city"}, {"name": "city", "schema": CITY}, id="a-json-schema"
        ),
    ],
)
def test_a_response_format_that_is_only_a_schema_is_completed(
    gateway_server: Any, said: dict[str, Any], sent: dict[str, Any]
) -> None:
    """Servers refuse these forms, and one that takes no schema would have lost it."""
    server: LoopbackGateway = gateway_server("vllm")
    where = {"gateway": "vllm", "base_url": server.base_url, "api_key": server.key}
    model = "qwen3.6-27b"
    ChatQwen36(model=model, **where, response_format=said).invoke("JSON, please.")
    ChatQwen36(model=model, **where).invoke("JSON, please.", response_format=said)
    for body in server.bodies:
        assert body["response_format"] == {"type": "json_schema", "json_schema": sent}


@pytest.mark.parametrize(
    "own",
    [
        pytest.param({"type": "text"}, id="text"),
        pytest.param({"type": "json_object"}, id="object"),
        pytest.param({"type": "structural_tag", "format": {"type": "any_text"}}, id="servers-own"),
    ],
)
def test_a_complete_response_format_goes_as_it_is(own: dict[str, Any]) -> None:
    """Also one that only the server knows."""
    assert whole_response_format(own) is own


class Opaque:
    """A class without a schema."""


class Box(TypedDict):
    """A place."""

    where: Opaque


def test_a_typed_dict_that_nobody_can_read_is_named() -> None:
    """The reason is pydantic's."""
    with pytest.raises(ValueError, match="Box cannot be read as a schema: Unable to generate"):
        of_typed_dict(Box)
