"""Convert the content of our messages to LangChain's standard content blocks.

See docs/quirks.md#the-name-of-the-provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages.block_translators import register_translator

from langchain_qwen36._content.messages import PROVIDER
from langchain_qwen36._response.citations import with_citations
from langchain_qwen36._response.refusals import refusal_block

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.messages.content import ContentBlock


_CHUNK_INDEX = {"reasoning": "lc_rs_0", "text": "lc_txt_0", "refusal": "lc_rf_0"}


def register() -> None:
    """Register with langchain-core how to read messages whose `model_provider` is ours.

    See docs/quirks.md#block-indexes-in-streams.
    """
    register_translator(PROVIDER, translate_content, translate_content_chunk)


def translate_content(message: AIMessage) -> list[ContentBlock]:
    """Return a message as blocks: reasoning, text, tool calls, invalid tool calls.

    Raises:
        NotImplementedError: The content is a list already; core then reads it by itself.
    """
    return _typed([*_prose(message), *_calls(message)])


def translate_content_chunk(chunk: AIMessageChunk) -> list[ContentBlock]:
    """Return a chunk, or merged chunks, as blocks.

    Each block has a string index that starts with `lc_`: core merges by index, and numbers of our
    own would fuse reasoning with tool calls (docs/quirks.md#block-indexes-in-streams).

    Raises:
        NotImplementedError: The content is a list already; core then reads it by itself.
    """
    blocks = [{**block, "index": _CHUNK_INDEX[block["type"]]} for block in _prose(chunk)]
    if chunk.chunk_position == "last":
        return _typed([*blocks, *_calls(chunk)])
    for call in chunk.tool_call_chunks:
        block = {"type": "tool_call_chunk", "id": call["id"], "name": call["name"]}
        blocks.append({**block, "args": call["args"], "index": f"lc_tc_{call['index']}"})
    return _typed(blocks)


def _prose(message: AIMessage) -> list[dict[str, Any]]:
    if not isinstance(message.content, str):
        raise NotImplementedError
    blocks: list[dict[str, Any]] = []
    thoughts = message.additional_kwargs.get("reasoning_content")
    if thoughts and isinstance(thoughts, str):
        blocks.append({"type": "reasoning", "reasoning": thoughts})
    text = with_citations({"type": "text", "text": message.content}, message.additional_kwargs)
    if message.content or "annotations" in text:
        blocks.append(text)
    if refusal := refusal_block(message):
        blocks.append(refusal)
    return blocks


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    calls = [dict(call, type="tool_call") for call in message.tool_calls]
    return calls + [dict(call, type="invalid_tool_call") for call in message.invalid_tool_calls]


def _typed(blocks: list[dict[str, Any]]) -> list[ContentBlock]:
    return cast("list[ContentBlock]", blocks)
