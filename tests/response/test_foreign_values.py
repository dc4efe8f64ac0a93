"""Whatever a server writes into whatever field ends in a message or in one of our errors."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from foreign_values import DIGITS, JSON, nested
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.load import dumps, loads

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._response.nesting_limit import MAX_LEVELS, is_too_deep, limit_depth
from langchain_qwen36.callbacks import QwenCostCallbackHandler
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_core.messages import AIMessage

CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
DETAILS = [{"type": "reasoning.text", "text": "t", "index": 0, "id": "r", "format": "x"}]
CITATION = {"url": "https://x.example", "title": "t", "start_index": 0, "end_index": 1}
ANNOTATIONS = [{"type": "url_citation", "url_citation": CITATION}]
LOGPROBS = {"content": [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]}
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 2, "cache_creation_input_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cost": 0.1,
}
TOP = {"id": "chatcmpl-1", "created": 1, "model": "qwen3.6-plus"}


def chunk(delta: dict[str, Any], finish: str | None = None, **choice: Any) -> dict[str, Any]:
    """Return a chunk of a stream."""
    return {**TOP, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **choice}]}


CHUNKS: list[Any] = [
    chunk({"role": "assistant", "reasoning_content": "t", "reasoning_details": DETAILS}),
    chunk({"content": "Hello", "annotations": ANNOTATIONS, "refusal": None}, logprobs=LOGPROBS),
    chunk({"tool_calls": [CALL]}),
    chunk({"function_call": {"name": "g", "arguments": "{}"}}, "tool_calls", stop_reason=None),
    {**TOP, "choices": [], "usage": USAGE, "search_info": {"search_results": [{"index": 1}]}},
]
MESSAGE = {
    "role": "assistant",
    "content": "Hello",
    "reasoning_content": "t",
    "reasoning_details": DETAILS,
    "tool_calls": [CALL],
    "annotations": ANNOTATIONS,
    "audio": {"id": "a", "data": "AA==", "transcript": "x"},
    "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
}
WHOLE: Any = {
    **TOP,
    "choices": [
        {"index": 0, "message": MESSAGE, "logprobs": LOGPROBS, "finish_reason": "stop"},
        {"index": 1, "message": {"content": "Other"}, "finish_reason": "stop"},
    ],
    "usage": USAGE,
}
ERROR: Any = {
    "error": {"message": "no", "code": "x", "type": "t", "metadata": {"raw": "{}"}},
    "request_id": "r",
}
MARK = "@@foreign@@"


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value in a payload."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield from paths(item, (*path, key))


def with_foreign(payload: Any, path: tuple[Any, ...], foreign: str) -> bytes:
    """Return the payload's JSON with other JSON in one place."""
    if not path:
        return foreign.encode()
    payload = copy.deepcopy(payload)
    parent = payload
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = MARK
    return json.dumps(payload).replace(json.dumps(MARK), foreign).encode()


def stream_with(number: int, path: tuple[Any, ...], foreign: str) -> bytes:
    """Return an event stream, one of whose chunks has a foreign value."""
    payloads = [json.dumps(payload).encode() for payload in CHUNKS]
    payloads[number] = with_foreign(CHUNKS[number], path, foreign)
    return b"".join(b"data: %s\n\n" % payload for payload in [*payloads, b"[DONE]"])


def model_answering(status: int, kind: str, body: bytes) -> ChatQwen36:
    """Return a model whose server gives one answer."""
    answer = httpx.Response(status, headers={"content-type": kind}, content=body)
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    model = ChatQwen36(
        gateway="dashscope",
        api_key="sk-0123456789",
        http_client=client,
        max_retries=0,
        callbacks=[QwenCostCallbackHandler()],
    )
    tool = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    return model.bind_tools([{"type": "function", "function": tool}])  # type: ignore[return-value]


def check(call: Callable[[], AIMessage]) -> None:
    """Make a call; what comes is one of our errors, or a message that can be kept and shown."""
    try:
        message = call()
    except QwenError as error:
        str(error)  # may not raise another one
        return
    assert loads(dumps(message), allowed_objects="all").text == message.text
    assert message.model_dump_json()
    assert message.content_blocks is not None
    assert repr(message)


def merged(model: ChatQwen36) -> AIMessage:
    """Stream and add the chunks up."""
    first, *more = model.stream("Hi")
    for piece in more:
        first += piece
    return first  # type: ignore[return-value]


foreign_values = st.sampled_from(JSON)
repeatable = settings(max_examples=300, deadline=None)


@repeatable
@given(
    st.sampled_from([(n, path) for n, payload in enumerate(CHUNKS) for path in paths(payload)]),
    foreign_values,
    st.sampled_from(["stream", "v3"]),
)
@pytest.mark.filterwarnings("ignore")
def test_a_foreign_value_in_a_stream(
    where: tuple[int, tuple[Any, ...]], foreign: str, style: str
) -> None:
    """A stream with any value in any field ends in a message that can be dumped, or an error."""
    model = model_answering(200, "text/event-stream", stream_with(*where, foreign))
    if style == "v3":
        check(lambda: model.bind().stream_events("Hi", version="v3").output)  # type: ignore[arg-type, return-value]
    else:
        check(lambda: merged(model))


@repeatable
@given(st.sampled_from(list(paths(WHOLE))), foreign_values)
@pytest.mark.filterwarnings("ignore")
def test_a_foreign_value_in_a_whole_answer(path: tuple[Any, ...], foreign: str) -> None:
    """A whole answer with any value in any field, too."""
    body = with_foreign(WHOLE, path, foreign)
    check(lambda: model_answering(200, "application/json", body).invoke("Hi"))


@repeatable
@given(
    st.sampled_from(list(paths(ERROR))), foreign_values, st.sampled_from([200, 400, 401, 429, 500])
)
@pytest.mark.filterwarnings("ignore")
def test_a_foreign_value_in_an_error(path: tuple[Any, ...], foreign: str, status: int) -> None:
    """An error with any value in any field is one of our errors."""
    body = with_foreign(ERROR, path, foreign)
    with pytest.raises(QwenError) as caught:
        model_answering(status, "application/json", body).invoke("Hi")
    assert str(caught.value)


def test_what_is_nested_too_deeply_is_kept_as_text() -> None:
    """Nothing is dropped: beyond 64 levels a value stands as its JSON."""
    payload = {"deep": nested(100), "flat": [1, {"a": 2}]}
    assert is_too_deep(payload)
    limit_depth(payload)
    assert not is_too_deep(payload)
    assert payload["flat"] == [1, {"a": 2}]
    value: Any = payload["deep"]
    for _ in range(MAX_LEVELS - 1):
        (value,) = value
    assert json.loads(value) == nested(100 - MAX_LEVELS + 1)


def test_what_is_nested_beyond_recursion_says_so() -> None:
    """What not even JSON can write is named instead."""
    payload = [nested(100_000)]
    limit_depth(payload)
    assert "nested too deeply" in str(payload)


def test_tool_arguments_that_are_nested_too_deeply_are_invalid() -> None:
    """A tool is not called with arguments that were changed; the raw text stands in the message."""
    arguments = '{"a":' + "[" * 900 + "]" * 900 + "}"
    body = with_foreign(
        WHOLE,
        ("choices", 0, "message", "tool_calls", 0, "function", "arguments"),
        json.dumps(arguments),
    )
    message = model_answering(200, "application/json", body).invoke("Hi")
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["args"].startswith(arguments)


def test_a_number_that_python_does_not_read_is_one_of_our_errors() -> None:
    """A count of 4,301 digits is no JSON to us."""
    body = with_foreign(WHOLE, ("usage", "prompt_tokens"), DIGITS)
    check(lambda: model_answering(200, "application/json", body).invoke("Hi"))
