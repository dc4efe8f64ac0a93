"""A conversation that changes its model: ours, ChatOpenAI and ChatAnthropic read each other.

Messages are made by the other packages' own code from answers of a server of ours, or are the
shapes those packages document.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from agent_tools import WEATHER, ask, get_weather, model_on, said
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

ANSWER = "The tools say: 18 degrees in Paris"
CALL: dict[str, Any] = {
    "name": "get_weather",
    "args": {"city": "Paris"},
    "id": "call_1",
    "type": "tool_call",
}

ANTHROPIC = AIMessage(
    [
        {"type": "thinking", "thinking": "A secret thought.", "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
        {"type": "text", "text": "I will look.", "citations": []},
        {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}},
    ],
    tool_calls=[CALL],
    id="msg_01",
    response_metadata={"model_provider": "anthropic", "stop_reason": "tool_use"},
)
RESPONSES = AIMessage(
    [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "A secret thought."}],
            "encrypted_content": "c2VjcmV0",
        },
        {"type": "text", "text": "I will look.", "annotations": [], "id": "msg_1"},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "get_weather",
            "arguments": '{"city": "Paris"}',
        },
    ],
    tool_calls=[CALL],
    id="resp_1",
    response_metadata={"model_provider": "openai", "id": "resp_1"},
)
CHAT_COMPLETIONS = AIMessage(
    "I will look.",
    tool_calls=[CALL],
    additional_kwargs={"refusal": None},
    response_metadata={"model_provider": "openai", "finish_reason": "tool_calls"},
)
STANDARD = AIMessage(
    [
        {"type": "reasoning", "reasoning": "A secret thought.", "extras": {"signature": "x"}},
        {"type": "text", "text": "I will look."},
        {"type": "tool_call", "id": "call_1", "name": "get_weather", "args": {"city": "Paris"}},
    ],
    tool_calls=[CALL],
    response_metadata={"model_provider": "google_genai", "output_version": "v1"},
)
GEMINI = AIMessage(
    [
        {"type": "thinking", "thinking": "A secret thought."},
        {"type": "text", "text": "I will look.", "extras": {"signature": "c2ln"}},
    ],
    tool_calls=[CALL],
    additional_kwargs={
        "function_call": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
        "__gemini_function_call_thought_signatures__": {"call_1": "c2ln"},
    },
    response_metadata={"model_provider": "google_genai"},
)
SERVER_TOOLS = AIMessage(
    [
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []},
        {"type": "text", "text": "I will look."},
        {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}},
    ],
    tool_calls=[CALL],
    response_metadata={"model_provider": "anthropic"},
)

FOREIGN = pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(ANTHROPIC, id="anthropic"),
        pytest.param(RESPONSES, id="openai-responses"),
        pytest.param(CHAT_COMPLETIONS, id="openai-chat"),
        pytest.param(STANDARD, id="standard-blocks"),
        pytest.param(GEMINI, id="gemini"),
        pytest.param(SERVER_TOOLS, id="server-tools"),
    ],
)
ROWS = pytest.mark.parametrize("row", ["dashscope", "openrouter", "vllm"])


def talk(foreign: AIMessage) -> list[BaseMessage]:
    """Return a conversation in which another model called a tool."""
    result = ToolMessage("18 degrees in Paris", tool_call_id="call_1", name="get_weather")
    return [SystemMessage("Be brief."), HumanMessage(WEATHER), foreign, result]


@FOREIGN
@ROWS
def test_another_models_turn_is_taken_over(
    gateway_server: Server, foreign: AIMessage, row: str
) -> None:
    """Text and calls stay, what only its own maker can read goes, and nothing is refused."""
    server = gateway_server(row)
    agent = create_agent(model_on(server), [get_weather])
    found = agent.invoke({"messages": talk(foreign)})
    sent = server.bodies[0]["messages"][2]
    assert found["messages"][-1].text == ANSWER
    assert text_of(sent) == "I will look."
    assert [call["function"]["name"] for call in sent["tool_calls"]] == ["get_weather"]
    assert "signature" not in str(sent)
    assert not {"c2VjcmV0", "rs_1", "srv_1", "cmVkYWN0ZWQ="} & set(str(sent).split("'"))


@FOREIGN
def test_the_callers_messages_are_left_as_they_were(
    gateway_server: Server, foreign: AIMessage
) -> None:
    """What was passed is read, not written."""
    messages = talk(foreign)
    before = [message.model_copy(deep=True) for message in messages]
    model_on(gateway_server()).bind_tools([get_weather]).invoke(messages)
    assert messages == before


def text_of(sent: dict[str, Any]) -> str:
    """Return the text of a body's message in either form."""
    content = sent["content"]
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


def ours(server: LoopbackGateway, **settings: Any) -> list[BaseMessage]:
    """Return a conversation in which our model thought, called a tool and answered."""
    agent = create_agent(model_on(server, **settings), [get_weather])
    found: list[BaseMessage] = agent.invoke(ask(WEATHER))["messages"]
    return found


VERSIONS = pytest.mark.parametrize("version", ["v0", "v1"])


@VERSIONS
@ROWS
def test_chat_openai_goes_on_with_our_conversation(
    gateway_server: Server, version: str, row: str
) -> None:
    """ChatOpenAI sends our turns to a strict server: known parts only, calls with their results."""
    history = ours(gateway_server(row), output_version=version)
    server = gateway_server("openai-compatible")
    other = ChatOpenAI(model="qwen3.6-27b", base_url=server.base_url, api_key=server.key)
    found = other.bind_tools([get_weather]).invoke([*history, HumanMessage("Thanks.")])
    assert found.text == "You said: Thanks."
    body = server.bodies[-1]["messages"]
    assert [m["role"] for m in body] == ["user", "assistant", "tool", "assistant", "user"]
    assert text_of(body[3]) == ANSWER
    assert part_types(body) <= {"text"}


def part_types(messages: list[dict[str, Any]]) -> set[str]:
    """Return the kinds of content parts in a body."""
    contents = (m["content"] for m in messages if isinstance(m.get("content"), list))
    return {part["type"] for content in contents for part in content}


@VERSIONS
@ROWS
def test_anthropics_package_can_say_our_conversation(
    gateway_server: Server, version: str, row: str
) -> None:
    """Its own converter finds text and calls in our turns, and nothing it does not know."""
    history = ours(gateway_server(row), output_version=version)
    # Imported here: it takes over a second, and every worker imports every file of tests.
    chat_anthropic = import_module("langchain_anthropic").ChatAnthropic
    claude = chat_anthropic(model="claude-sonnet-5", api_key="test")
    messages = claude._get_request_payload([*history, HumanMessage("Thanks.")])["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "user", "assistant", "user"]
    call = messages[1]["content"][0]
    assert (call["type"], call["input"]) == ("tool_use", {"city": "Paris"})
    assert messages[2]["content"][0]["tool_use_id"] == call["id"]
    assert text_of(messages[3]) == ANSWER
    assert part_types(messages) <= {"text", "tool_use", "tool_result"}


def test_there_and_back_again(gateway_server: Server) -> None:
    """Ours, then ChatOpenAI with a tool, then ours: one thread, every turn kept."""
    server, other = gateway_server("dashscope"), gateway_server("openai-compatible")
    openai = ChatOpenAI(model="qwen3.6-27b", base_url=other.base_url, api_key=other.key)
    first = create_agent(model_on(server), [get_weather]).invoke(ask(WEATHER))["messages"]
    second = create_agent(openai, [get_weather]).invoke(
        {"messages": [*first, HumanMessage("And get_weather in 'Rome'?")]}
    )["messages"]
    third = create_agent(model_on(server), [get_weather]).invoke(
        {"messages": [*second, HumanMessage("Thanks.")]}
    )["messages"]
    assert third[-1].text == "You said: Thanks."
    providers = [message.response_metadata["model_provider"] for message in said(third)]
    assert providers == ["qwen36", "qwen36", "openai", "openai", "qwen36"]
    assert {request.status for request in (*server.requests, *other.requests)} == {200}


def test_thoughts_of_another_model_stay_at_home(gateway_server: Server) -> None:
    """Foreign reasoning is not replayed as ours, unless all reasoning is asked for."""
    server = gateway_server("dashscope")
    model_on(server).bind_tools([get_weather]).invoke(talk(ANTHROPIC))
    assert "A secret thought." not in str(server.bodies[-1]["messages"])


def test_a_stream_of_another_package_is_a_turn_too(gateway_server: Server) -> None:
    """Chunks added up are sent as the message they are."""
    server, other = gateway_server("dashscope"), gateway_server("openai-compatible")
    openai = ChatOpenAI(model="qwen3.6-27b", base_url=other.base_url, api_key=other.key)
    head, *chunks = openai.bind_tools([get_weather]).stream(WEATHER)
    called = sum(chunks, head)
    results = [get_weather.invoke(call) for call in called.tool_calls]
    found = model_on(server).invoke([HumanMessage(WEATHER), called, *results])
    assert found.text == ANSWER


def test_an_id_without_a_form_is_kept(gateway_server: Server) -> None:
    """A call's id of any form goes through, for its result must name it."""
    server = gateway_server("dashscope")
    call = {**CALL, "id": "toolu_01|ü/?"}
    foreign = AIMessage("", tool_calls=[call])
    result = ToolMessage("18 degrees in Paris", tool_call_id=call["id"])
    found = model_on(server).invoke([HumanMessage(WEATHER), foreign, result])
    assert found.text == ANSWER
