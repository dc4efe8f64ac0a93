"""What is asked of every server where an answer is cut, left or refused."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from langchain_core.messages import ChatMessage, HumanMessage
from observe import attempt, describe, in_every_style
from tool_behaviors import get_weather

if TYPE_CHECKING:
    from observe import Chat

# A red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


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


def client_leaves(chat: Chat) -> str:
    """A stream that is left after three chunks: whether the server stops writing.

    Three tries: a quick server may have written all before it sees that the client is gone.
    """
    if chat.endpoint.has_aborted is None:
        return "the server tells nobody"
    for _ in range(3):
        stream = chat(enable_thinking=False, max_tokens=800).stream("Count")
        for _ in range(3):
            next(stream)
        stream.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if chat.endpoint.has_aborted():
                return "the server stops"
            time.sleep(0.2)
    return "the server goes on"


def context_overflow(chat: Chat) -> str:
    """A prompt above the context window."""
    return in_every_style(chat(), "Hello " * 1500)


def bad_setting(chat: Chat) -> str:
    """`top_p=2`."""
    return attempt(lambda: describe(chat(top_p=2).invoke("Hello")))


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


def schema_of_no_type(chat: Chat) -> str:
    """A tool with a parameter of a type that JSON Schema does not have."""
    parameters = {"type": "object", "properties": {"city": {"type": "town"}}}
    tool = {"name": "get_weather", "description": "Weather.", "parameters": parameters}
    model = chat().bind_tools([tool], tool_choice="any")
    return attempt(lambda: describe(model.invoke("weather in Paris")))
