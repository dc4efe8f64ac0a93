"""The faults of the wire, each in sync and async."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from answers import USAGE, chunk, tool_delta
from fault_calls import (
    ANSWER,
    DONE,
    FINISH,
    GOOD,
    HELLO,
    KEY,
    STALL,
    USED,
    WHOLE,
    Outcome,
    ask,
    ask_whole,
    sse,
    streamed,
    text,
)
from fault_server import FaultServer, Wire, stream, whole

from langchain_qwen36._transport import Timeouts
from langchain_qwen36.errors import (
    AuthenticationError,
    GatewayConnectionError,
    GatewayTimeoutError,
    InvalidRequestError,
    NotFoundError,
    QwenError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from fault_server import Script
    from modes import Mode

PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
TOKENS = USAGE["total_tokens"]


GAP = Timeouts(connect=30, first_event=30, gap=1)
"""No other clock than the gap's ends a call, on however busy a machine."""


def hello(outcome: Outcome) -> None:
    """Expect the whole answer, once."""
    assert outcome.error is None
    assert (outcome.text, outcome.finish, outcome.tokens) == ("Hello", "stop", TOKENS)


def failed(outcome: Outcome, error: type[QwenError], *, requests: int = 1) -> QwenError:
    """Expect this error, after so many requests."""
    assert outcome.error is not None, outcome
    assert (type(outcome.error), outcome.requests) == (error, requests), outcome.error
    assert outcome.error.attempts == requests
    assert outcome.error.gateway == "dashscope"
    return outcome.error


def cut_short(outcome: Outcome, error: type[QwenError], chunks: int = 2) -> QwenError:
    """Expect a stream that fails after Hello, which was handed out and is kept."""
    found = failed(outcome, error)
    assert (outcome.text, found.chunks) == ("Hello", chunks)
    assert found.partial is not None
    assert found.partial.content == "Hello"
    return found


def silence(wire: Wire) -> None:
    """Say nothing for longer than any clock of the test."""
    wire.wait(STALL)


def comments(wire: Wire) -> None:
    """Keep the connection alive, and nothing else."""
    for _ in range(30):
        wire.chunk(b": keep-alive\n\n")
        wire.wait(0.05)


# A. Connection and body


def test_reset_in_mid_stream(mode: Mode) -> None:
    """What came was handed out; then one retryable error, and no second request."""
    error = cut_short(ask(mode, stream(HELLO, Wire.rst)), StreamInterruptedError)
    assert error.is_retryable


def test_fin_in_mid_stream(mode: Mode) -> None:
    """A missing end of the chunked body is a broken stream."""
    error = cut_short(ask(mode, stream(HELLO, Wire.fin)), StreamInterruptedError)
    assert error.is_retryable


def test_clean_end_in_mid_answer(mode: Mode) -> None:
    """An end without finish_reason or [DONE] is no success."""
    cut_short(ask(mode, stream(HELLO)), StreamInterruptedError)


def test_end_after_finish_reason(mode: Mode) -> None:
    """A finish_reason is evidence enough."""
    hello(ask(mode, stream([*HELLO, FINISH, USED])))


def test_connection_dropped_before_the_answer(mode: Mode) -> None:
    """Nothing was received, so it is asked again, at once."""
    outcome = ask(mode, Wire.fin, GOOD)
    hello(outcome)
    assert (outcome.requests, outcome.attempts) == (2, 2)


def test_dropped_every_time(mode: Mode) -> None:
    """It is not asked for ever."""
    failed(ask(mode, Wire.fin), GatewayConnectionError, requests=3)


def test_no_headers(mode: Mode) -> None:
    """The first-event clock ends it, each of three times."""
    outcome = ask(mode, silence)
    error = failed(outcome, GatewayTimeoutError, requests=3)
    assert isinstance(error, GatewayTimeoutError)
    assert error.clock == "first_event"
    assert outcome.seconds < STALL


def test_silence_in_mid_stream(mode: Mode) -> None:
    """The gap clock ends it, and what came is not asked for again."""
    outcome = ask(mode, stream(HELLO, silence), timeouts=GAP)
    error = cut_short(outcome, GatewayTimeoutError)
    assert isinstance(error, GatewayTimeoutError)
    assert error.clock == "gap"
    assert outcome.seconds < STALL


def test_comments_do_not_reset_the_gap(mode: Mode) -> None:
    """A lively connection with a dead model is a stall."""
    outcome = ask(mode, stream(HELLO, comments), timeouts=GAP)
    error = cut_short(outcome, GatewayTimeoutError)
    assert isinstance(error, GatewayTimeoutError)
    assert error.clock == "gap"
    assert outcome.seconds < STALL


def test_comments_before_the_first_event(mode: Mode) -> None:
    """Before the first event the longer clock runs, and comments do not reset it either."""

    def queue(wire: Wire) -> None:
        for _ in range(8):
            wire.chunk(b": PROCESSING\n\n")
            wire.wait(0.05)
        for event in WHOLE:
            wire.chunk(event)
        wire.end()

    hello(ask(mode, stream([], queue), timeouts=Timeouts(first_event=2, gap=0.2)))
    error = ask(mode, stream([], comments), max_retries=0).error
    assert isinstance(error, GatewayTimeoutError)
    assert error.clock == "first_event"


def test_total(mode: Mode) -> None:
    """The total deadline ends a stream that never stalls."""

    def babble(wire: Wire) -> None:
        for _ in range(1000):
            wire.chunk(text("x"))
            wire.wait(0.02)

    outcome = ask(mode, stream([], babble), timeouts=Timeouts(total=0.4))
    assert isinstance(outcome.error, GatewayTimeoutError)
    assert (outcome.error.clock, outcome.error.is_retryable) == ("total", False)
    assert outcome.seconds < STALL / 2


@pytest.mark.parametrize("evidence", [True, False], ids=["ended", "not ended"])
def test_content_length_too_long(mode: Mode, evidence: bool) -> None:
    """A length that lies does no harm to an answer that ended, and hides no end."""

    def lie(wire: Wire) -> None:
        body = b"".join(WHOLE if evidence else HELLO)
        wire.head_of(content_type="text/event-stream", content_length=str(len(body) + 50))
        wire.send(body)
        wire.fin()

    outcome = ask(mode, lie)
    if evidence:
        hello(outcome)
    else:
        cut_short(outcome, StreamInterruptedError)


def test_not_http(mode: Mode) -> None:
    """The error names the URL."""

    def garbage(wire: Wire) -> None:
        wire.send(b"\x15\x03\x01\x00\x02\x02\x16 no http at all\r\n\r\n")
        wire.fin()

    error = failed(ask(mode, garbage), GatewayConnectionError, requests=3)
    assert "http://127.0.0.1:" in str(error)


def test_redirect_to_another_origin(mode: Mode) -> None:
    """Neither key nor question goes there, and the error says where it would have gone."""
    with FaultServer(GOOD) as other:
        outcome = ask(mode, whole(307, b"", location=other.url))
        error = failed(outcome, UnexpectedResponseError)
        assert other.requests == []
        assert f"redirects to {other.url}" in str(error)


def test_redirect_at_home(mode: Mode) -> None:
    """A new path at the same origin is followed, with body and key."""
    with FaultServer(whole(308, b"", location="/v2/chat"), GOOD) as server:
        hello(streamed(mode, server))
        assert [wire.path for wire in server.requests] == ["/v1/chat/completions", "/v2/chat"]
        assert server.requests[1].body == server.requests[0].body
        assert server.requests[1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirect_that_drops_the_body(mode: Mode, status: int) -> None:
    """These would turn the question into a GET, so they are refused."""
    failed(ask(mode, whole(status, b"", location="/v2/chat")), UnexpectedResponseError)


def test_redirect_to_no_address(mode: Mode) -> None:
    """It leads nowhere, so the redirect is the answer, and a refusal."""
    outcome = ask(mode, whole(307, b"", location="http://[::1"))
    assert failed(outcome, InvalidRequestError).status_code == 307


def test_redirect_for_ever(mode: Mode) -> None:
    """Three are followed, no more."""
    outcome = ask(mode, whole(307, b"", location="/v1/chat/completions"))
    assert type(outcome.error) is UnexpectedResponseError
    assert outcome.requests == 4


# B. Status and body shape, of a stream request and of one for a whole answer

BOTH = pytest.mark.parametrize("asked", [ask, ask_whole], ids=["stream", "whole"])


@BOTH
def test_error_body_in_http_200(mode: Mode, asked: Any) -> None:
    """It is what it says: a 429, retried like one."""
    body = whole(200, {"error": {"code": 429, "message": "slow down"}})
    error = failed(asked(mode, body), RateLimitError, requests=3)
    assert (error.status_code, "slow down" in str(error)) == (429, True)


def test_success_after_it(mode: Mode) -> None:
    """Twice throttled in a 200, then an answer."""
    body = whole(200, {"error": {"code": 429, "message": "slow down"}})
    hello(ask(mode, body, body, GOOD))


@BOTH
def test_json_that_is_no_completion(mode: Mode, asked: Any) -> None:
    """The error quotes the body and the URL; asking again would change nothing."""
    error = failed(asked(mode, whole(200, {"message": "Success"})), UnexpectedResponseError)
    assert '{"message": "Success"}' in str(error)
    assert "/v1/chat/completions" in str(error)


@BOTH
def test_html_in_http_200(mode: Mode, asked: Any) -> None:
    """A login page is no answer."""
    error = failed(asked(mode, whole(200, PAGE)), UnexpectedResponseError)
    assert "<title>502" in str(error)


@BOTH
def test_empty_body(mode: Mode, asked: Any) -> None:
    """Nothing came, so it is asked for once more."""
    empty = whole(200, b"", content_type="application/json")
    failed(asked(mode, empty), UnexpectedResponseError, requests=2)


def test_empty_stream(mode: Mode) -> None:
    """An event stream without an event is one that broke off."""
    failed(ask(mode, stream([])), StreamInterruptedError, requests=3)


@BOTH
def test_502_every_time(mode: Mode, asked: Any) -> None:
    """The status and the page's title come through, after the retries."""
    error = failed(asked(mode, whole(502, PAGE)), ServerError, requests=3)
    assert (error.status_code, "'502 Bad Gateway'" in str(error)) == (502, True)


def test_502_once(mode: Mode) -> None:
    """One retry, success."""
    outcome = ask(mode, whole(502, PAGE), GOOD)
    hello(outcome)
    assert outcome.attempts == 2
    assert ask_whole(mode, whole(502, PAGE), ANSWER).attempts == 2


def test_retry_after(mode: Mode) -> None:
    """The wait that is asked for is kept; see test_call.py for its length."""
    outcome = ask(mode, whole(429, {}, retry_after="1"), GOOD)
    hello(outcome)
    assert outcome.requests == 2


@BOTH
def test_retry_after_five_minutes(mode: Mode, asked: Any) -> None:
    """Nobody sleeps for five minutes in silence: the error says it at once."""
    error = failed(asked(mode, whole(429, {}, retry_after="300")), RateLimitError)
    assert error.retry_after == 300.0


def test_x_should_retry(mode: Mode) -> None:
    """The header is obeyed both ways."""
    hello(ask(mode, whole(404, {}, x_should_retry="true"), GOOD))
    failed(ask(mode, whole(500, {}, x_should_retry="false")), ServerError)
    failed(ask(mode, whole(404, {})), NotFoundError)


@BOTH
def test_flat_error_body(mode: Mode, asked: Any) -> None:
    """The message is found without an envelope."""
    body = {"code": "InvalidParameter", "message": "Boom", "request_id": "r-1"}
    error = failed(asked(mode, whole(400, body)), InvalidRequestError)
    assert (error.code, error.request_id) == ("InvalidParameter", "r-1")
    assert str(error).startswith("Boom")


@BOTH
def test_401(mode: Mode, asked: Any) -> None:
    """Not retried, and the key that the gateway quotes is not in the error."""
    body = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    error = failed(asked(mode, whole(401, body)), AuthenticationError)
    assert KEY not in f"{error!r} {error} {vars(error)}"
    assert "Incorrect API key provided" in str(error)


@BOTH
def test_fastapi_422(mode: Mode, asked: Any) -> None:
    """The details come through."""
    body = {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "type": "missing"}]}
    error = failed(asked(mode, whole(422, body)), InvalidRequestError)
    assert str(error).startswith("body.messages: Field required")


# C. Errors inside a stream


def test_error_beside_choices(mode: Mode) -> None:
    """What came is handed out, the chunk's own content too; then the error."""
    chunk_with_error = {
        **chunk({"content": "lo"}, "error"),
        "error": {"code": 502, "message": "Boom"},
    }
    error = cut_short(ask(mode, stream([text("Hel"), sse(chunk_with_error), DONE])), ServerError)
    assert (error.status_code, str(error).startswith("Boom")) == (502, True)


def test_event_named_error(mode: Mode) -> None:
    """Its own status counts."""
    event = b"event: error\n" + sse({"error": {"message": "Boom", "status_code": 400}})
    error = cut_short(ask(mode, stream([*HELLO, event])), InvalidRequestError)
    assert str(error).startswith("Boom")


def test_field_named_error(mode: Mode) -> None:
    """The one unknown field that is read."""
    error = cut_short(ask(mode, stream([*HELLO, b'error: {"detail":"Boom"}\n\n'])), ServerError)
    assert str(error).startswith("Boom")


def test_field_named_error_without_json(mode: Mode) -> None:
    """A sentence is an error as well."""
    error = cut_short(ask(mode, stream([*HELLO, b"error: Boom\n\n"])), ServerError)
    assert str(error).startswith("Boom")


def test_error_is_a_string(mode: Mode) -> None:
    """The string is the message."""
    error = cut_short(ask(mode, stream([*HELLO, sse({"error": "overloaded"})])), ServerError)
    assert str(error).startswith("overloaded")


def test_vllm_error_object(mode: Mode) -> None:
    """It has no key named error."""
    event = sse({"object": "error", "message": "Boom", "type": "X", "code": 500})
    error = cut_short(ask(mode, stream([*HELLO, event, DONE])), ServerError)
    assert error.status_code == 500


def test_errors_before_the_first_delta_are_retried(mode: Mode) -> None:
    """Nothing was handed out, so a throttle in the stream is as good as one in the status."""
    throttled = stream([sse({"error": {"code": 429, "message": "slow"}})])
    hello(ask(mode, throttled, GOOD))


# D. Events and encodings


def test_truncated_json(mode: Mode) -> None:
    """The error names the chunk and quotes it; it is never skipped."""
    outcome = ask(mode, stream([*HELLO, b'data: {"choices": [{"del\n\n', DONE]))
    error = cut_short(outcome, UnexpectedResponseError)
    assert str(error).startswith('Chunk 3 of the stream is no JSON: \'{"choices"')


def test_two_objects_in_one_event(mode: Mode) -> None:
    """Line by line they are JSON."""
    joined = HELLO[0].rstrip() + b"\n" + HELLO[1]
    hello(ask(mode, stream([joined, FINISH, USED, DONE])))


def test_bom(mode: Mode) -> None:
    """The first event is not lost."""
    hello(ask(mode, stream([b"\xef\xbb\xbf" + WHOLE[0], *WHOLE[1:]])))


def test_invalid_utf8(mode: Mode) -> None:
    """It is replaced, and what is around it stays."""
    outcome = ask(mode, stream([text("a?b").replace(b"?", b"\xff"), FINISH, DONE]))
    assert (outcome.text, outcome.finish) == ("a\ufffdb", "stop")


def test_every_byte_by_itself(mode: Mode) -> None:
    """Characters of four bytes come whole."""
    body = b"".join([text("喵🥌"), FINISH, DONE])
    outcome = ask(mode, stream(body[i : i + 1] for i in range(len(body))))
    assert (outcome.text, outcome.finish) == ("喵🥌", "stop")


def test_crlf(mode: Mode) -> None:
    """Line ends of another kind."""
    hello(ask(mode, stream(event.replace(b"\n", b"\r\n") for event in WHOLE)))


def test_no_space(mode: Mode) -> None:
    """`data:` and at once the payload."""
    hello(ask(mode, stream(event.replace(b"data: ", b"data:", 1) for event in WHOLE)))


def gzipped(pieces: list[bytes]) -> list[bytes]:
    """One gzip body, flushed after every piece."""
    squeeze = zlib.compressobj(wbits=31)
    flushed = [squeeze.compress(piece) + squeeze.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*flushed, squeeze.flush()]


def test_gzip(mode: Mode) -> None:
    """It is undone piece by piece: the first is there while the server is still silent."""
    hello(ask(mode, stream(gzipped(WHOLE), content_encoding="gzip")))
    outcome = ask(mode, stream(gzipped(HELLO), silence, content_encoding="gzip"))
    cut_short(outcome, GatewayTimeoutError)


@pytest.mark.parametrize("wbits", [15, -15], ids=["with its header", "without"])
def test_deflate(mode: Mode, wbits: int) -> None:
    """Both things that servers call deflate."""
    squeeze = zlib.compressobj(wbits=wbits)
    body = squeeze.compress(b"".join(WHOLE)) + squeeze.flush()
    hello(ask(mode, stream([body[:9], body[9:]], content_encoding="deflate")))


def test_zstd(mode: Mode) -> None:
    """It was not asked for, so it is named as what the server may not send."""
    body = b"\x28\xb5\x2f\xfd" + b"".join(WHOLE)
    error = failed(ask(mode, stream([body], content_encoding="zstd")), UnexpectedResponseError)
    assert "Unsupported content-encoding 'zstd'" in str(error)


def test_unknown_encoding(mode: Mode) -> None:
    """A clear error, no mojibake."""
    error = failed(ask(mode, stream([b"\x1b\x03"], content_encoding="br")), UnexpectedResponseError)
    assert "Unsupported content-encoding 'br'" in str(error)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_says_it_is_encoded(mode: Mode, encoding: str) -> None:
    """A plain body under that header is a typed error, asked for once more and not for ever."""
    lie = stream(WHOLE, content_encoding=encoding)
    error = failed(ask(mode, lie), UnexpectedResponseError, requests=2)
    assert f"content-encoding: {encoding}" in str(error)


@pytest.mark.parametrize("encoding", ["none", "None", "utf-8", "binary", "8bit", "identity, none"])
def test_a_content_encoding_that_is_none_is_read_on(mode: Mode, encoding: str) -> None:
    """Gateways write such values to keep their own server from compressing an event stream."""
    hello(ask(mode, stream(WHOLE, content_encoding=encoding)))


@pytest.mark.parametrize("padding", [b"", b"\0\0\0"], ids=["", "padded"])
@pytest.mark.parametrize("encoding", ["gzip", "gzip, utf-8", "utf-8, gzip"])
def test_gzip_of_several_members_is_read_to_its_end(
    mode: Mode, encoding: str, padding: bytes
) -> None:
    """Some proxies compress each event by itself; RFC 1952 has the members follow each other."""
    body = b"".join(gzip.compress(event) for event in WHOLE) + padding
    for cut in (1, 30, len(gzip.compress(WHOLE[0])), len(body) - 1):
        hello(ask(mode, stream([body[:cut], body[cut:]], content_encoding=encoding)))


def test_encodings_one_over_the_other_are_undone(mode: Mode) -> None:
    """A proxy that compresses what is compressed already says so with both names."""
    body = gzip.compress(gzip.compress(b"".join(WHOLE)))
    hello(ask(mode, stream([body], content_encoding="gzip, gzip")))


def test_cut_gzip(mode: Mode) -> None:
    """The answer's own end decides, not that of its encoding."""
    hello(ask(mode, stream(gzipped(WHOLE)[:-1], content_encoding="gzip")))
    cut = stream(gzipped(HELLO)[:-1], content_encoding="gzip")
    cut_short(ask(mode, cut), StreamInterruptedError)


def test_done_without_a_newline(mode: Mode) -> None:
    """The end of the stream ends the line."""
    hello(ask(mode, stream([*WHOLE[:-1], b"data: [DONE]"])))


def test_finish_reason_without_its_blank_line(mode: Mode) -> None:
    """The last event counts when it is whole."""
    outcome = ask(mode, stream([*HELLO, FINISH.rstrip()]))
    assert (outcome.text, outcome.finish, outcome.error) == ("Hello", "stop", None)


def test_half_an_event_at_the_end(mode: Mode) -> None:
    """And does not count when it is not."""
    cut_short(ask(mode, stream([*HELLO, FINISH[:20]])), StreamInterruptedError)


def test_done_twice(mode: Mode) -> None:
    """The second is one too many, and ignored."""
    hello(ask(mode, stream([*WHOLE, DONE])))
    hello(ask(mode, stream([b"".join([*WHOLE, DONE])])))


def test_usage_after_done(mode: Mode) -> None:
    """It is taken all the same, from the same read or the next."""
    hello(ask(mode, stream([*HELLO, FINISH, DONE + USED])))
    hello(ask(mode, stream([*HELLO, FINISH, DONE, USED])))


def test_nonsense_after_done(mode: Mode) -> None:
    """What comes after the end cannot spoil it."""
    hello(ask(mode, stream([*WHOLE, b"data: {no json\n\n", text("more")])))
    hello(ask(mode, stream(WHOLE, Wire.rst)))
    assert ask(mode, stream(WHOLE, silence)).seconds < STALL / 2


def test_two_megabytes_in_one_event(mode: Mode) -> None:
    """There is no limit that is not set."""
    huge = text("x" * 2_000_000)
    outcome = ask(mode, stream([huge[i : i + 9999] for i in range(0, len(huge), 9999)] + [FINISH]))
    assert (len(outcome.text), outcome.finish) == (2_000_000, "stop")
    error = ask(mode, stream([huge, FINISH]), max_event_bytes=1_000_000).error
    assert isinstance(error, UnexpectedResponseError)
    assert "max_event_bytes=1000000" in str(error)


# E. Chunk contents


def test_finish_reason_twice(mode: Mode) -> None:
    """It is "stop", not "stopstop"."""
    hello(ask(mode, stream([*HELLO, FINISH, sse(chunk({}, "stop", usage=USAGE)), DONE])))


def with_usage(count: int, piece: str = "", finish: str | None = None) -> bytes:
    """Return a chunk with a usage of so many tokens."""
    usage = {"prompt_tokens": count - 2, "completion_tokens": 2, "total_tokens": count}
    return sse(chunk({"content": piece}, finish, usage=usage if count else dict.fromkeys(usage, 0)))


def test_cumulative_usage(mode: Mode) -> None:
    """The last one wins; they are no summands."""
    events = [with_usage(5, "Hel"), with_usage(6, "lo"), with_usage(7, "", "stop"), DONE]
    outcome = ask(mode, stream(events))
    assert (outcome.text, outcome.tokens) == ("Hello", 7)


def test_zero_usage(mode: Mode) -> None:
    """A count of nothing is no count."""
    events = [with_usage(0, "Hel"), with_usage(7, "lo", "stop"), with_usage(0), DONE]
    assert ask(mode, stream(events)).tokens == 7


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"choices": None}, id="f49-choices-null"),
        pytest.param({"type": "ping"}, id="f50-no-choices"),
        pytest.param({"choices": [{"index": 0, "delta": None}]}, id="f51-delta-null"),
        pytest.param({"choices": [None]}, id="choice-null"),
        pytest.param([], id="no object"),
    ],
)
def test_chunks_that_say_nothing(mode: Mode, odd: Any) -> None:
    """They are passed over."""
    hello(ask(mode, stream([sse(odd), WHOLE[0], sse(odd), *WHOLE[1:]])))


def called(*deltas: list[dict[str, Any]], finish: str | None = "tool_calls") -> Script:
    """Return a stream of tool deltas."""
    events = [sse(chunk({"tool_calls": entries})) for entries in deltas]
    return stream([*events, *([sse(chunk({}, finish))] if finish else []), DONE])


def calls(outcome: Outcome) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls that were made of it."""
    assert outcome.message is not None, outcome.error
    return [(call["name"], call["args"]) for call in outcome.message.tool_calls]


def test_tool_deltas_of_dashscope(mode: Mode) -> None:
    """An empty id, an empty name and null arguments change nothing."""
    script = called(
        [tool_delta('{"a": ', index=0, id="call_1", name="f")],
        [tool_delta("1}", index=0, id="", name="")],
        [tool_delta(None, index=0, id="", name="")],
    )
    outcome = ask(mode, script)
    assert (calls(outcome), outcome.finish) == ([("f", {"a": 1})], "tool_calls")
    assert outcome.message is not None
    assert outcome.message.tool_calls[0]["id"] == "call_1"


def test_name_and_id_repeated(mode: Mode) -> None:
    """The name is f, not ff."""
    pieces = ['{"a"', ": 1}"]
    script = called(*([tool_delta(p, index=0, id="call_1", name="f")] for p in pieces))
    assert calls(ask(mode, script)) == [("f", {"a": 1})]


def test_tool_call_without_finish_reason(mode: Mode) -> None:
    """[DONE] came, so the call stands."""
    script = called([tool_delta("{}", index=0, id="call_1", name="f")], finish=None)
    outcome = ask(mode, script)
    assert (calls(outcome), outcome.finish) == ([("f", {})], "tool_calls")


def test_two_calls_in_one_delta(mode: Mode) -> None:
    """Both are called."""
    both = [tool_delta("{}", index=i, id=f"c{i}", name=name) for i, name in enumerate("fg")]
    assert calls(ask(mode, called(both))) == [("f", {}), ("g", {})]


def test_tool_delta_without_index(mode: Mode) -> None:
    """One call; a new id is a new one."""
    script = called([tool_delta('{"a":', id="c1", name="f")], [tool_delta("1}", id="c1")])
    assert calls(ask(mode, script)) == [("f", {"a": 1})]
    script = called([tool_delta("{}", id="c1", name="f")], [tool_delta("{}", id="c2", name="g")])
    assert calls(ask(mode, script)) == [("f", {}), ("g", {})]


def test_arguments_cut_by_length(mode: Mode) -> None:
    """A call that was cut must never be run."""
    script = called([tool_delta('{"a": "x', index=0, id="c1", name="f")], finish="length")
    outcome = ask(mode, script)
    assert calls(outcome) == []
    assert outcome.message is not None
    (call,) = outcome.message.invalid_tool_calls
    assert (call["args"] or "").startswith('{"a": "x')
    assert outcome.finish == "length"


# What the stream request makes of answers that are no streams


def test_a_gateway_that_ignores_stream(mode: Mode) -> None:
    """A completion in one piece is taken as one."""
    hello(ask(mode, ANSWER))


def test_a_completion_under_another_name(mode: Mode) -> None:
    """Whatever the content type says of it."""
    body = json.dumps({"error": {"code": 400, "message": "Boom"}}).encode()
    error = failed(ask(mode, stream([body])), InvalidRequestError)
    assert str(error).startswith("Boom")
