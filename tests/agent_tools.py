"""What the agents of these tests are made of: tools, a schema, a model on a gateway of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loopback import LoopbackGateway


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"18 degrees in {city}"


@tool
def break_down(part: str) -> str:
    """Break a part."""
    raise OSError(f"{part} is stuck")


class City(BaseModel):
    """A city."""

    name: str
    population: int


WEATHER = "What is the weather in Paris? Use get_weather."
BOTH = "Use add on 3 and 4, and get_weather in Paris."
CITY = "What is the weather in Paris, with its 2100000 people?"
PARIS = City(name="Paris", population=2_100_000)


def model_on(server: LoopbackGateway, **settings: Any) -> ChatQwen36:
    """Return the model that every gateway has, at one of ours."""
    where = {"base_url": server.base_url, "api_key": server.key, "gateway": server.row.name}
    return ChatQwen36(**{"model": "qwen3.6-27b", **where, **settings})


def ask(text: str) -> dict[str, Any]:
    """Return an agent's input."""
    return {"messages": [{"role": "user", "content": text}]}


def said(messages: Iterable[BaseMessage]) -> list[AIMessage]:
    """Return what the model said."""
    return [message for message in messages if isinstance(message, AIMessage)]


def results(messages: Iterable[BaseMessage]) -> list[tuple[str, str]]:
    """Return what the tools said: status and text."""
    return [(m.status, m.text) for m in messages if isinstance(m, ToolMessage)]


def total_tokens(messages: Iterable[BaseMessage]) -> int:
    """Return what the answers say they used."""
    return sum(m.usage_metadata["total_tokens"] for m in said(messages) if m.usage_metadata)


def thoughts(message: AIMessage) -> str:
    """Return the reasoning of a message, read as a UI reads it."""
    blocks = message.content_blocks
    return "".join(b.get("reasoning", "") for b in blocks if b["type"] == "reasoning")
