"""Messages of tools, of other providers and of the assistant, adapted to what servers take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import answer, model_on, turns, weather_call
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

IMAGE = {"type": "image", "url": "https://example.com/a.png"}


@pytest.mark.pain("P53")
def test_an_image_in_a_tool_result_moves_behind_all_results(gateway_server: Server) -> None:
    """An image in a tool result is sent as a user message behind all results of the turn."""
    server = gateway_server("dashscope")
    server.script(answer())
    call = weather_call().tool_calls[0]
    called = AIMessage("", tool_calls=[call, call | {"id": "call_2"}])
    text = {"type": "text", "text": "The sky."}
    model_on(server, "qwen3.6-27b").invoke(
        [
            HumanMessage("What is the weather?"),
            called,
            ToolMessage([text, IMAGE], tool_call_id="call_1"),
            ToolMessage("18 degrees", tool_call_id="call_2"),
        ]
    )
    sent = server.bodies[0]["messages"][2:]
    assert [message["role"] for message in sent] == ["tool", "tool", "user"]
    assert [message["content"] for message in sent[:2]] == ["The sky.", "18 degrees"]
    images = [part for part in sent[2]["content"] if part["type"] == "image_url"]
    assert images == [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]


@pytest.mark.pain("P54")
def test_text_blocks_of_tools_system_and_assistant_become_a_string(gateway_server: Server) -> None:
    """Text blocks of tool, system and assistant messages are sent as one string."""
    server = gateway_server("dashscope")
    server.script(answer())
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    called = AIMessage(blocks, tool_calls=weather_call().tool_calls)
    result = ToolMessage(blocks, tool_call_id="call_1")
    model_on(server).invoke([SystemMessage(blocks), HumanMessage("Hi"), called, result])
    sent = server.bodies[0]["messages"]
    assert [m["content"] for m in sent if m["role"] in ("system", "tool")] == ["a\nb", "a\nb"]
    assert isinstance(sent[2]["content"], str)


FOREIGN = [
    pytest.param(
        [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"},
            {"type": "text", "text": "Hello"},
            {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}},
        ],
        "anthropic",
        id="anthropic",
    ),
    pytest.param(
        [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xyz"},
            {"type": "text", "text": "Hello", "annotations": [], "id": "msg_1"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        ],
        "openai",
        id="responses",
    ),
    pytest.param(
        [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"},
            {"type": "text", "text": "Hello", "extras": {"signature": "c2ln"}},
            {"type": "executable_code", "executable_code": "print(1)", "language": "python"},
        ],
        "google_genai",
        id="google",
    ),
    pytest.param(
        [
            {"reasoning_content": {"text": "Hm."}, "type": "reasoning_content"},
            {"text": "Hello", "type": "text"},
        ],
        "bedrock_converse",
        id="bedrock",
    ),
]


@pytest.mark.pain("P60")
@pytest.mark.parametrize(("content", "provider"), FOREIGN)
def test_a_turn_of_another_provider_is_sent_without_its_own_blocks(
    gateway_server: Server, content: list, provider: str
) -> None:
    """Another provider's text and calls are sent, and its own blocks and reasoning are not."""
    server = gateway_server("dashscope")
    server.script(answer())
    metadata = {"model_provider": provider}
    calls = weather_call().tool_calls
    called = AIMessage(content, tool_calls=calls, response_metadata=metadata)
    model_on(server).invoke(turns(called))
    sent = server.bodies[0]["messages"][1]
    assert sent.keys() == {"role", "content", "tool_calls"}
    assert sent["content"] == "Hello"
    assert [call["id"] for call in sent["tool_calls"]] == ["call_1"]


PREFIX = AIMessage("Well,", additional_kwargs={"partial": True})


@pytest.mark.pain("P61")
@pytest.mark.parametrize(
    ("gateway", "thinks", "last", "words"),
    [
        pytest.param("dashscope", True, AIMessage("Well,"), "add a HumanMessage", id="not-partial"),
        pytest.param("llamacpp", True, PREFIX, "enable_thinking=False", id="not-while-thinking"),
        pytest.param("vllm", False, PREFIX, "does not continue", id="never"),
    ],
)
def test_a_last_assistant_message_is_refused_before_it_is_sent(
    gateway_server: Server, gateway: str, thinks: bool, *, last: AIMessage, words: str
) -> None:
    """A last assistant message that no server continues raises an error naming the fix, unsent."""
    server = gateway_server(gateway)
    model = model_on(server, "qwen3.6-27b", enable_thinking=thinks, strict_history=True)
    with pytest.raises(MessageError, match=words):
        model.invoke([HumanMessage("Hi"), last])
    assert server.requests == []


@pytest.mark.pain("P61")
@pytest.mark.parametrize(
    ("gateway", "mark"),
    [
        pytest.param("dashscope", {"partial": True}, id="marked"),
        pytest.param("llamacpp", {}, id="bare"),
    ],
)
def test_a_partial_assistant_message_is_continued(
    gateway_server: Server, gateway: str, mark: dict
) -> None:
    """A partial assistant message is sent in the form of the server that continues it."""
    server = gateway_server(gateway)
    model_on(server, "qwen3.6-27b", enable_thinking=False).invoke([HumanMessage("Hi"), PREFIX])
    assert server.bodies[0]["messages"][-1] == {"role": "assistant", "content": "Well,", **mark}
    assert server.requests[0].status == 200
