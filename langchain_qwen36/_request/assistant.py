"""What the model said before, back to the wire: its text, its calls, its thoughts.

Blocks that only another vendor can read (signatures, redacted thoughts, server tools, ids of
stored responses) are left out of assistant messages (P60); text and calls stay, and images move
to the next user message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.blocks import block_option
from langchain_qwen36._content.messages import PROVIDER, reasoning_text
from langchain_qwen36._content.source import replace_lone_surrogates
from langchain_qwen36._request.content_parts import joined
from langchain_qwen36._request.media_parts import SIGHT_TYPES, media_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage

    from langchain_qwen36._request.media_limits import MediaTarget, Part
    from langchain_qwen36.gateways import Gateway


def content_to_wire(message: AIMessage, gateway: Gateway) -> str | list[dict[str, Any]]:
    """The text of the answer, `""` when there is none, never null (P03)."""
    content = message.content
    if isinstance(content, str):
        return replace_lone_surrogates(content)
    if not content:
        return ""
    parts = []
    for block in content:
        if (text := _text_of(block)) is None:
            continue
        part: dict[str, Any] = {"type": "text", "text": replace_lone_surrogates(text)}
        if gateway.cache_control and isinstance(block, dict):
            mark = block_option(block, "cache_control")
            part |= {"cache_control": mark} if mark else {}
        parts.append(part)
    return joined(parts, "")


def visual_parts(message: AIMessage, target: MediaTarget) -> list[Part]:
    """Images and videos of an answer: another model made them, and only a user may show them.

    Raises:
        MessageError: as of a user's, for what is talked about must not go missing.
    """
    content = message.content if isinstance(message.content, list) else []
    return [
        media_part(block, target)
        for block in content
        if isinstance(block, dict) and block.get("type") in SIGHT_TYPES
    ]


def _text_of(block: str | Mapping[str, Any]) -> str | None:
    if isinstance(block, str):
        return block
    key = block.get("type")
    text = block.get(key) if key in ("text", "refusal") else None
    return text if isinstance(text, str) else None


def reasoning_to_wire(message: AIMessage, gateway: Gateway, *, foreign: bool) -> dict[str, Any]:
    """The fields that give an assistant message its thoughts back (P02, P26).

    Args:
        message: The assistant's message.
        gateway: Its row names the field.
        foreign: Whether thoughts of another provider's model go too (P60).
    """
    provider = message.response_metadata.get("model_provider")
    if not foreign and provider not in {None, PROVIDER}:
        return {}
    details = message.additional_kwargs.get("reasoning_details")
    if gateway.reasoning_details and isinstance(details, list) and details:
        return {"reasoning_details": details}
    text = reasoning_text(message)
    return {gateway.reasoning_field: replace_lone_surrogates(text)} if text else {}
