"""`ChatQwen36` on the real engine: the same question in every call style, and its end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import EngineError
from langchain_qwen36.local import shared_engine

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk

pytestmark = pytest.mark.engine

QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def model() -> ChatQwen36:
    """Return the embedded engine's tiny model, as repeatable as it gets."""
    return ChatQwen36(gateway="local", temperature=0, seed=7, thinking_budget=48, max_tokens=120)


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


def told(message: AIMessage) -> tuple[str, str, str]:
    """Text, thoughts and finish of a message in any shape."""
    thoughts = message.additional_kwargs["reasoning_content"]
    return message.text, thoughts, message.response_metadata["finish_reason"]


def merged(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """Chunks added up."""
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


async def test_all_call_styles_agree(model: ChatQwen36) -> None:
    """Invoke, stream, their async twins and v3 events give one answer, with thoughts and usage."""
    invoked = model.invoke(QUESTION)
    streamed = merged(list(model.stream(QUESTION)))
    awaited = await model.ainvoke(QUESTION)
    astreamed = merged([chunk async for chunk in model.astream(QUESTION)])
    events = model.stream_events(QUESTION, version="v3").output
    stream = await model.astream_events(QUESTION, version="v3")
    aevents = await stream.output
    messages = [invoked, streamed, awaited, astreamed, events, aevents]
    assert [told(message) for message in messages] == [told(invoked)] * 6
    assert "Paris" in invoked.text
    assert invoked.additional_kwargs["reasoning_content"]
    counted = {message.usage_metadata["output_tokens"] for message in messages}
    assert len(counted) == 1


def test_a_tool_is_called_and_its_result_is_used(model: ChatQwen36) -> None:
    """A forced call comes back with arguments that fit, and the answer tells the result."""
    bound = model.bind_tools([get_weather], tool_choice="any")
    asked = bound.invoke("What is the weather in Paris?")
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    result = ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"])
    answer = model.bind_tools([get_weather]).invoke(
        [("user", "What is the weather in Paris?"), asked, result]
    )
    assert "rain" in answer.text + answer.additional_kwargs["reasoning_content"]


def test_an_answer_keeps_to_a_schema(model: ChatQwen36) -> None:
    """The server's grammar holds the answer to the schema."""
    schema = {
        "title": "City",
        "type": "object",
        "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
        "required": ["city", "population"],
    }
    found = model.with_structured_output(schema, method="json_schema").invoke("Describe Paris.")
    assert {key: type(value) for key, value in found.items()} == {"city": str, "population": int}


def test_two_requests_are_answered_at_once(model: ChatQwen36) -> None:
    """Parallel slots: a batch gives each question its own answer."""
    answers = model.batch([QUESTION, "What is the capital of Italy?"])
    assert [word in answer.text for word, answer in zip(("Paris", "Rome"), answers, strict=True)]


def test_an_engine_that_dies_says_why() -> None:
    """A call on a dead engine raises the engine's error, not a connection's; the next one works."""
    model = ChatQwen36(gateway="local", temperature=0, max_tokens=40)
    stream = model.stream("Count to a hundred, in words, one number a line.")
    next(stream)
    os.kill(shared_engine().pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="died"):
        list(stream)
    assert model.invoke(QUESTION, thinking_budget=16).usage_metadata["output_tokens"] > 0
