"""Asking for a whole answer: in one piece or streamed inside, and once more where that helps."""

from __future__ import annotations

from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import add_usage

from langchain_qwen36._call import StreamCall, apost, post
from langchain_qwen36._wire import response
from langchain_qwen36._wire.stream import StreamReader

if TYPE_CHECKING:
    from langchain_core.outputs import ChatResult

    from langchain_qwen36._model.calling import Asked


def answer(asked: Asked) -> ChatResult:
    """The whole answer.

    Raises:
        QwenError: what the gateway refused, or how the way there failed.
    """
    if not asked.request.body.get("stream"):
        payload, meta = post(asked.call)
        return response.from_wire(payload, asked.request, meta)
    stream = StreamCall(asked.call, partial(StreamReader, asked.request), restart=True)
    with closing(iter(stream)) as deltas:
        for _ in deltas:
            pass
    return response.result(stream.reader, stream.meta)


async def aanswer(asked: Asked) -> ChatResult:
    """`answer`, async."""
    if not asked.request.body.get("stream"):
        payload, meta = await apost(asked.call)
        return response.from_wire(payload, asked.request, meta)
    stream = StreamCall(asked.call, partial(StreamReader, asked.request), restart=True)
    async with aclosing(aiter(stream)) as deltas:
        async for _ in deltas:
            pass
    return response.result(stream.reader, stream.meta)


def is_unforced(asked: Asked, result: ChatResult) -> bool:
    """Whether a forced call went out as "auto" and no call came back (DESIGN §4.6)."""
    message = result.generations[0].message
    called = isinstance(message, AIMessage) and (message.tool_calls or message.invalid_tool_calls)
    return asked.request.ask_again_without_thinking and not called


def both(first: ChatResult, second: ChatResult) -> ChatResult:
    """The second answer, billed with the first: two requests were paid."""
    earlier, message = first.generations[0].message, second.generations[0].message
    if not (isinstance(earlier, AIMessage) and isinstance(message, AIMessage)):
        return second
    message.usage_metadata = add_usage(earlier.usage_metadata, message.usage_metadata)
    metadata = message.response_metadata
    metadata["requests"] = [
        {key: part.get(key) for key in ("id", "request_id", "usage", "cost")}
        for part in (earlier.response_metadata, dict(metadata))
    ]
    metadata["cost"] = _sum(earlier.response_metadata.get("cost"), metadata.get("cost"))
    return second


def once_more(asked: Asked, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The call's keywords for asking again: no thinking, and the tool that answers by name."""
    quiet: dict[str, Any] = {
        "thinking_budget": None,
        "reasoning_effort": None,
        "preserve_thinking": None,
        "enable_thinking": False,
    }
    name = asked.request.answer_tool
    return {**kwargs, **quiet, **({"tool_choice": name} if name else {})}


def _sum(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any] | None:
    """Two requests' cost records as one; unknown where either is."""
    if not first or not second or first["currency"] != second["currency"]:
        return None
    amounts = ("total", "list", "input", "cache_read", "cache_write", "output", "reported")
    added = {
        key: None if first.get(key) is None or second.get(key) is None else first[key] + second[key]
        for key in amounts
    }
    return {**second, **added, "requests": 2}
