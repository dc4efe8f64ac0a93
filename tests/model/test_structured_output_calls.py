"""Structured output over a gateway: what is requested, and where the structure is read."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from builders import City, answer, model_on
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway, Raw

    Server = Callable[..., LoopbackGateway]


def settings_of(model: ChatQwen36) -> dict[str, Any]:
    """All that can be set on a model."""
    return {name: copy.deepcopy(getattr(model, name)) for name in ChatQwen36.model_fields}


@pytest.mark.pain("P06")
@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_structured_output_leaves_the_model_thinking(gateway_server: Server, method: Any) -> None:
    """Thinking is off for the structured call only: the next plain call thinks."""
    server = gateway_server("dashscope")
    model = model_on(server, "qwen3.6-27b", enable_thinking=True)
    before = settings_of(model)
    model.with_structured_output(City, method=method).invoke("The city 'Paris' has 1 people.")
    model.invoke("Hi")
    thinks = [body["enable_thinking"] for body in server.bodies]
    assert (thinks, settings_of(model)) == ([False, True], before)


@pytest.mark.pain("P34")
@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_json_mode_adds_the_word_json_to_the_sent_copy(gateway_server: Server) -> None:
    """The word JSON is added to the sent messages of JSON mode, never to the caller's."""
    server = gateway_server("dashscope")
    messages = [HumanMessage("The city 'Paris' has 2100000 people.")]
    before = copy.deepcopy(messages)
    result = model_on(server).with_structured_output(City, method="json_mode").invoke(messages)
    assert result == City(name="Paris", population=2_100_000)
    assert "json" in str(server.bodies[0]["messages"]).lower()
    assert messages == before


PARIS = '{"name": "Paris", "population": 1}'


@pytest.mark.pain("P35")
@pytest.mark.parametrize(
    ("response", "method"),
    [
        pytest.param(answer(PARIS), "function_calling", id="text-instead-of-a-call"),
        pytest.param(answer(f"Here:\n```json\n{PARIS}\n```"), "json_schema", id="fenced"),
        pytest.param(answer("", reasoning_content=PARIS), "function_calling", id="reasoning"),
    ],
)
def test_a_structure_is_read_from_text_fences_and_reasoning(
    gateway_server: Server, response: Raw, method: Any
) -> None:
    """A structure is read from text, a code fence or the reasoning, whatever was requested."""
    server = gateway_server("vllm")
    server.script(response)
    model = model_on(server, "qwen3.6-27b").with_structured_output(City, method=method)
    assert model.invoke("Paris?") == City(name="Paris", population=1)


@pytest.mark.pain("P35")
def test_reasoning_without_a_structure_is_a_parser_error(
    gateway_server: Server,
) -> None:
    """A message of reasoning without a structure raises a parser error that says so, never None."""
    server = gateway_server("vllm")
    server.script(answer("", reasoning_content="Hm, Paris."))
    model = model_on(server, "qwen3.6-27b").with_structured_output(City)
    with pytest.raises(OutputParserException, match="all thinking"):
        model.invoke("Paris?")
