"""What is asked of every server, each written as a function that returns what was seen, in words."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    ToolMessage,
)
from scripted_model import ScriptedModel

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import QwenError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage
    from servers import Endpoint


@dataclass(frozen=True)
class Chat:
    """Makes models at the server under test."""

    gateway: str
    endpoint: Endpoint

    def __call__(self, **settings: Any) -> ChatQwen36:
        """Return a model with these settings beside the server's own."""
        return ChatQwen36(
            **{
                "model": self.endpoint.model,
                "gateway": self.gateway,
                "base_url": self.endpoint.base_url,
                "api_key": self.endpoint.api_key,
                "temperature": 0,
                "max_retries": 0,
                "max_tokens": 300,
                "timeout": 60,
                **settings,
            }
        )


CITY = {
    "title": "City",
    "description": "A city.",
    "type": "object",
    "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["city", "population"],
}
# A red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"18 degrees in {city}"


def get_time(city: str) -> str:
    """Get the time in a city."""
    return f"noon in {city}"


# --- what was seen, in words


def describe(message: AIMessage) -> str:
    """Say what a message holds: reasoning, text, tool calls, how it ended, tokens."""
    reasoning = message.additional_kwargs.get("reasoning_content", "")
    parts = [f"reasoning {reasoning.strip()!r}"] if reasoning.strip() else []
    if message.text.strip():
        parts.append(f"text {shortened(message.text.strip())!r}")
    parts += [f"call {call['name']}({call['args']})" for call in message.tool_calls]
    parts += [f"invalid call {call['name']}" for call in message.invalid_tool_calls]
    usage = message.usage_metadata
    tokens = usage["output_tokens"] if usage else None
    return ", ".join(
        [*parts, str(message.response_metadata.get("finish_reason")), f"{tokens} tokens"]
    )


def shortened(text: str, size: int = 60) -> str:
    """Return a text with its middle left out."""
    return text if len(text) <= size else f"{text[: size // 2]}…{text[-size // 2 :]}"


def in_every_style(model: Any, question: Any, **kwargs: Any) -> str:
    """Ask in six call styles; say what was seen once where they agree, else by style."""
    seen = dict(_styles(model, question, kwargs))
    if len(set(seen.values())) == 1:
        return next(iter(seen.values()))
    return "; ".join(f"{style}: {what}" for style, what in seen.items())


def _styles(model: Any, question: Any, kwargs: dict[str, Any]) -> Any:
    yield "invoke", attempt(lambda: describe(model.invoke(question, **kwargs)))
    yield "stream", attempt(lambda: describe(_sum(list(model.stream(question, **kwargs)))))
    yield "events", attempt(lambda: describe(_output(model, question, kwargs)))
    yield "ainvoke", attempt(lambda: describe(asyncio.run(model.ainvoke(question, **kwargs))))
    yield "astream", attempt(lambda: describe(asyncio.run(_astream(model, question, kwargs))))
    yield "aevents", attempt(lambda: describe(asyncio.run(_aoutput(model, question, kwargs))))


def attempt(call: Callable[[], str]) -> str:
    """Return what a call returns, or the name of its error."""
    try:
        return call()
    except (QwenError, UnsupportedSettingError) as error:
        return type(error).__name__


def _sum(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


def _output(model: Any, question: Any, kwargs: dict[str, Any]) -> AIMessage:
    return model.stream_events(question, version="v3", **kwargs).output


async def _astream(model: Any, question: Any, kwargs: dict[str, Any]) -> AIMessageChunk:
    return _sum([chunk async for chunk in model.astream(question, **kwargs)])


async def _aoutput(model: Any, question: Any, kwargs: dict[str, Any]) -> AIMessage:
    stream = await model.astream_events(question, version="v3", **kwargs)
    return await stream.output


# --- behaviors


def chat(chat: Chat) -> str:
    """A question, thinking on."""
    return in_every_style(chat(), "Hello")


def thinking_off(chat: Chat) -> str:
    """`enable_thinking=False`."""
    return in_every_style(chat(enable_thinking=False), "Hello")


def thinking_budget(chat: Chat) -> str:
    """`thinking_budget=2`."""
    return in_every_style(chat(thinking_budget=2), "Hello")


def effort_none(chat: Chat) -> str:
    """`reasoning_effort="none"`."""
    return in_every_style(chat(reasoning_effort="none"), "Hello")


def effort_low(chat: Chat) -> str:
    """`reasoning_effort="low"`."""
    return in_every_style(chat(reasoning_effort="low"), "Hello")


def reasoning_sent_back(chat: Chat) -> str:
    """`replay_reasoning="all"`: whether the prompt grows by the earlier reasoning."""
    thought = "word " * 200
    history = [
        HumanMessage("Hello"),
        AIMessage("Hi", additional_kwargs={"reasoning_content": thought}),
        HumanMessage("Hello"),
    ]
    return _in_the_prompt(chat(replay_reasoning="all"), chat(replay_reasoning="never"), history)


def preserve_thinking(chat: Chat) -> str:
    """`preserve_thinking=True`: whether the prompt grows by the earlier reasoning."""
    thought = "word " * 200
    history = [
        HumanMessage("Hello"),
        AIMessage("Hi", additional_kwargs={"reasoning_content": thought}),
        HumanMessage("Hello"),
    ]
    return _in_the_prompt(chat(preserve_thinking=True), chat(replay_reasoning="never"), history)


def _in_the_prompt(with_it: Any, without: Any, history: list[BaseMessage]) -> str:
    sizes = [model.invoke(history).usage_metadata["input_tokens"] for model in (with_it, without)]
    return "the prompt holds it" if sizes[0] > sizes[1] + 200 else f"not in the prompt: {sizes}"


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


def logprobs(chat: Chat) -> str:
    """`logprobs=True`: for how many tokens they come."""

    def ask() -> str:
        found = (
            chat(logprobs=True, top_logprobs=1).invoke("Hello").response_metadata.get("logprobs")
        )
        return "none" if not found else f"for {len(found['content'])} tokens"

    return attempt(ask)


def two_choices(chat: Chat) -> str:
    """`n=2`."""

    def ask() -> str:
        result = chat(n=2, temperature=0.1).generate([[HumanMessage("Hello")]])
        return " | ".join(describe(choice.message) for choice in result.generations[0])

    return attempt(ask)


def stop(chat: Chat) -> str:
    """`stop=["my"]`, a word of the answer."""
    return in_every_style(chat(), "Hello", stop=["my"])


def seed(chat: Chat) -> str:
    """`seed=7`."""
    return attempt(lambda: describe(chat(seed=7).invoke("Hello")))


def cut_in_reasoning(chat: Chat) -> str:
    """`max_tokens=4`: amid the thoughts."""
    return in_every_style(chat(max_tokens=4), "Hello")


def cut_in_text(chat: Chat) -> str:
    """`max_tokens=2`, thinking off: amid the answer."""
    return in_every_style(chat(max_tokens=2, enable_thinking=False), "Hello")


def cut_in_call(chat: Chat) -> str:
    """`max_tokens=10`: amid a tool call."""
    return in_every_style(chat(max_tokens=10).bind_tools([get_weather]), "weather in Paris")


def lone_closing_tag(chat: Chat) -> str:
    """The model closes thoughts that it did not open."""
    return in_every_style(chat(), "a lone tag")


def long_answer(chat: Chat) -> str:
    """800 tokens."""
    return in_every_style(chat(enable_thinking=False), "Count")


def context_overflow(chat: Chat) -> str:
    """A prompt above the context window."""
    return in_every_style(chat(), "Hello " * 1500)


def unknown_model(chat: Chat) -> str:
    """A model that is not served."""
    return attempt(lambda: describe(chat(model="qwen3-none").invoke("Hello")))


def wrong_key(chat: Chat) -> str:
    """A key that is not the server's."""
    return attempt(lambda: describe(chat(api_key="sk-wrong").invoke("Hello")))


def bad_role(chat: Chat) -> str:
    """A message of a role that Qwen's templates do not know."""
    messages = [ChatMessage("Hello", role="developer"), HumanMessage("Hello")]
    return attempt(lambda: describe(chat().invoke(messages)))


def image_to_a_text_model(chat: Chat) -> str:
    """An image, our own check lifted."""
    content = [
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        {"type": "text", "text": "Hello"},
    ]
    return attempt(lambda: describe(chat(force=True).invoke([HumanMessage(content)])))


def client_leaves(chat: Chat) -> str:
    """A stream that is left after three chunks: whether the server stops writing."""
    stream = chat(enable_thinking=False, max_tokens=800).stream("Count")
    for _ in range(3):
        next(stream)
    stream.close()
    if chat.endpoint.has_aborted is None:
        return "the server tells nobody"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if chat.endpoint.has_aborted():
            return "the server stops"
        time.sleep(0.2)
    return "the server goes on"


def usage(chat: Chat) -> str:
    """Whether the counted tokens are those of the script."""
    message = chat().invoke("Hello")
    script = ScriptedModel("xml").steps["hello"][0][1]
    counted = message.usage_metadata["output_tokens"]
    return "as many as the script has" if counted == len(script) else f"{counted} of {len(script)}"


BEHAVIORS: dict[str, Callable[[Chat], str]] = {
    function.__name__: function
    for function in (
        chat, thinking_off, thinking_budget, effort_none, effort_low, reasoning_sent_back,
        preserve_thinking, tools_auto, tools_any, tools_by_name, tools_none, tools_parallel,
        tools_without_thinking, call_inside_reasoning, agent, structured_function_calling,
        structured_json_schema, structured_json_mode, logprobs, two_choices, stop, seed,
        cut_in_reasoning, cut_in_text, cut_in_call, lone_closing_tag, long_answer, client_leaves,
        context_overflow, unknown_model, wrong_key, bad_role, image_to_a_text_model, usage,
    )
}  # fmt: skip
