"""Read LangChain messages: text, reasoning and tool calls, in every form that classes write.

The request builder, the token counter, the middleware and the callbacks use these functions, so
that what is counted and priced is what is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from langchain_qwen36._content.json_arguments import arguments_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_core.messages import AIMessage, BaseMessage

PROVIDER = "qwen36"
"""Value of `ls_provider`, `model_provider` and the name of the block translator."""

_UNKNOWN_TOOL = "unknown_tool"
"""Name sent for a broken call without a name: servers refuse an empty one."""


class HistoryToolCall(NamedTuple):
    """A tool call in the history."""

    id: str
    """The id in the message; empty when there is none."""
    name: str
    arguments: str
    """A JSON object, always."""
    broken: bool = False
    """Whether the arguments were no JSON object and are now `{}`."""
    not_finite: str = ""
    """Which argument is NaN or infinite and now null, as in "`x[0]` is nan"; empty: none is."""


def is_block(block: Any, *types: str) -> bool:
    """Return whether a content block is of one of these types."""
    return isinstance(block, dict) and block.get("type") in types


_TEXT_KEYS = {
    "text": "text",
    "output_text": "text",
    "input_text": "text",
    "text-plain": "text",
    "refusal": "refusal",
}
"""The key that holds the text, by block type: LangChain's types and OpenAI's Responses API's."""


def block_text(block: Any) -> str | None:
    """Return the text of a block in any form that LangChain or OpenAI write; None: no text."""
    if isinstance(block, str):
        return block
    if not isinstance(block, dict):
        return None
    if block.get("type") == "non_standard":
        return block_text(block.get("value"))
    key = _TEXT_KEYS.get(str(block.get("type", "text")))
    text = block.get(key) if key else None
    return text if isinstance(text, str) else None


def reasoning_text(message: BaseMessage) -> str:
    """Return the reasoning of a message as one text; empty when it has none.

    Each of three forms is read, and only one of them counts, since messages of LangChain's v3
    events carry the reasoning twice: `reasoning_content`, blocks of type `reasoning` or `thinking`,
    OpenRouter's `reasoning_details`.
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
            text = block.get("reasoning") or block.get("text") or _summary_text(block)
        case "thinking":
            text = block.get("thinking")
        case "reasoning_content":  # Bedrock
            inner = block.get("reasoning_content")
            text = inner.get("text") if isinstance(inner, dict) else None
        case _:
            text = None
    return text if isinstance(text, str) else ""


def _summary_text(block: Mapping[str, Any]) -> str:
    """Return the text of a reasoning item of the Responses API, whose texts are in a list."""
    items = block.get("content") or block.get("summary")
    if not isinstance(items, list):
        return ""
    texts = (item.get("text") for item in items if isinstance(item, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _detail_text(item: Mapping[str, Any]) -> str:
    text = item.get("text") or item.get("summary")
    return text if isinstance(text, str) else ""


def tool_calls_of(message: AIMessage) -> list[HistoryToolCall]:
    """Return the tool calls of a message: the regular, those only in its blocks, the broken ones.

    Raises:
        MessageError: JSON cannot hold the arguments; the message names the call.
    """
    calls = [_call(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    if isinstance(message.content, list):
        known = {call.id for call in calls}
        calls += [call for call in _calls_in(message.content) if call.id not in known]
    calls += [_call(call["id"], call["name"], None) for call in message.invalid_tool_calls]
    return calls


def _call(id_: Any, name: Any, args: Any) -> HistoryToolCall:
    name = str(name or _UNKNOWN_TOOL)
    if not isinstance(args, dict):
        return HistoryToolCall(str(id_ or ""), name, "{}", broken=True)
    text, not_finite = arguments_to_json(name, args)
    return HistoryToolCall(str(id_ or ""), name, text, not_finite=not_finite)


def _calls_in(content: list[Any]) -> Iterator[HistoryToolCall]:
    """Collect tool calls from blocks of LangChain, Anthropic and OpenAI's Responses API."""
    for block in content:
        match block:
            case {"type": "tool_call", "args": args} | {"type": "tool_use", "input": args}:
                yield _call(block.get("id"), block.get("name"), args)
            case {"type": "tool_call" | "tool_use"}:
                yield _call(block.get("id"), block.get("name"), None)
            case {"type": "function_call", "arguments": str(text)}:
                yield _call(block.get("call_id"), block.get("name"), _object(text))


def _object(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None
