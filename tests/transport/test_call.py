"""One model call: when it is tried again, how long it waits, what it reads and says."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from answers import chunk, completion, request
from fault_calls import (
    ANSWER,
    DONE,
    FINISH,
    GOOD,
    HELLO,
    KEY,
    WHOLE,
    apost,
    call_to,
    post,
    posted,
    sse,
    streamed,
    text,
)
from fault_server import FaultServer, Wire, stream, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_qwen36._response.payload import HTTPBody, loads, parse_completion
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._response.stream_decoder import StreamDecoder
from langchain_qwen36._transport import StreamCall, no_waiting
from langchain_qwen36._transport.backoff import delay
from langchain_qwen36.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    GatewayConnectionError,
    GatewayTimeoutError,
    InvalidRequestError,
    PaymentRequiredError,
    QwenError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modes import Mode


# When, and how long


@pytest.mark.parametrize(
    ("error", "attempt", "least", "most"),
    [
        pytest.param(ServerError(), 1, 0.375, 0.5, id="first"),
        pytest.param(ServerError(), 2, 0.75, 1.0, id="second"),
        pytest.param(ServerError(), 5, 6.0, 8.0, id="fifth"),
        pytest.param(ServerError(), 900, 6.0, 8.0, id="no overflow"),
        pytest.param(GatewayTimeoutError(), 1, 0.375, 0.5, id="a timeout"),
        pytest.param(GatewayConnectionError(), 1, 0.0, 0.0, id="a lost connection, at once"),
        pytest.param(GatewayConnectionError(), 2, 0.75, 1.0, id="lost again"),
        pytest.param(RateLimitError(), 1, 0.0, 1.0, id="throttled: full jitter"),
        pytest.param(RateLimitError(), 9, 0.0, 8.0, id="throttled for long"),
        pytest.param(RateLimitError(retry_after=3), 1, 3.0, 3.3, id="told how long"),
        pytest.param(ServerError(retry_after=120), 1, 120.0, 132.0, id="told the longest"),
        pytest.param(UnexpectedResponseError(), 1, 0.375, 0.5, id="no answer, once"),
    ],
)
def test_delay(error: QwenError, attempt: int, least: float, most: float) -> None:
    """Seconds for the luckiest and the unluckiest throw of the dice."""
    lucky, unlucky = (delay(error, attempt, 1000, dice=lambda x=x: x) for x in (0.0, 1.0))
    assert sorted((lucky, unlucky)) == pytest.approx([least, most])  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("error", "attempt"),
    [
        pytest.param(ServerError(), 3, id="after two retries"),
        pytest.param(ServerError(is_retryable=False), 1, id="the gateway says no"),
        pytest.param(RateLimitError(retry_after=120.1), 1, id="told to wait too long"),
        pytest.param(UnexpectedResponseError(), 2, id="no answer twice"),
        pytest.param(AuthenticationError(), 1, id="a wrong key"),
        pytest.param(InvalidRequestError(), 1, id="a wrong request"),
        pytest.param(ContextOverflowError(), 1, id="too long"),
        pytest.param(ContentFilterError(), 1, id="flagged"),
        pytest.param(PaymentRequiredError(), 1, id="no money"),
    ],
)
def test_no_retry(error: QwenError, attempt: int) -> None:
    """Asking again would change nothing, or cost too much time."""
    assert delay(error, attempt, 2) is None


def test_max_retries_is_obeyed(mode: Mode) -> None:
    """None at all, or five."""
    for retries in (0, 5):
        with FaultServer(whole(500, {})) as server:
            outcome = posted(mode, server, max_retries=retries)
        assert (outcome.requests, outcome.attempts) == (retries + 1, retries + 1)


def test_it_really_waits(mode: Mode) -> None:
    """Retry-After is slept in both worlds, unless waiting is switched off."""
    with FaultServer(whole(429, {}, retry_after_ms="300"), ANSWER) as server:
        started = time.monotonic()
        call = call_to(server.url)
        _ = post(call) if mode == "sync" else asyncio.run(apost(call))
        assert time.monotonic() - started > 0.3
    with FaultServer(whole(429, {}, retry_after="60"), ANSWER) as server:
        assert posted(mode, server).seconds < 30


def test_no_waiting_ends_with_its_block() -> None:
    """What a test switches off is on again after it, also after a failure."""
    with pytest.raises(ZeroDivisionError), no_waiting():
        _ = 1 / 0
    test_it_really_waits("sync")


# stream_options


def test_stream_options_are_left_out_where_they_are_refused(
    mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    """A second body without them, no crash, and a word in the log."""
    refusal = whole(400, {"error": {"message": "Unknown field: stream_options"}})
    with FaultServer(refusal, GOOD) as server:
        outcome = streamed(mode, server, max_retries=0)
        bodies = [json.loads(wire.body) for wire in server.requests]
    assert outcome.text == "Hello"
    assert bodies[0].pop("stream_options") == {"include_usage": True}
    assert bodies[0] == bodies[1]
    assert "refuses `stream_options`" in caplog.text


def test_stream_options_of_a_tool_are_the_tools(mode: Mode) -> None:
    """A parameter of that name stays, and the refusal is told after one request."""
    refusal = whole(400, {"error": {"message": "Unknown field: stream_options"}})
    parameters = {"properties": {"stream_options": {"type": "string"}}}
    body = json.dumps({"tools": [{"function": {"name": "f", "parameters": parameters}}]}).encode()
    with FaultServer(refusal) as server:
        outcome = posted(mode, server, body=body)
    assert (type(outcome.error), outcome.requests) == (InvalidRequestError, 1)


def test_stream_options_are_left_out_once(mode: Mode) -> None:
    """A server that goes on complaining gets no third body."""
    refusal = whole(400, {"error": {"message": "Unknown field: stream_options"}})
    with FaultServer(refusal) as server:
        outcome = streamed(mode, server)
    assert (type(outcome.error), outcome.requests) == (InvalidRequestError, 2)


def test_another_refusal_is_final(mode: Mode) -> None:
    """Only that field is ever left out."""
    with FaultServer(whole(400, {"error": {"message": "Unknown field: top_k"}})) as server:
        assert streamed(mode, server).requests == 1


# What comes back


def test_meta(mode: Mode) -> None:
    """The id, the headers and the count of attempts of the answer that came."""
    answer = whole(200, completion({"content": "x"}), X_Request_Id="r-1", X_Own="y")
    with FaultServer(whole(500, {}), answer) as server, no_waiting():
        call = call_to(server.url)
        payload, meta = post(call) if mode == "sync" else asyncio.run(apost(call))
    assert payload.content == "x"
    assert (meta.request_id, meta.attempts, meta.headers["x-own"]) == ("r-1", 2, "y")


def test_meta_from_the_body() -> None:
    """Without a header the body's own id serves."""
    with FaultServer(ANSWER) as server:
        assert post(call_to(server.url))[1].request_id == "chatcmpl-1"


def test_meta_of_a_stream() -> None:
    """It is there once the answer has begun."""
    with FaultServer(stream(WHOLE, x_generation_id="g-1")) as server:
        said = request()
        answer = StreamCall(call_to(server.url), lambda: CompletionReader(said))
        next(iter(answer))
        assert (answer.meta.request_id, answer.meta.attempts) == ("g-1", 1)


def test_errors_carry_the_request_id(mode: Mode) -> None:
    """Of a stream that broke, it is the header's."""
    with FaultServer(stream(HELLO, Wire.rst, x_request_id="r-9")) as server:
        error = streamed(mode, server).error
    assert error is not None
    assert error.request_id == "r-9"


def test_json_that_is_nested_too_deeply_is_no_json() -> None:
    """A typed error, not a RecursionError."""
    with pytest.raises(ValueError, match="nested too deeply"):
        loads(b"[" * 100_000)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"3", b'"x"', b"{}", b'{"choices": null}', b'{"choices": []}',
        b'{"choices": {}}', b'{"choices": [{"delta"', b"\xff\xfe", b"data: x",
    ],
)  # fmt: skip
def test_what_is_no_completion(content: bytes) -> None:
    """A typed error that quotes what came."""
    call = call_to("https://h/v1")
    with pytest.raises(UnexpectedResponseError, match="no chat completion"):
        parse_completion(call.context, HTTPBody(200, {}, content))


def test_a_completion_with_bytes_that_are_no_utf8() -> None:
    """They are replaced, as in a stream."""
    content = orjson.dumps(completion({"content": "a?b"})).replace(b"?", b"\xff")
    payload = parse_completion(call_to("https://h/v1").context, HTTPBody(200, {}, content))
    assert payload["choices"][0]["message"]["content"] == "a\ufffdb"


# Ends


def test_a_stall_after_the_finish_reason_is_an_end(mode: Mode) -> None:
    """The answer is whole; that its server does not close the stream takes nothing away."""
    with FaultServer(stream([*HELLO, FINISH], lambda wire: wire.wait(1.0))) as server:
        outcome = streamed(mode, server)
    assert (outcome.error, outcome.text, outcome.finish) == (None, "Hello", "stop")


def test_a_reset_after_the_finish_reason_is_an_end(mode: Mode) -> None:
    """Likewise."""
    with FaultServer(stream([*HELLO, FINISH], Wire.rst)) as server:
        outcome = streamed(mode, server)
    assert (outcome.error, outcome.text, outcome.finish) == (None, "Hello", "stop")


def test_moderation_in_mid_stream(mode: Mode) -> None:
    """What the model had said was flagged: the output's side, with what had come."""
    flagged = {"error": {"code": "data_inspection_failed", "message": "Inappropriate content."}}
    with FaultServer(stream([*HELLO, sse(flagged)])) as server:
        error = streamed(mode, server).error
    assert isinstance(error, ContentFilterError)
    assert error.side == "output"
    assert error.partial is not None
    assert error.partial.content == "Hello"


def test_an_error_after_thoughts_only(mode: Mode) -> None:
    """Thoughts were handed out, so nothing is sent again."""
    thought = sse(chunk({"reasoning_content": "hm"}))
    with FaultServer(stream([thought], Wire.rst), GOOD) as server:
        outcome = streamed(mode, server)
    assert (type(outcome.error), outcome.requests) == (StreamInterruptedError, 1)


def test_an_error_after_nothing_but_a_role(mode: Mode) -> None:
    """A chunk that says nothing hands nothing out, so the call may begin again."""
    role = sse(chunk({"role": "assistant", "content": ""}))
    with FaultServer(stream([role], Wire.rst), GOOD) as server:
        outcome = streamed(mode, server)
    assert (outcome.text, outcome.requests) == ("Hello", 2)


def test_a_key_in_a_chunk(mode: Mode) -> None:
    """A gateway that quotes the key in a stream's error, or in broken JSON, does not spread it."""
    told = {"message": f"bad {KEY}"}
    events = (sse({"error": told}), sse(chunk({}, "error", error=told)), b"data: {%s\n\n")
    for event in (event.replace(b"%s", KEY.encode()) for event in events):
        with FaultServer(stream([*HELLO, event])) as server:
            error = streamed(mode, server).error
        assert error is not None
        assert KEY not in f"{error!r} {error} {vars(error)}"
        assert "[key]" in str(error)


# The log


def test_one_line_a_call(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Gateway, model, outcome, id, attempts, seconds; no key and no content."""
    caplog.set_level(logging.DEBUG, "langchain_qwen36")
    with FaultServer(whole(500, {}), stream(WHOLE, x_request_id="r-1")) as server:
        streamed(mode, server)
    (line,) = [r.getMessage() for r in caplog.records if r.name.startswith("langchain_qwen36")]
    assert line.startswith(
        "gateway=dashscope model=qwen3.6-plus outcome=200 request_id=r-1 attempts=2 seconds="
    )
    caplog.clear()
    with FaultServer(whole(401, {"error": {"message": KEY}}, x_request_id="r-2")) as server:
        posted(mode, server)
    (line,) = [r.getMessage() for r in caplog.records if r.name.startswith("langchain_qwen36")]
    assert "outcome=401 request_id=r-2 attempts=1" in line
    assert KEY not in caplog.text


# Whatever a gateway sends


def fed(pieces: Iterable[bytes]) -> None:
    """Feed a stream to a real reader, to its end."""
    said = request()
    feed = StreamDecoder(call_to("http://h/v1").context, CompletionReader(said), 200, {})
    for piece in pieces:
        feed.feed(piece)
        if feed.ended:
            break
    feed.finish()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_NAMES = st.sampled_from(
    ["choices", "error", "message", "code", "detail", "object", "usage", "delta", "index",
     "finish_reason", "metadata", "raw", "availability", "retry_after", "content", "type"]
)  # fmt: skip
_LIKELY = st.recursive(
    _JSON,
    lambda inner: st.dictionaries(_NAMES, inner, max_size=5) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(_NAMES, _LIKELY, max_size=6))
def test_any_answer_is_an_answer_or_a_typed_error(payload: dict[str, Any]) -> None:
    """No JSON from a gateway makes the reading of errors crash."""
    try:
        content = orjson.dumps(payload)
    except TypeError:  # an integer that no JSON reader takes
        return
    call = call_to("http://h/v1")
    for status in (200, 400, 500):
        with suppress(QwenError):
            assert parse_completion(call.context, HTTPBody(status, {}, content)) == payload


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*WHOLE, b"data: {\n\n", b"data: 1\n\n", b": x\n\n", b"event: error\n", b"error: x\n\n",
             text("x")[:9], sse({"choices": [{}]}), sse({"error": 7}), sse([]), b"\xff", DONE]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_stream_ends_in_peace_or_in_a_typed_error(pieces: list[bytes]) -> None:
    """However its pieces are mixed."""
    with suppress(QwenError):
        fed(pieces)
