"""Builders that tests share: a tool, a schema, a model on a loopback gateway, scripted answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.tools import tool
from loopback import Raw
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from loopback import LoopbackGateway


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"18 degrees in {city}"


class City(BaseModel):
    """A city."""

    name: str
    population: int


def model_on(server: LoopbackGateway, model: str = "qwen3.6-plus", **settings: Any) -> ChatQwen36:
    """Return a model at a loopback gateway."""
    target = {"gateway": server.row, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(model=model, **target, **settings)


def streamed(model: BaseChatModel) -> AIMessage:
    """Return the message of a stream, merged as LangChain's users merge it."""
    return add_ai_message_chunks(*model.stream("Hi"))


def answer(content: str | None = "Hello", **message: Any) -> Raw:
    """Return a whole completion with this message."""
    assistant = {"role": "assistant", "content": content, **message}
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, "message": assistant, "finish_reason": finish}
    return Raw(body={"id": "chatcmpl-1", "model": "qwen3.6-plus", "choices": [choice]})


def turns(called: AIMessage, result: str = "18 degrees") -> list[BaseMessage]:
    """Return a question, the message that calls tools, and a result for every call."""
    calls = [*called.tool_calls, *called.invalid_tool_calls]
    results = [ToolMessage(result, tool_call_id=call["id"]) for call in calls]
    return [HumanMessage("What is the weather?"), called, *results]


def weather_call(**message: Any) -> AIMessage:
    """Return an assistant message that calls `get_weather` and has no text."""
    call = {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1", "type": "tool_call"}
    return AIMessage(**{"content": "", "tool_calls": [call], **message})
