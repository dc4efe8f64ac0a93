"""OpenAI's function calling of 2023: `functions=`, `function_call`, `FunctionMessage`."""

from __future__ import annotations

import json

import pytest
from langchain_core.messages import AIMessage, FunctionMessage, HumanMessage
from loopback import Call, Reply

from langchain_qwen36 import ChatQwen36

FUNCTION = {
    "name": "word_length",
    "description": "Count the letters of a word.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
}
CALL = {"name": "word_length", "arguments": '{"word": "abc"}'}


def on(server, **settings) -> ChatQwen36:
    """Return a model on a loopback gateway, without thinking."""
    return ChatQwen36(
        gateway="dashscope",
        base_url=server.base_url,
        api_key=server.key,
        enable_thinking=False,
        **settings,
    )


def test_functions_are_sent_as_tools(gateway_server):
    """`functions=` and `function_call=` become `tools` and `tool_choice`, one call at a time."""
    server = gateway_server("dashscope")
    on(server).invoke("Length of abc?", functions=[FUNCTION], function_call={"name": "word_length"})
    body = server.bodies[-1]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["word_length"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "word_length"}}
    assert "functions" not in body
    assert "function_call" not in body


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_the_call_comes_back_as_a_function_call(gateway_server, way):
    """The answer carries `additional_kwargs["function_call"]` beside its tool call."""
    server = gateway_server("dashscope")
    server.script(Reply(calls=[Call("word_length", '{"word": "abc"}')]))
    bound = on(server).bind(functions=[FUNCTION])
    if way == "invoke":
        message = bound.invoke("Length of abc?")
    else:
        first, *rest = bound.stream("Length of abc?")
        message = sum(rest, first)
    function_call = message.additional_kwargs["function_call"]
    assert function_call["name"] == "word_length"
    assert json.loads(function_call["arguments"]) == {"word": "abc"}
    assert [call["name"] for call in message.tool_calls] == ["word_length"]


def test_a_call_without_functions_has_no_function_call(gateway_server):
    """Nothing is added for those who bind tools."""
    server = gateway_server("dashscope")
    server.script(Reply(calls=[Call("word_length", '{"word": "abc"}')]))
    bound = on(server).bind_tools([{"type": "function", "function": FUNCTION}])
    assert "function_call" not in bound.invoke("Length of abc?").additional_kwargs


def test_a_history_of_functions_is_sent_as_tool_calls(gateway_server):
    """A `FunctionMessage` becomes the tool message of the latest call of its name."""
    server = gateway_server("dashscope")
    history = [
        HumanMessage("Length of abc?"),
        AIMessage("", additional_kwargs={"function_call": CALL}),
        FunctionMessage("3", name="word_length"),
    ]
    on(server).invoke(history)
    _, called, result = server.bodies[-1]["messages"]
    assert called["tool_calls"][0]["function"]["name"] == "word_length"
    assert json.loads(called["tool_calls"][0]["function"]["arguments"]) == {"word": "abc"}
    assert result["role"] == "tool"
    assert result["content"] == "3"
    assert result["tool_call_id"] == called["tool_calls"][0]["id"]


def test_an_answer_of_ours_and_its_function_message_belong_together(gateway_server):
    """A message with both a tool call and its `function_call` keeps the tool call's id."""
    server = gateway_server("dashscope")
    server.script(Reply(calls=[Call("word_length", '{"word": "abc"}')]), Reply(text="3"))
    bound = on(server).bind(functions=[FUNCTION])
    answer = bound.invoke("Length of abc?")
    before = answer.model_dump()
    bound.invoke([HumanMessage("Length of abc?"), answer, FunctionMessage("3", name="word_length")])
    _, called, result = server.bodies[-1]["messages"]
    assert result["tool_call_id"] == called["tool_calls"][0]["id"] == answer.tool_calls[0]["id"]
    assert answer.model_dump() == before


def test_broken_arguments_of_a_function_call_are_no_error(gateway_server):
    """Arguments that are no JSON go the way of every invalid tool call."""
    server = gateway_server("dashscope")
    broken = {"name": "word_length", "arguments": '{"word": '}
    history = [
        HumanMessage("Length of abc?"),
        AIMessage("", additional_kwargs={"function_call": broken}),
        FunctionMessage("unreadable", name="word_length"),
    ]
    assert on(server).invoke(history).text
