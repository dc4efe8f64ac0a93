"""Pains P53 to P62 of the peers' users, each on the wire; see also `test_compared`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from answers import call_chunks, text_chunks, tool_delta
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from loopback import Raw
from pained import answer, get_weather, model_on, streamed, turns, weather_call

from langchain_qwen36 import QwenWarning
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

IMAGE = {"type": "image", "url": "https://example.com/a.png"}


def test_p53_an_image_in_a_tool_result_moves_behind_the_results(gateway_server: Server) -> None:
    """Two tools at once: both results stay together, the image follows as a user's."""
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


def test_p54_text_blocks_become_a_string(gateway_server: Server) -> None:
    """For tool, system and assistant, where servers take strings only."""
    server = gateway_server("dashscope")
    server.script(answer())
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    called = AIMessage(blocks, tool_calls=weather_call().tool_calls)
    result = ToolMessage(blocks, tool_call_id="call_1")
    model_on(server).invoke([SystemMessage(blocks), HumanMessage("Hi"), called, result])
    sent = server.bodies[0]["messages"]
    assert [m["content"] for m in sent if m["role"] in ("system", "tool")] == ["a\nb", "a\nb"]
    assert isinstance(sent[2]["content"], str)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, True, id="default"),
        pytest.param({"parallel_tool_calls": False}, False, id="not-wanted"),
    ],
)
def test_p56_parallel_calls_are_asked_for(
    gateway_server: Server, said: dict, expected: bool
) -> None:
    """Alibaba's servers give one call a turn unless they are told."""
    server = gateway_server("dashscope")
    server.script(answer())
    model_on(server).bind_tools([get_weather], **said).invoke("Hi")
    assert server.bodies[0]["parallel_tool_calls"] is expected


def test_p57_a_budget_above_the_maximum_is_clamped(gateway_server: Server) -> None:
    """To the model's own, with a warning."""
    server = gateway_server("dashscope")
    model = model_on(server, "qwen3.6-27b", thinking_budget=10**6)
    with pytest.warns(QwenWarning, match="thinking_budget|above the model's maximum"):
        model.invoke("Hi")
    assert server.bodies[0]["thinking_budget"] == 81_920
    assert server.requests[0].status == 200


def test_p57_a_budget_of_nothing_is_no_thinking(gateway_server: Server) -> None:
    """And no budget; one beside thinking that is off is dropped."""
    server = gateway_server("dashscope")
    for said in ({"thinking_budget": 0}, {"thinking_budget": 100, "enable_thinking": False}):
        model_on(server, "qwen3.6-27b", **said).invoke("Hi")
    for body in server.bodies:
        assert (body["enable_thinking"], "thinking_budget" in body) == (False, False)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("dashscope", {"enable_thinking": False}, id="top"),
        pytest.param("openrouter", {"reasoning": {"enabled": False}}, id="object"),
        pytest.param("vercel", {"reasoning": {"enabled": False}}, id="object-too"),
        pytest.param("vllm", {"chat_template_kwargs": {"enable_thinking": False}}, id="template"),
        pytest.param("ollama", {"reasoning_effort": "none"}, id="effort"),
    ],
)
def test_p58_no_effort_is_no_thinking(gateway_server: Server, row: str, expected: dict) -> None:
    """In each server's words, and never by way of another API."""
    server = gateway_server(row)
    message = model_on(server, "qwen3.6-27b", reasoning_effort="none").invoke("Hi")
    body = server.bodies[0]
    thinking = ("enable_thinking", "reasoning", "chat_template_kwargs", "reasoning_effort")
    assert {key: body[key] for key in thinking if key in body} == expected
    assert "reasoning_content" not in message.additional_kwargs
    assert server.requests[0].path.endswith("/chat/completions")


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


@pytest.mark.parametrize(("content", "provider"), FOREIGN)
def test_p60_a_turn_of_another_provider_goes_on(
    gateway_server: Server, content: list, provider: str
) -> None:
    """Its text and its calls are sent; blocks and thoughts that only it can read are not."""
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


BEGUN = AIMessage("Well,", additional_kwargs={"partial": True})


@pytest.mark.parametrize(
    ("row", "thinks", "last", "words"),
    [
        pytest.param("dashscope", True, AIMessage("Well,"), "add a HumanMessage", id="not-begun"),
        pytest.param("llamacpp", True, BEGUN, "enable_thinking=False", id="not-while-thinking"),
        pytest.param("vllm", False, BEGUN, "does not continue", id="never"),
    ],
)
def test_p61_a_last_message_of_the_assistant_is_refused_before_it_is_sent(
    gateway_server: Server, row: str, thinks: bool, *, last: AIMessage, words: str
) -> None:
    """With words on what to do; the server would answer a 400, or worse."""
    server = gateway_server(row)
    model = model_on(server, "qwen3.6-27b", enable_thinking=thinks, strict_history=True)
    with pytest.raises(MessageError, match=words):
        model.invoke([HumanMessage("Hi"), last])
    assert server.requests == []


@pytest.mark.parametrize(
    ("row", "mark"),
    [
        pytest.param("dashscope", {"partial": True}, id="marked"),
        pytest.param("llamacpp", {}, id="bare"),
    ],
)
def test_p61_a_begun_answer_is_continued(gateway_server: Server, row: str, mark: dict) -> None:
    """Where the server does it, in its own way."""
    server = gateway_server(row)
    model_on(server, "qwen3.6-27b", enable_thinking=False).invoke([HumanMessage("Hi"), BEGUN])
    assert server.bodies[0]["messages"][-1] == {"role": "assistant", "content": "Well,", **mark}
    assert server.requests[0].status == 200


@pytest.mark.parametrize(
    ("payloads", "finish", "native"),
    [
        pytest.param(
            call_chunks(tool_delta("{}", index=0, id="c1", name="act"), finish="stop"),
            "tool_calls",
            "stop",
            id="stop-with-calls",
        ),
        pytest.param(
            text_chunks(["a"], finish="tool_calls"), "stop", "tool_calls", id="calls-without-any"
        ),
    ],
)
def test_p62_the_finish_reason_is_what_came(
    gateway_server: Server, payloads: list, finish: str, native: str
) -> None:
    """A loop must neither end early nor never; the server's own word is kept."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=payloads))
    metadata = streamed(model_on(server)).response_metadata
    assert (metadata["finish_reason"], metadata["native_finish_reason"]) == (finish, native)
