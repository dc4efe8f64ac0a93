"""The template of an answer's chunks changes nothing but how long it takes."""

from __future__ import annotations

import json

import pytest
from answers import chunk, request, text_chunks, tool_delta

from langchain_qwen36._response.fast_path import ChunkTemplate
from langchain_qwen36._response.payload import ResponseContext
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._response.stream_decoder import StreamDecoder

TOOL = {"get_weather": {}}


class Slow(CompletionReader):
    """One whose payloads are never known beforehand: each is parsed and read."""

    plain = None


def read(reader, lines):
    """Feed a reader and return all it gave, its text and its thoughts, and how much it took."""
    context = ResponseContext(gateway=reader.request.gateway)
    feed = StreamDecoder(context, reader, 200, {})
    given = feed.feed(b"".join(b"data: " + line + b"\n\n" for line in lines))
    return given, reader.first.text, reader.first.reasoning.pieces, reader.chunks, reader.metadata


def plain(content="a", **more):
    """Return a chunk of text and nothing else."""
    return chunk({"content": content}, **more)


CASES = [
    pytest.param(text_chunks(["a", "b", "c", "", "d"]), {}, id="text"),
    pytest.param(text_chunks(['"', "\\", "\n", "ü", "日", "😀", "</", "<tool"]), {}, id="escapes"),
    pytest.param([chunk({"reasoning_content": t}) for t in "abc"], {}, id="thoughts"),
    pytest.param(
        [chunk({"reasoning_content": "a"}), chunk({"reasoning_content": "b"}), *map(plain, "cd")],
        {},
        id="thoughts, then text",
    ),
    pytest.param(
        [plain("a"), plain("b"), chunk({"reasoning_content": "é"}), plain("c"), plain("d")],
        {},
        id="text, a thought in other letters, text",
    ),
    pytest.param(
        [
            plain("a"),
            chunk({"tool_calls": [tool_delta("{", index=0, name="f", id="x")]}),
            plain("b"),
        ],
        {},
        id="text around a call",
    ),
    pytest.param(
        text_chunks(["So ", "<tool_call>", '{"name": "get_weather", ', '"arguments": {}}', "</to"]),
        {"tools": TOOL},
        id="a call in the text",
    ),
    pytest.param(
        text_chunks(["<think>", "a", "b", "</think>", "c", "d"]), {}, id="thoughts in tags"
    ),
    pytest.param(
        [{**plain(t), "usage": {"total_tokens": n}} for n, t in enumerate("abcd", 1)],
        {},
        id="running usage",
    ),
    pytest.param([plain(t, finish="stop") for t in "ab"], {}, id="a finish_reason on every chunk"),
    pytest.param(
        [*map(plain, "ab"), {**chunk({"reasoning_content": "c"}), "error": None}, plain("d")],
        {},
        id="a thought that might be an error, text",
    ),
    pytest.param(
        [plain("a"), {**chunk(), "error": None}, plain("b")], {}, id="nothing between text"
    ),
    pytest.param(
        [{**plain("a"), "model": "a"}, {**plain("b"), "model": "a"}, {**plain("b"), "model": "b"}],
        {},
        id="a text that stands elsewhere too",
    ),
    pytest.param(
        [{**plain(t), "choices": plain(t)["choices"] + plain("z")["choices"]} for t in "ab"],
        {},
        id="two choices of one number",
    ),
]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize(("payloads", "said"), CASES)
def test_nothing_is_read_otherwise(payloads, said, separators, ascii_only):
    """With the template or by parsing every chunk: the same deltas, and the same state."""
    lines = [
        json.dumps(each, separators=separators, ensure_ascii=ascii_only).encode()
        for each in payloads
    ]

    assert read(Slow(request(**said)), lines) == read(CompletionReader(request(**said)), lines)


def test_repeated_chunks_are_not_parsed():
    """The third chunk of an answer is known by its template."""
    lines = [json.dumps(plain(text)).encode() for text in "ab"]
    template = ChunkTemplate()
    template.learn(lines[0], "text", "a")

    assert template.text_in(lines[1]) == "b"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"delta":{"content":"a","x":"b"}}', id="another key"),
        pytest.param(b'{"delta":{"content":7}}', id="a number"),
        pytest.param(b'{"delta":{"content":null}}', id="nothing"),
        pytest.param(b'{"delta":{"content":"a}}', id="half a string"),
        pytest.param(b'{"delta":{"content":"\xff"}}', id="no UTF-8"),
        pytest.param(b'{"delta":{"content":}}', id="no value"),
        pytest.param(b'{"delta":{"content"', id="cut"),
    ],
)
def test_other_chunks_are_not_known(data):
    """All that is not one string, whole, where the text was."""
    template = ChunkTemplate()
    template.learn(b'{"delta":{"content":"a"}}', "text", "a")

    assert template.text_in(data) is None


def test_nothing_is_known_once_the_template_is_forgotten():
    """Behind a payload of another kind, the same letters around a text may mean something else."""
    template = ChunkTemplate()
    template.learn(b'{"delta":{"content":"a"}}', "text", "a")
    template.forget()

    assert template.text_in(b'{"delta":{"content":"b"}}') is None
