"""Emoji that a gateway cut in half are joined again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from answers import chunk, request
from hypothesis import given
from hypothesis import strategies as st

from langchain_qwen36._response.payload import ResponseContext
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._response.stream_decoder import StreamDecoder
from langchain_qwen36.gateways import GATEWAYS


def read(payloads: list[dict[str, Any]]) -> CompletionReader:
    """Feed payloads as the escaped JSON that servers send."""
    reader = CompletionReader(request())
    decoder = StreamDecoder(ResponseContext(gateway=GATEWAYS["dashscope"]), reader, 200, {})
    for payload in [*payloads, chunk(finish="stop")]:
        decoder.feed(b"data: " + json.dumps(payload).encode() + b"\n\n")
    decoder.finish()
    return reader


def units(text: str, cuts: list[int]) -> list[str]:
    """Cut a text by UTF-16 units, as JavaScript's `slice` does."""
    data = text.encode("utf-16-le")
    ends = sorted({2 * cut for cut in cuts if 2 * cut < len(data)} | {len(data)})
    parts = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    return [part.decode("utf-16-le", "surrogatepass") for part in parts]


@given(st.text(st.sampled_from("a😀é🎉\n"), max_size=8), st.lists(st.integers(0, 16), max_size=6))
def test_any_cut_by_utf16_units_gives_the_text(text: str, cuts: list[int]) -> None:
    """However text and reasoning are cut, both come out whole."""
    pieces = units(text, cuts)
    reader = read([chunk({name: p}) for name in ("reasoning_content", "content") for p in pieces])
    assert (reader.first.full_reasoning(), reader.first.full_text()) == (text, text)


def test_halves_in_arguments_are_joined_by_the_index_of_their_call() -> None:
    """Two calls whose arguments come in turn keep their own halves."""
    pieces = [(0, '{"a": "\ud83d'), (1, '{"b": "\ud83c'), (0, '\ude00"}'), (1, '\udf89"}')]
    deltas = [
        {"index": i, "id": f"c{i}", "function": {"name": "f", "arguments": args}}
        for i, args in pieces
    ]
    calls = read([chunk({"tool_calls": [delta]}) for delta in deltas]).first.finished_calls()
    assert [call.args for call in calls] == [{"a": "😀"}, {"b": "🎉"}]


@pytest.mark.parametrize("pieces", [["a\ud83d"], ["a\ud83d", "b"], ["a", "\ude00b"]])
def test_a_half_that_stays_alone_is_replaced(pieces: list[str]) -> None:
    """Nothing that could not be encoded again comes out."""
    text = read([chunk({"content": piece}) for piece in pieces]).first.full_text()
    assert text.replace("\ufffd", "") == "".join(pieces).encode(errors="ignore").decode()
    assert text.count("\ufffd") == 1
