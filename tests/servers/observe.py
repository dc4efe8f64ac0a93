"""Ask a server in every call style, and say in words what was seen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import QwenError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import AIMessage, AIMessageChunk
    from servers import Endpoint

    from langchain_qwen36 import Gateway


@dataclass(frozen=True)
class Chat:
    """Makes models at the server under test."""

    gateway: str | Gateway
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


def describe(message: AIMessage) -> str:
    """Say what a message holds: reasoning, text, tool calls, how it ended, tokens."""
    reasoning = message.additional_kwargs.get("reasoning_content", "")
    parts = [f"reasoning {reasoning.strip()!r}"] if reasoning.strip() else []
    if message.text.strip():
        parts.append(f"text {shortened(message.text.strip())!r}")
    parts += [f"call {call['name']}({call['args']})" for call in message.tool_calls]
    parts += [f"invalid call {call['name']}" for call in message.invalid_tool_calls]
    parts += ["marked as empty"] if message.response_metadata.get("empty_answer") else []
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
