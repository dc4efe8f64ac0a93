"""Convert content blocks of LangChain, OpenAI and Anthropic to the gateway's parts.

See docs/quirks.md#content-shapes-of-other-classes.

A part that cannot be sent raises `MessageError` with its type; nothing of the user's is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.blocks import block_option, known_form
from langchain_qwen36._content.source import (
    optional_text,
    replace_lone_surrogates,
    required_text,
    source_of,
)
from langchain_qwen36._request.media_parts import DOCUMENT_TYPES, MEDIA_TYPES, media_part
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._request.media_limits import MediaTarget, Part


_NATIVE = ("text", "image", "video", "audio")
"""Keys that name a block in the vendor's own API without a `type`, and in ChatTongyi's messages."""


def user_content(content: Sequence[Any], target: MediaTarget) -> str | list[Part]:
    """Convert a user's list of blocks to parts, and one plain text to a string.

    Raises:
        MessageError: a block cannot be sent here; the message names its type.
    """
    parts = [part_to_wire(block, target) for block in content]
    if not parts:
        raise MessageError("A user message has no content: an empty list cannot be sent.")
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


def text_content(content: str | Sequence[Any], target: MediaTarget, who: str) -> str | list[Part]:
    """Join text-only content by line breaks. See docs/quirks.md#text-lists.

    If the gateway takes `cache_control` and a block carries it, the parts are kept.

    Raises:
        MessageError: a block that is not text.
    """
    if isinstance(content, str):
        return replace_lone_surrogates(content)
    if not isinstance(content, list | tuple):
        raise MessageError(f"A {who} message has no content that can be sent: {content!r}.")
    parts = []
    for block in content:
        part = part_to_wire(block, target)
        if part["type"] != "text":
            kind = block.get("type")
            raise MessageError(
                f"A {who} message can only hold text, not a block of type {kind!r}: put it into a "
                "HumanMessage."
            )
        parts.append(part)
    return joined(parts, "\n")


def joined(parts: Sequence[Part], glue: str) -> str | list[Part]:
    """Join text parts to one string, or keep them if one carries `cache_control`."""
    if any("cache_control" in part for part in parts):
        return list(parts)
    return glue.join(part["text"] for part in parts)


def part_to_wire(block: str | Mapping[str, Any], target: MediaTarget) -> Part:
    """Convert one block to one part; the block is not changed.

    Raises:
        MessageError: the block cannot be sent here, or the model cannot take it.
    """
    if isinstance(block, str):
        return {"type": "text", "text": replace_lone_surrogates(block)}
    if not isinstance(block, dict):
        raise MessageError(f"A block of content must be a text or a dict, not {block!r}.")
    inner: Mapping[str, Any] = block
    if block.get("type") == "non_standard" and isinstance(block.get("value"), dict):
        inner = block["value"]  # one level: LangChain wraps no block twice
    inner = known_form(inner)
    if "type" not in inner:
        inner = {"type": next((key for key in _NATIVE if key in inner), None), **inner}
    part = _part(inner, target)
    if target.gateway.cache_control and (mark := block_option(inner, "cache_control")):
        part["cache_control"] = mark
    return part


def _part(block: Mapping[str, Any], target: MediaTarget) -> Part:
    kind = block.get("type")
    if not isinstance(kind, str):
        raise MessageError(f"A block of content must name its type, not {kind!r}.")
    if kind == "text":
        return {"type": "text", "text": required_text(block, "text")}
    if kind in DOCUMENT_TYPES and (text := source_of(block).text) is not None:
        lines = [optional_text(block, "title"), optional_text(block, "context"), text]
        return {"type": "text", "text": "\n".join(line for line in lines if line)}
    if kind in MEDIA_TYPES:
        return media_part(block, target)
    raise MessageError(f"A message cannot carry a block of type {kind!r} to the model.")
