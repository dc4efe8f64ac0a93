"""Reading LangChain messages: the one account of what a message holds.

Asked by the request builder, the token counter, the middleware and the callbacks, so that what is
counted, priced or guarded is what is sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from langchain_qwen36._content.source import replace_lone_surrogates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_core.messages import AIMessage, BaseMessage

PROVIDER = "qwen36"
"""The value of `ls_provider`, `model_provider` and of the name of the block translator."""

_UNKNOWN_TOOL = "unknown_tool"
"""The name of a broken call that has none: an empty one is refused."""


class HistoryToolCall(NamedTuple):
    """A tool call of the history."""

    id: str
    """As the message has it; empty when it has none."""
    name: str
    arguments: str
    """Always a JSON object."""
    broken: bool = False
    """Whether its arguments were no JSON object and are now `{}`."""


def is_block(block: Any, *types: str) -> bool:
    """Return whether a block of content is of one of these types."""
    return isinstance(block, dict) and block.get("type") in types


def reasoning_text(message: BaseMessage) -> str:
    """Return the reasoning of a message as one text; empty when it has none.

    It is read from one of three forms, since messages of LangChain's v3 events carry it twice:
    `reasoning_content`, blocks of type `reasoning` or `thinking`, OpenRouter's `reasoning_details`.
    """
    text = message.additional_kwargs.get("reasoning_content")
    if isinstance(text, str) and text:
        return text
    blocks = message.content if isinstance(message.content, list) else []
    if text := "".join(_reasoning_in(block) for block in blocks if isinstance(block, dict)):
        return text
    details = message.additional_kwargs.get("reasoning_details")
    items = details if isinstance(details, list) else []
    return "".join(_detail_text(item) for item in items if isinstance(item, dict))


def _reasoning_in(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "reasoning":
            text = block.get("reasoning") or block.get("text")
        case "thinking":
            text = block.get("thinking")
        case _:
            text = None
    return text if isinstance(text, str) else ""


def _detail_text(item: Mapping[str, Any]) -> str:
    text = item.get("text") or item.get("summary")
    return text if isinstance(text, str) else ""


def tool_calls_of(message: AIMessage) -> list[HistoryToolCall]:
    """Return the tool calls of a message: its own, those only in its blocks, the broken ones."""
    calls = [
        HistoryToolCall(call["id"] or "", call["name"] or _UNKNOWN_TOOL, _json(call["args"]))
        for call in message.tool_calls
    ]
    if isinstance(message.content, list):
        known = {call.id for call in calls}
        calls += [call for call in _calls_in(message.content) if call.id not in known]
    calls += [
        HistoryToolCall(call["id"] or "", call["name"] or _UNKNOWN_TOOL, "{}", broken=True)
        for call in message.invalid_tool_calls
    ]
    return calls


def _calls_in(content: list[Any]) -> Iterator[HistoryToolCall]:
    """Calls of v1 and Anthropic blocks, for messages built by hand without `tool_calls`."""
    for block in content:
        if not is_block(block, "tool_call", "tool_use"):
            continue
        args = block.get("args") if block["type"] == "tool_call" else block.get("input")
        usable = isinstance(args, dict)
        yield HistoryToolCall(
            str(block.get("id") or ""),
            str(block.get("name") or _UNKNOWN_TOOL),
            _json(args) if usable else "{}",
            broken=not usable,
        )


def _json(args: Any) -> str:
    try:
        return orjson.dumps(args).decode()
    except TypeError:
        # Integers beyond 64 bits, numbers as keys, lone surrogates, what only `str` can say.
        text = json.dumps(args, default=str)
        # JSON has no infinity, which `json` writes all the same; orjson says null.
        plain = json.loads(text, parse_constant=lambda _: None)
        return replace_lone_surrogates(json.dumps(plain, ensure_ascii=False))
