"""What is asked of every server about tools and structured output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from observe import attempt, describe, in_every_style

if TYPE_CHECKING:
    from observe import Chat

CITY = {
    "title": "City",
    "description": "A city.",
    "type": "object",
    "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["city", "population"],
}


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"18 degrees in {city}"


def get_time(city: str) -> str:
    """Get the time in a city."""
    return f"noon in {city}"


def tools_auto(chat: Chat) -> str:
    """Tools bound, the model's own choice."""
    return in_every_style(chat().bind_tools([get_weather]), "weather in Paris")


def tools_any(chat: Chat) -> str:
    """`tool_choice="any"` with two tools."""
    model = chat().bind_tools([get_weather, get_time], tool_choice="any")
    return in_every_style(model, "weather in Paris")


def tools_by_name(chat: Chat) -> str:
    """`tool_choice="get_weather"` with two tools."""
    model = chat().bind_tools([get_weather, get_time], tool_choice="get_weather")
    return in_every_style(model, "weather in Paris")


def tools_none(chat: Chat) -> str:
    """`tool_choice="none"`, to which the model pays no heed."""
    model = chat().bind_tools([get_weather], tool_choice="none")
    return in_every_style(model, "weather in Paris")


def tools_parallel(chat: Chat) -> str:
    """Two calls in one answer."""
    model = chat().bind_tools([get_weather], parallel_tool_calls=True)
    return in_every_style(model, "weather of both")


def tools_not_parallel(chat: Chat) -> str:
    """`parallel_tool_calls=False`, where the model writes two."""
    model = chat().bind_tools([get_weather], parallel_tool_calls=False)
    # With what tokens a grammar ends an answer early is nobody's promise.
    return re.sub(r", \d+ tokens", "", in_every_style(model, "weather of both"))


def tools_strict(chat: Chat) -> str:
    """`bind_tools(strict=True)`."""
    return in_every_style(chat().bind_tools([get_weather], strict=True), "weather in Paris")


def tools_twice(chat: Chat) -> str:
    """`n=2` with tools."""

    def ask() -> str:
        bound = chat(n=2, temperature=0.1).bind_tools([get_weather])
        result = bound.bound.generate([[HumanMessage("weather in Paris")]], **bound.kwargs)
        return " | ".join(describe(choice.message) for choice in result.generations[0])

    return attempt(ask)


def tool_result_as_list(chat: Chat) -> str:
    """A tool result that is a list of text blocks, as MCP adapters write it."""
    call = {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1"}
    blocks = [{"type": "text", "text": "18 degrees"}, {"type": "text", "text": "sunny"}]
    history = [
        HumanMessage("weather in Paris"),
        AIMessage("", tool_calls=[call]),
        ToolMessage(blocks, tool_call_id="call_1"),
    ]
    return in_every_style(chat().bind_tools([get_weather]), history)


def tools_without_thinking(chat: Chat) -> str:
    """A call, thinking off."""
    return in_every_style(chat(enable_thinking=False).bind_tools([get_weather]), "weather in Paris")


def call_inside_reasoning(chat: Chat) -> str:
    """The model writes a call before it closes its thoughts."""
    return in_every_style(chat().bind_tools([get_weather]), "call it inside")


def agent(chat: Chat) -> str:
    """`create_agent`: a call, its result, the answer."""
    from langchain.agents import create_agent

    result = create_agent(chat(), [get_weather]).invoke(
        {"messages": [("user", "weather in Paris")]}
    )
    messages = result["messages"]
    return " → ".join(
        f"tool {message.content!r}" if isinstance(message, ToolMessage) else describe(message)
        for message in messages[1:]
    )


def structured_function_calling(chat: Chat) -> str:
    """`with_structured_output(method="function_calling")`."""
    return _structured(chat, "function_calling")


def structured_json_schema(chat: Chat) -> str:
    """`with_structured_output(method="json_schema")`."""
    return _structured(chat, "json_schema")


def structured_json_mode(chat: Chat) -> str:
    """`with_structured_output(method="json_mode")`."""
    return _structured(chat, "json_mode")


def _structured(chat: Chat, method: str) -> str:
    model = chat().with_structured_output(CITY, method=method)
    whole = attempt(lambda: str(model.invoke("Describe Paris as JSON")))
    *_, last = [str(part) for part in model.stream("Describe Paris as JSON")] or ["nothing"]
    return whole if whole == last else f"invoke: {whole}; stream: {last}"


def structured_with_reasoning(chat: Chat) -> str:
    """`method="json_schema"`, `include_raw=True`: the value, and the message that it is from."""
    model = chat().with_structured_output(CITY, method="json_schema", include_raw=True)

    def ask() -> str:
        result = model.invoke("Describe Paris as JSON")
        return f"{result['parsed']} of {describe(result['raw'])}"

    return attempt(ask)
