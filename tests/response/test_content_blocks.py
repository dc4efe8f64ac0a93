"""Standard content blocks in every style, and core's merging of them."""

from __future__ import annotations

from typing import Any

import pytest
from answers import USAGE, chunk, read, tool_delta
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_qwen36._response.content_blocks import translate_content, translate_content_chunk

PAYLOADS = [
    chunk({"reasoning_content": "th"}),
    chunk({"reasoning_content": "ink"}),
    chunk({"content": "Let "}),
    chunk({"content": "me."}),
    chunk({"tool_calls": [tool_delta('{"a"', index=0, id="c1", name="f")]}),
    chunk({"tool_calls": [tool_delta(": 1}", index=0)]}),
    chunk({"tool_calls": [tool_delta('{"b": 2}', index=1, id="c2", name="g")]}),
    chunk(finish="tool_calls"),
    {"choices": [], "usage": USAGE},
]
EXPECTED = [
    {"type": "reasoning", "reasoning": "think"},
    {"type": "text", "text": "Let me."},
    {"type": "tool_call", "id": "c1", "name": "f", "args": {"a": 1}},
    {"type": "tool_call", "id": "c2", "name": "g", "args": {"b": 2}},
]


class Replay(BaseChatModel):
    """Streams the chunks of the payloads through langchain-core's own `stream`."""

    @property
    def _llm_type(self) -> str:
        return "replay"

    def _generate(self, *args: Any, **kwargs: Any):
        raise NotImplementedError

    def _stream(self, *args: Any, **kwargs: Any):
        yield from read(PAYLOADS).chunks


def bare(blocks: list) -> list:
    """Blocks without the indexes that only serve merging."""
    return [{k: v for k, v in block.items() if k != "index"} for block in blocks]


def streamed(version: str) -> AIMessageChunk:
    """Return what core merges of a stream."""
    pieces = list(Replay(output_version=version).stream("hi"))
    return sum(pieces[1:], start=pieces[0])


def test_v1_streams_keep_thoughts_and_calls_apart() -> None:
    """Core's numbering fused thoughts with the first call; our indexes keep them apart."""
    message = streamed("v1")
    assert bare(message.content) == EXPECTED
    assert {"c1", "c2"} == {call["id"] for call in message.tool_calls}


def test_v0_streams_give_the_same_blocks() -> None:
    """Merged v0 chunks stay strings and give the same blocks when asked."""
    message = streamed("v0")
    assert message.content == "Let me."
    assert bare(message.content_blocks) == EXPECTED


def test_invoke_and_v3_give_the_same_blocks() -> None:
    """One-shot messages and protocol events give the same blocks as chunks."""
    answer = read(PAYLOADS)
    assert answer.invoke.content_blocks == EXPECTED
    assert bare(answer.v3.content_blocks) == EXPECTED


def test_chunks_half_way_show_the_call_as_it_grows() -> None:
    """Before the end a call is a chunk with its arguments so far."""
    [chunks] = [read(PAYLOADS).chunks]
    half = chunks[0].message + chunks[4].message
    expected = [
        {"type": "reasoning", "reasoning": "th", "index": "lc_rs_0"},
        {
            "type": "tool_call_chunk",
            "id": "c1",
            "name": "f",
            "args": '{"a"',
            "index": "lc_tc_0",
        },
    ]
    assert expected == half.content_blocks


def test_broken_calls_are_blocks_too() -> None:
    """An invalid call is a block in a one-shot message as it is in v3."""
    payloads = [chunk({"tool_calls": [tool_delta("{", id="c", name="f")]}), chunk(finish="length")]
    answer = read(payloads)
    [block] = answer.invoke.content_blocks
    assert (block["type"], block["name"], block["args"]) == ("invalid_tool_call", "f", "{]")
    assert [block] == bare(answer.v3.content_blocks)


@pytest.mark.parametrize("translate", [translate_content, translate_content_chunk])
def test_content_that_is_a_list_is_left_to_core(translate) -> None:
    """Content in other shapes, images for one, is read by core's own function."""
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    kind = AIMessage if translate is translate_content else AIMessageChunk
    message = kind(content=[image], response_metadata={"model_provider": "qwen36"})
    with pytest.raises(NotImplementedError):
        translate(message)
    assert [
        {k: v for k, v in block.items() if k in ("type", "url")} for block in message.content_blocks
    ] == [{"type": "image", "url": "https://example.com/a.png"}]
