"""Every parser over model or server text takes time that grows with its length, not faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from answers import WEATHER, chunk, request, tool_delta
from growth import assert_grows_linearly, cpu_seconds

from langchain_qwen36._response.arguments import decode_arguments, unrepairable_suffix
from langchain_qwen36._response.errors.classify import classify
from langchain_qwen36._response.errors.error_body import ErrorBody, parse_error_body
from langchain_qwen36._response.model_json import find_json, is_prefix, partial_json
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._response.sse import SSEDecoder
from langchain_qwen36._response.text_tool_calls import ToolCallFinder
from langchain_qwen36._response.think_tags import ThinkTagSplitter
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = 10_000_000
SHORT = LONG // 8
TEXTS = {
    "newlines": "\n",
    "spaces": " ",
    "backticks": "`",
    "fences": "```json {",
    "brackets": "[",
    "objects": '{"a":',
    "whole objects": '{"a":1}',
    "quotes": '"',
    "backslashes": "\\",
    "tags": "<",
    "openings": '<tool_call>{"name": "get_weather"}\n',
    "functions": "<tool_call><function=get_weather>",
    "parameters": "<parameter=a>",
    "thoughts": "<think>",
    "closings": "</think>",
    "words of errors": "maximum context length is 1 requested ",
    "digits": "9",
    "titles": "<title",
    "events": "data:\n",
}


def _finder(text: str) -> None:
    finder = ToolCallFinder(WEATHER)
    finder.feed("<tool_call>\n<function=get_weather>" + text)
    finder.finish("", truncated=True)


def _tags(text: str) -> None:
    for lone in (False, True):
        splitter = ThinkTagSplitter(lone=lone)
        splitter.feed(text)
        splitter.finish()


def _sse(text: str) -> None:
    decoder = SSEDecoder()
    decoder.feed(text.encode())
    decoder.close()


def _arguments(text: str) -> None:
    decode_arguments(text, cut=False)
    unrepairable_suffix(text)


PARSERS: dict[str, Callable[[str], Any]] = {
    "find_json": lambda text: find_json(text, repair=True),
    "partial_json": partial_json,
    "is_prefix": is_prefix,
    "arguments": _arguments,
    "text tool calls": _finder,
    "think tags": _tags,
    "events": _sse,
    "error body": lambda text: parse_error_body(text.encode()),
    "error class": lambda text: classify(
        ErrorBody(message=text), 400, GATEWAYS["openai-compatible"]
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("kind", TEXTS)
def test_time_grows_with_the_text(parser: str, kind: str) -> None:
    """Eight times the text takes about eight times as long: 64 times would be a square."""
    text = TEXTS[kind] * (LONG // len(TEXTS[kind]))
    assert_grows_linearly(
        lambda size: cpu_seconds(lambda: PARSERS[parser](text[:size])), small=SHORT, large=LONG
    )


def _read(deltas: list[dict]) -> None:
    reader = CompletionReader(request(tools=WEATHER))
    for delta in deltas:
        reader.feed(chunk(delta))
    reader.finish(done=True)


STREAMS: dict[str, Callable[[int], dict]] = {
    "two calls in turn": lambda n: {"tool_calls": [tool_delta("abcdefgh", index=n % 2)]},
    "a new id each time": lambda n: {"tool_calls": [tool_delta("abcdefgh", index=0, id=f"n{n}")]},
    "the name each time": lambda n: {"tool_calls": [tool_delta("abcdefgh", index=0, name="f")]},
    "brackets in a string": lambda n: {"tool_calls": [tool_delta("}", index=0)]},
    "objects in a string": lambda n: {"tool_calls": [tool_delta("{}", index=0)]},
    "text": lambda n: {"content": "abcdefgh"},
    "a call left as text": lambda n: {"content": "<" if n % 2 else "a"},
    "two reasoning fields": lambda n: {"reasoning" if n % 2 else "thinking": "abcdefgh"},
}


@pytest.mark.parametrize("kind", STREAMS)
def test_time_grows_with_the_stream(kind: str) -> None:
    """Four times the deltas take about four times as long: 16 times would be a square."""
    opener = [
        {"tool_calls": [tool_delta('{"x": "', index=i, id=f"c{i}", name="f")]} for i in range(2)
    ]
    start = opener if "tool_calls" in STREAMS[kind](0) else []

    def seconds(count: int) -> float:
        deltas = [*start, *map(STREAMS[kind], range(count))]
        return cpu_seconds(lambda: _read(deltas))

    assert_grows_linearly(seconds, small=2_500, large=10_000, slack=0.1)
