"""Content parts: what LangChain, OpenAI and Anthropic call them, into what a row takes (T20).

A part that cannot be said raises `MessageError` by name; nothing of the user's is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.blocks import block_option
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
"""Keys that name a block by themselves in the vendor's own API, and so in ChatTongyi's messages."""


def user_content(content: Sequence[Any], target: MediaTarget) -> str | list[Part]:
    """A user's list of blocks as parts; one plain text as a string.

    Raises:
        MessageError: a block that cannot be said here, by its type.
    """
    parts = [part_to_wire(block, target) for block in content]
    if not parts:
        raise MessageError("A user message has no content: an empty list cannot be sent.")
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


def text_content(content: str | Sequence[Any], target: MediaTarget, who: str) -> str | list[Part]:
    """Text-only content as a string, its blocks joined by line breaks (P54).

    Where the row takes `cache_control` and a block carries it, parts are kept (P64).

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
    """Text parts as one string, or as they are when one marks a cache."""
    if any("cache_control" in part for part in parts):
        return list(parts)
    return glue.join(part["text"] for part in parts)


def part_to_wire(block: str | Mapping[str, Any], target: MediaTarget) -> Part:
    """One block as one part; the block is not touched.

    Raises:
        MessageError: the block cannot be said here, or the model cannot take it.
    """
    if isinstance(block, str):
        return {"type": "text", "text": replace_lone_surrogates(block)}
    if not isinstance(block, dict):
        raise MessageError(f"A block of content must be a text or a dict, not {block!r}.")
    said: Mapping[str, Any] = block
    if block.get("type") == "non_standard" and isinstance(block.get("value"), dict):
        said = block["value"]  # once: LangChain wraps no block twice
    if "type" not in said:
        said = {"type": next((key for key in _NATIVE if key in said), None), **said}
    part = _part(said, target)
    if target.gateway.cache_control and (mark := block_option(said, "cache_control")):
        part["cache_control"] = mark
    return part


def _part(block: Mapping[str, Any], target: MediaTarget) -> Part:
    kind = block.get("type")
    if not isinstance(kind, str):
        raise MessageError(f"A block of content must name its type, not {kind!r}.")
    if kind == "text":
        return {"type": "text", "text": required_text(block, "text")}
    if kind in DOCUMENT_TYPES and (text := source_of(block).text) is not None:
        said = [optional_text(block, "title"), optional_text(block, "context"), text]
        return {"type": "text", "text": "\n".join(line for line in said if line)}
    if kind in MEDIA_TYPES:
        return media_part(block, target)
    raise MessageError(f"A message cannot carry a block of type {kind!r} to the model.")
