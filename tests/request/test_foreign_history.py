"""Whatever a caller's history holds ends in a request or in an error that names the message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from answers import completion
from foreign_values import PYTHON
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import tool_call

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import MessageError, QwenError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage

History = list["BaseMessage"]
USER = HumanMessage("Hi")


def made(cls: type[BaseMessage], content: Any = "text", **fields: Any) -> BaseMessage:
    """Make a message as a checkpoint may hold it: pydantic has looked at nothing."""
    message = cls(
        content="text",
        **{ToolMessage: {"tool_call_id": "c"}, ChatMessage: {"role": "user"}}.get(cls, {}),
    )
    for name, value in {"content": content, **fields}.items():
        message.__dict__[name] = value
    return message


def answered(content: Any = "text", **fields: Any) -> History:
    """Return a history whose answer has these fields."""
    return [USER, made(AIMessage, content, **fields), USER]


def called(value: dict[str, Any], **result: Any) -> History:
    """Return a history with a tool call of these fields, and its result."""
    call = {**tool_call(name="f", args={}, id="c"), **value}
    return [USER, made(AIMessage, tool_calls=[call]), made(ToolMessage, **result)]


FIELDS: dict[str, Callable[[Any], History]] = {
    "content": lambda value: [made(HumanMessage, value)],
    "block": lambda value: [made(HumanMessage, [value])],
    "name": lambda value: [made(HumanMessage, name=value)],
    "id": lambda value: [made(HumanMessage, id=value)],
    "role": lambda value: [made(ChatMessage, role=value)],
    "system": lambda value: [made(SystemMessage, value), USER],
    "arguments": lambda value: called({"args": {"a": value}}),
    "all-arguments": lambda value: called({"args": value}),
    "tool-call-id": lambda value: called({"id": value}, tool_call_id=value),
    "tool-name": lambda value: called({"name": value}),
    "tool-call": lambda value: answered(tool_calls=[value]),
    "tool-calls": lambda value: answered(tool_calls=value),
    "invalid-call": lambda value: answered(
        invalid_tool_calls=[{"name": value, "args": value, "id": "c", "error": value}]
    ),
    "result": lambda value: called({}, content=value),
    "result-block": lambda value: called({}, content=[value]),
    "artifact": lambda value: called({}, artifact=value),
    "status": lambda value: called({}, status=value),
    "usage": lambda value: answered(usage_metadata=value),
    "additional": lambda value: answered(additional_kwargs=value),
    **{
        f"additional-{name}": lambda value, name=name: answered(additional_kwargs={name: value})
        for name in ("reasoning_content", "reasoning_details", "tool_calls", "function_call")
    },
    **{
        f"metadata-{name}": lambda value, name=name: answered(response_metadata={name: value})
        for name in ("model_provider", "output_version", "finish_reason", "gateway", "model_name")
    },
    **{
        f"{kind}-{name}": lambda value, kind=kind, name=name: [
            made(HumanMessage, [{"type": kind, "text": "t", name: value}])
        ]
        for kind in ("text", "image_url", "video", "input_audio", "file")
        for name in ("text", "url", "image_url", "data", "cache_control", "fps", "extras")
    },
    **{
        f"answer-{kind}-{name}": lambda value, kind=kind, name=name: answered(
            [{"type": kind, "text": "t", name: value}]
        )
        for kind in ("text", "reasoning", "thinking", "tool_call", "non_standard")
        for name in ("text", "reasoning", "summary", "args", "id", "value", "index")
    },
}
"""By name: a history with a value in one field."""


@pytest.fixture(scope="module")
def model() -> ChatQwen36:
    """Return a model whose server answers whatever it is sent."""
    body = json.dumps(completion({"content": "Hello"})).encode()
    client = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    )
    return ChatQwen36(
        gateway="dashscope", api_key="sk-0123456789", http_client=client, prompt_cache="auto"
    )


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(sorted(FIELDS)), st.sampled_from(range(len(PYTHON))))
@pytest.mark.filterwarnings("ignore")
def test_a_foreign_value_in_a_history(model: ChatQwen36, field: str, number: int) -> None:
    """Any value in any field is sent, or refused with an error of ours before anything is sent."""
    history = FIELDS[field](PYTHON[number])
    try:
        assert model._generate(history).generations[0].message.text == "Hello"
    except (MessageError, UnsupportedSettingError, QwenError) as error:
        str(error)  # may not raise another one
