"""`ChatQwen36` on the real engine and the scripted model: every call style, tools, its end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.cli import main
from langchain_qwen36.errors import EngineError
from langchain_qwen36.local import shared_engine

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("_scripted_engine")]

HELLO = ("Hello, my friend!", "The user greets me.\n", "stop", 10)


@pytest.fixture
def model() -> ChatQwen36:
    """Return a model on the embedded engine, which plays the scripts of tests/scripted."""
    return ChatQwen36(gateway="local", temperature=0)


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


def summary(message: AIMessage) -> tuple[str, str, str, int]:
    """Text, reasoning, finish reason and output tokens of a message in any shape."""
    reasoning = message.additional_kwargs.get("reasoning_content", "")
    finish = message.response_metadata["finish_reason"]
    return message.text, reasoning, finish, message.usage_metadata["output_tokens"]


def merged(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """Chunks added up."""
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


async def test_all_call_styles_agree(model: ChatQwen36) -> None:
    """Invoke, stream, their async twins and v3 events give one answer, with reasoning and usage."""
    stream = await model.astream_events("Hello", version="v3")
    messages = [
        model.invoke("Hello"),
        merged(list(model.stream("Hello"))),
        await model.ainvoke("Hello"),
        merged([chunk async for chunk in model.astream("Hello")]),
        model.stream_events("Hello", version="v3").output,
        await stream.output,
    ]
    assert [summary(message) for message in messages] == [HELLO] * 6


def test_a_tool_is_called_and_its_result_is_used(model: ChatQwen36) -> None:
    """A forced call comes back with its arguments, and the result leads to the answer."""
    bound = model.bind_tools([get_weather], tool_choice="any")
    asked = bound.invoke("What is the weather in Paris?")
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    result = ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"])
    answer = model.bind_tools([get_weather]).invoke(
        [("user", "What is the weather in Paris?"), asked, result]
    )
    assert answer.text == "It is 18 degrees in Paris today."


def test_an_answer_keeps_to_a_schema(model: ChatQwen36) -> None:
    """The server's grammar lets an answer through that fits the schema."""
    schema = {
        "title": "City",
        "type": "object",
        "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
        "required": ["city", "population"],
    }
    found = model.with_structured_output(schema, method="json_schema").invoke("Describe Paris.")
    assert found == {"city": "Paris", "population": 2_100_000}


def test_questions_of_a_batch_get_their_own_answers(model: ChatQwen36) -> None:
    """Parallel slots: what one question is answered never reaches another."""
    questions = ["Hello", "What is the capital of Italy?"] * 4
    answers = [answer.text for answer in model.batch(questions)]
    assert answers == ["Hello, my friend!", "The capital of Italy is Rome."] * 4


def test_an_engine_that_dies_says_why(model: ChatQwen36) -> None:
    """A call on a dead engine raises the engine's error, not a connection's; the next one works."""
    stream = model.stream("Count", enable_thinking=False)
    next(stream)
    os.kill(shared_engine().pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="died"):
        list(stream)
    assert summary(model.invoke("Hello")) == HELLO


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("models", "Qwen3.6-27B", id="models"),
        pytest.param("doctor", "ok    server    it has Qwen3.6-27B", id="doctor"),
    ],
)
def test_the_commands_reach_it_past_any_proxy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, expected: str
) -> None:
    """Both start the engine, and ask it directly, as a model does."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert main([command, "--gateway", "local"]) == 0
    assert expected in capsys.readouterr().out
