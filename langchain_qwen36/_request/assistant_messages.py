"""Convert assistant messages: their text, images and reasoning.

Blocks that only another vendor can read (signatures, redacted thoughts, server tools, ids of
stored responses) are left out of assistant messages; text and calls stay, and images move to the
next user message. See docs/quirks.md#reasoning-of-other-providers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.blocks import block_option
from langchain_qwen36._content.history import replays_reasoning
from langchain_qwen36._content.messages import block_text, reasoning_text
from langchain_qwen36._content.reasoning_details import joined_details
from langchain_qwen36._content.source import replace_lone_surrogates
from langchain_qwen36._request.content_parts import joined
from langchain_qwen36._request.media_parts import SIGHT_TYPES, media_part

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_qwen36._request.history_policy import HistoryPolicy
    from langchain_qwen36._request.media_limits import MediaTarget, Part
    from langchain_qwen36.gateways import Gateway


_VENDORS_OWN = frozenset(
    {
        "reasoning", "thinking", "redacted_thinking", "reasoning_content",
        "executable_code", "code_execution_result",
        "tool_call", "tool_use", "invalid_tool_call", "tool_call_chunk", "function_call",
        "server_tool_call", "server_tool_call_chunk", "server_tool_result", "server_tool_use",
        "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
        "mcp_call", "mcp_list_tools", "mcp_approval_request", "computer_call",
        "web_search_tool_result", "code_execution_tool_result", "container_upload", "compaction",
    }
)  # fmt: skip
"""Blocks that are sent in fields of their own, or that only the vendor who wrote them can read."""


def content_to_wire(
    message: AIMessage, gateway: Gateway, policy: HistoryPolicy
) -> str | list[dict[str, Any]]:
    """Return the text of an assistant message; `""` if it has none, never null."""
    content = message.content
    if isinstance(content, str):
        return replace_lone_surrogates(content or _refusal(message))
    parts = []
    for block in content or ():
        if (text := block_text(block)) is None:
            _note_left_out(block, policy)
            continue
        part: dict[str, Any] = {"type": "text", "text": replace_lone_surrogates(text)}
        if gateway.cache_control and isinstance(block, dict):
            mark = block_option(block, "cache_control")
            part |= {"cache_control": mark} if mark else {}
        parts.append(part)
    return joined(parts, "")


def _refusal(message: AIMessage) -> str:
    return str(message.additional_kwargs.get("refusal") or "")


def _note_left_out(block: Any, policy: HistoryPolicy) -> None:
    kind = block.get("type") if isinstance(block, dict) else type(block).__name__
    if kind not in _VENDORS_OWN and kind not in SIGHT_TYPES:
        policy.adapt("content", f"A block of type {kind!r} was left out of an assistant message.")


def visual_parts(message: AIMessage, target: MediaTarget) -> list[Part]:
    """Return the images and videos of an assistant message, which only a user message may hold.

    Raises:
        MessageError: one cannot be sent; it is not dropped, since later messages talk about it.
    """
    if not isinstance(message.content, list):
        return []
    return [
        media_part(block, target)
        for block in message.content
        if isinstance(block, dict) and block.get("type") in SIGHT_TYPES
    ]


def reasoning_to_wire(message: AIMessage, gateway: Gateway, *, foreign: bool) -> dict[str, Any]:
    """Return the fields that carry an assistant message's reasoning.

    Args:
        message: The assistant's message.
        gateway: The gateway's row, which names the field.
        foreign: Whether to send the reasoning of another provider's model, too.
    """
    if not replays_reasoning(message, foreign=foreign):
        return {}
    details = message.additional_kwargs.get("reasoning_details")
    if gateway.reasoning_details and isinstance(details, list) and details:
        return {"reasoning_details": joined_details(details)}
    text = reasoning_text(message)
    return {gateway.reasoning_field: replace_lone_surrogates(text)} if text else {}
