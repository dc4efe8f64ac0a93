"""A gateway that means harm, or is broken as if it did: what it can do to a model's caller."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from answers import call_chunks, chunk, completion, tool_delta
from fault_calls import DONE, FINISH, USED, sse, text
from fault_server import FaultServer, stream, whole
from growth import assert_grows_linearly, cpu_seconds

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._transport.http.decoding import decoder_for
from langchain_qwen36.errors import (
    InvalidRequestError,
    UnexpectedResponseError,
    UnsupportedSettingError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fault_server import Script
    from langchain_core.messages import AIMessage

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
MIB = 1024 * 1024


def model(server: FaultServer, **settings: Any) -> ChatQwen36:
    """Return a model on this server, that asks once."""
    said = {
        "gateway": "dashscope-intl",
        "base_url": server.url.removesuffix("/chat/completions"),
        "api_key": "sk-none-0123456789",
        "max_retries": 0,
    }
    return ChatQwen36(**(said | settings))


def _invoked(asked: ChatQwen36) -> AIMessage:
    return asked.invoke("Hi!")


def _streamed(asked: ChatQwen36) -> AIMessage:
    chunks = list(asked.stream("Hi!"))
    return sum(chunks[1:], chunks[0])


async def _astreamed(asked: ChatQwen36) -> AIMessage:
    async with aclosing(asked.astream("Hi!")) as stream_:
        chunks = [chunk_ async for chunk_ in stream_]
    return sum(chunks[1:], chunks[0])


STREAMS = [
    pytest.param(_streamed, id="stream"),
    pytest.param(lambda asked: asyncio.run(_astreamed(asked)), id="astream"),
]


def _whole(usage: Any) -> Script:
    return whole(200, completion({"content": "Hello"}, usage=usage))


def _in_events(usage: Any) -> Script:
    return stream([text("Hello"), FINISH, sse({**chunk(), "choices": [], "usage": usage}), DONE])


@pytest.mark.parametrize(
    ("script", "read"),
    [pytest.param(_whole, _invoked, id="invoke"), pytest.param(_in_events, _streamed, id="stream")],
)
@pytest.mark.parametrize(
    "usage",
    [
        pytest.param({**USAGE, "prompt_tokens_details": "none"}, id="details are a text"),
        pytest.param({**USAGE, "prompt_tokens_details": [1]}, id="details are a list"),
        pytest.param(
            {**USAGE, "prompt_tokens_details": {"cache_type": {"ephemeral": []}}}, id="cache type"
        ),
        pytest.param({**USAGE, "completion_tokens_details": 3}, id="details are a number"),
        pytest.param({**USAGE, "prompt_tokens_details": {"cached_tokens": 99}}, id="too many hits"),
        pytest.param({**USAGE, "prompt_tokens": -4}, id="negative"),
        pytest.param({**USAGE, "prompt_tokens": 1e308}, id="huge"),
        pytest.param({**USAGE, "cost": {"usd": "free"}}, id="cost is an object"),
        pytest.param("many", id="text"),
        pytest.param([1], id="list"),
    ],
)
def test_no_usage_takes_the_answer_away(
    usage: Any, script: Callable[[Any], Script], read: Callable[[ChatQwen36], AIMessage]
) -> None:
    """The answer is paid for and good, whatever stands beside it."""
    with FaultServer(script(usage)) as server:
        assert read(model(server)).text == "Hello"


@pytest.mark.parametrize(
    ("thinking", "rate"),
    [pytest.param(True, 4.0, id="thinks"), pytest.param(False, 1.2, id="does not")],
)
def test_a_server_that_does_not_count_thoughts_is_billed_as_it_was_asked(
    thinking: bool, rate: float
) -> None:
    """qwen-plus has two prices for its answers; the usage mostly says which."""
    with FaultServer(stream([text("Hello"), FINISH, USED, DONE])) as server:
        answer = _streamed(model(server, model="qwen-plus", enable_thinking=thinking))
    rates = answer.response_metadata["cost"]["rates"]
    assert [rates.get("thinking_output"), rates.get("output")].count(rate) == 1
    assert sum(name.endswith("output") for name in rates) == 1


@pytest.mark.parametrize("read", STREAMS)
def test_the_longest_event_can_be_set(read: Callable[[ChatQwen36], AIMessage]) -> None:
    """By the constructor; the error names the setting and is not retried."""
    with FaultServer(stream([text("x" * 5000), FINISH, DONE])) as server:
        with pytest.raises(UnexpectedResponseError, match="max_event_bytes=4000") as caught:
            read(model(server, max_event_bytes=4000))
        assert not caught.value.is_retryable
        assert read(model(server, max_event_bytes=None)).text == "x" * 5000


def test_the_longest_event_can_be_set_for_a_call() -> None:
    """As any other setting that is not of the connection."""
    with FaultServer(stream([text("x" * 5000), FINISH, DONE])) as server:
        asked = model(server).bind(max_event_bytes=4000)
        with pytest.raises(UnexpectedResponseError, match="max_event_bytes"):
            list(asked.stream("Hi!"))


@pytest.mark.parametrize("size", [0, -1])
def test_a_longest_event_that_cannot_be_is_refused(size: int) -> None:
    """Nothing would ever be read."""
    with pytest.raises(ValueError, match="max_event_bytes"):
        ChatQwen36(gateway="apiyi", api_key="sk-none", max_event_bytes=size)


@pytest.mark.parametrize("read", STREAMS)
def test_a_bomb_in_a_stream_is_stopped(read: Callable[[ChatQwen36], AIMessage]) -> None:
    """64 MiB of one event packed in 64 KiB end at the limit, not in the memory."""
    bomb = gzip.compress(b'data: {"choices":[' + b" " * 64 * MIB)
    with (
        FaultServer(stream([bomb], content_encoding="gzip")) as server,
        pytest.raises(UnexpectedResponseError, match="max_event_bytes"),
    ):
        read(model(server, max_event_bytes=2 * MIB))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("read", STREAMS)
def test_an_event_of_64_mib_is_read_in_linear_time(
    read: Callable[[ChatQwen36], AIMessage],
) -> None:
    """In pieces of 16 KiB: four times as long as a quarter of it, not sixteen times."""

    def seconds(size: int) -> float:
        event = text("x" * size)
        pieces = [event[at : at + 16_384] for at in range(0, len(event), 16_384)]
        with FaultServer(stream([*pieces, FINISH, DONE])) as server:
            return cpu_seconds(lambda: read_whole(server, size))

    def read_whole(server: FaultServer, size: int) -> None:
        assert len(read(model(server)).text) == size

    assert_grows_linearly(seconds, small=16 * MIB, large=64 * MIB)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(_invoked, id="invoke"),
        pytest.param(lambda asked: asyncio.run(asked.ainvoke("Hi!")), id="ainvoke"),
    ],
)
def test_ten_thousand_pieces_of_a_tool_call_are_read_in_linear_time(
    ask: Callable[[ChatQwen36], AIMessage],
) -> None:
    """By an invoke that streams inside: adding up chunks is LangChain's own work."""

    def seconds(count: int) -> float:
        first = tool_delta('{"a": "', index=0, id="call_1", name="f")
        rest = [tool_delta("x", index=0) for _ in range(count)]
        payloads = call_chunks(first, *rest, tool_delta('"}', index=0))
        with FaultServer(stream([b"".join(map(sse, payloads)), DONE])) as server:
            return cpu_seconds(lambda: read_whole(server, count))

    def read_whole(server: FaultServer, count: int) -> None:
        message = ask(model(server, streaming=True))
        assert message.tool_calls[0]["args"] == {"a": "x" * count}

    seconds(100)
    assert_grows_linearly(seconds, small=2_500, large=10_000)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("qwen3.6-plus\r\nX-Injected: yes", id="line break"),
        pytest.param("../../admin?x=#y", id="path"),
        pytest.param('qwen"},"messages":[],"a":{"', id="json"),
        pytest.param("qwen\x00\ud83d", id="nul and half an emoji"),
    ],
)
def test_a_models_name_is_only_ever_a_text_in_the_body(name: str) -> None:
    """It reaches neither the path nor a header, adds no key to the body, and is valid UTF-8."""
    with FaultServer(whole(200, completion({"content": "Hello"}))) as server:
        asked = model(server, model=name)
        try:
            asked.invoke("Hi!")
        except (InvalidRequestError, ValueError):
            assert server.requests == []
            return
        (sent,) = server.requests
    assert sent.path == "/v1/chat/completions"
    assert "x-injected" not in sent.headers
    assert json.loads(sent.body)["model"] == name.replace("\ud83d", "\ufffd")
    assert json.loads(sent.body)["messages"] == [{"role": "user", "content": "Hi!"}]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        pytest.param(
            {"default_headers": {"x-team": "a\r\nX-Injected: yes"}},
            InvalidRequestError,
            id="value",
        ),
        pytest.param(
            {"default_headers": {"x-team\r\nX-Injected": "yes"}}, InvalidRequestError, id="name"
        ),
        pytest.param({"api_key": "sk-none\r\nX-Injected: yes"}, UnsupportedSettingError, id="key"),
    ],
)
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda asked: asked.invoke("Hi!"), id="sync"),
        pytest.param(lambda asked: asyncio.run(asked.ainvoke("Hi!")), id="async"),
    ],
)
def test_a_header_cannot_be_smuggled_in(
    settings: dict[str, Any], error: type[Exception], ask: Callable[[ChatQwen36], Awaitable[Any]]
) -> None:
    """Nothing is sent, and the error does not quote what may be the key."""
    with FaultServer(whole(200, completion({"content": "Hello"}))) as server:
        with pytest.raises(error) as caught:
            ask(model(server, **settings))
        assert server.requests == []
    assert "sk-none" not in str(caught.value)


def test_a_query_cannot_break_out_of_the_url() -> None:
    """What is added to the URL is quoted."""
    with FaultServer(whole(200, completion({"content": "Hello"}))) as server:
        model(server, default_query={"v": "1 HTTP/1.1\r\nX-Injected: yes#&a=b"}).invoke("Hi!")
        (sent,) = server.requests
    assert sent.path == "/v1/chat/completions?v=1+HTTP%2F1.1%0D%0AX-Injected%3A+yes%23%26a%3Db"
    assert "x-injected" not in sent.headers


@pytest.mark.parametrize("wbits", [zlib.MAX_WBITS, -zlib.MAX_WBITS], ids=["zlib", "raw"])
def test_deflate_is_read_alike_however_it_is_cut(wbits: int) -> None:
    """Which kind of deflate it is shows in its second byte, which may come alone."""
    packer = zlib.compressobj(wbits=wbits)
    data = packer.compress(b"Hello") + packer.flush()
    decode = decoder_for({"content-encoding": "deflate"})
    pieces = [piece for byte in data for piece in decode(bytes([byte]))]
    assert b"".join(pieces) == b"Hello"


def test_encodings_on_top_of_each_other_have_a_limit() -> None:
    """Thousands of them are refused before they recurse; a few are decoded."""
    twice = gzip.compress(gzip.compress(b"Hello"))
    assert b"".join(decoder_for({"content-encoding": "gzip, gzip"})(twice)) == b"Hello"
    with pytest.raises(UnexpectedResponseError, match="encoded 5000 times"):
        decoder_for({"content-encoding": ",".join(["gzip"] * 5000)})
