"""Bodies framed in a server's own way: read all the same, or an error in the server's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from answers import USAGE, chunk, completion
from fault_calls import FINISH, USED, WHOLE, ask, sse, text
from fault_server import stream, whole

from langchain_qwen36.errors import (
    InvalidRequestError,
    QwenError,
    ServerError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from modes import Mode

pytestmark = pytest.mark.parametrize("mode", ["sync", "async"])

ANSWER = [text("Hel"), text("lo"), FINISH, USED]
LINES = b"".join(event.replace(b"\n\n", b"\n") for event in WHOLE)
EVENTS = "text/event-stream"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([*ANSWER, b"data: [DONE] \n\n"], id="done-and-space"),
        pytest.param([*ANSWER, b"data:  [DONE]\n\n"], id="space-and-done"),
        pytest.param([*ANSWER, b"data: [done]\n\n"], id="done-in-small-letters"),
        pytest.param([*ANSWER, b"data: DONE\n\n"], id="done-without-brackets"),
        pytest.param([*ANSWER, b'data: "[DONE]"\n\n'], id="done-quoted"),
        pytest.param([*ANSWER[:3], USED[:-1], b"data: [DONE]\n\n"], id="done-in-the-last-event"),
        pytest.param([LINES], id="no-blank-lines-at-all"),
        pytest.param([b"data: ping\n\n", *WHOLE], id="ping"),
        pytest.param([WHOLE[0], b"data: [PING]\n\n", *WHOLE[1:]], id="ping-in-brackets"),
        pytest.param([WHOLE[0], b"data: keep-alive\n\n", *WHOLE[1:]], id="keep-alive"),
        pytest.param([b"data: : PROCESSING\n\n", *WHOLE], id="comment-as-data"),
        pytest.param([b"data: " + event for event in WHOLE], id="events-in-events"),
        pytest.param([b"event: ping\ndata: 2026-11-21\n\n", *WHOLE], id="event-called-ping"),
        pytest.param(
            [
                b'data: {"choices":[{"delta":{"content":"Hel"},"logprobs":{"x":NaN}}]}\n\n',
                *WHOLE[1:],
            ],
            id="not-a-number",
        ),
    ],
)
def test_an_answer_in_an_odd_frame_is_read(mode: Mode, pieces: list[bytes]) -> None:
    """Text, usage and end are there."""
    outcome = ask(mode, stream(pieces))
    assert outcome.error is None
    assert (outcome.message.text, outcome.finish, outcome.tokens) == ("Hello", "stop", 15)


@pytest.mark.parametrize(
    "ping",
    [
        pytest.param(b'event: ping\ndata: {"type": "ping"}\n\n', id="event-and-type"),
        pytest.param(b'data: {"type": "ping"}\n\n', id="type"),
        pytest.param(b'data: {"event": "ping"}\n\n', id="event-in-the-json"),
        pytest.param(b'event: ping\ndata: {"id": "p"}\n\n', id="event-with-other-json"),
    ],
)
def test_a_ping_in_json_leaves_no_trace(mode: Mode, ping: bytes) -> None:
    """A keep-alive in JSON, as relays copy it from Anthropic's API, changes nothing of a message.

    It was reported at https://github.com/caozhiyuan/copilot-api/pull/88.
    """
    outcome = ask(mode, stream([ping, WHOLE[0], ping, *WHOLE[1:]]))
    assert outcome.error is None
    assert outcome.message == ask(mode, stream(WHOLE)).message


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_events_are_events_whatever_the_head_says(mode: Mode, kind: str) -> None:
    """A proxy that keeps the content type of one-shot answers."""
    outcome = ask(mode, stream(WHOLE, content_type=kind))
    assert outcome.error is None
    assert (outcome.message.text, outcome.tokens) == ("Hello", 15)


def test_a_whole_answer_behind_a_mark_is_read(mode: Mode) -> None:
    """A byte order mark in front of JSON."""
    body = b"\xef\xbb\xbf" + sse(completion({"content": "Hello"}, usage=USAGE))[6:]
    outcome = ask(mode, whole(200, body, content_type="application/json"))
    assert outcome.error is None
    assert outcome.message.text == "Hello"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        pytest.param(b"a\tb", "a\tb", id="raw-tab"),
        pytest.param(rb"a\ud83d", "a\ufffd", id="half-an-emoji"),
    ],
)
def test_what_json_forbids_in_a_text_is_no_end(mode: Mode, inside: bytes, expected: str) -> None:
    """Replaced where nothing could write it out again, and the stream goes on."""
    odd = b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % inside
    outcome = ask(mode, stream([odd, FINISH, USED]))
    assert outcome.error is None
    assert outcome.message.text == expected


@pytest.mark.parametrize("kind", ["text/plain", EVENTS])
def test_words_in_place_of_a_stream_are_told(mode: Mode, kind: str) -> None:
    """A proxy's page with HTTP 200: its words are in the error."""
    outcome = ask(mode, whole(200, b"upstream connect error", content_type=kind), max_retries=0)
    assert isinstance(outcome.error, UnexpectedResponseError)
    assert "upstream connect error" in outcome.error.message


@pytest.mark.pain("P33")
@pytest.mark.parametrize(
    ("payload", "error"),
    [
        pytest.param({"code": "InvalidParameter", "message": "bad", "choices": None},
                     InvalidRequestError, id="choices-null"),
        pytest.param({"code": 500, "message": "bad", "choices": []}, ServerError, id="no-choices"),
        pytest.param({"errors": [{"message": "bad"}]}, ServerError, id="errors"),
        pytest.param({"code": 1001, "msg": "bad"}, ServerError, id="msg"),
        pytest.param({"errCode": "E1", "errMsg": "bad"}, ServerError, id="error-message"),
        pytest.param({"success": False, "message": "bad"}, ServerError, id="no-success"),
        pytest.param({"status": "error", "message": "bad"}, ServerError, id="status"),
        pytest.param({"type": "error", "message": "bad"}, ServerError, id="type"),
        pytest.param({"choices": [{"index": 0, "delta": {"error": {"message": "bad"}}}]},
                     ServerError, id="in-a-delta"),
    ],
)  # fmt: skip
def test_a_flat_error_amid_a_stream_is_an_error(
    mode: Mode, payload: dict, error: type[QwenError]
) -> None:
    """Also where the payload has a place for choices; what came before is kept."""
    outcome = ask(mode, stream([sse(chunk({"content": "Hi"})), sse(payload)]), max_retries=0)
    assert type(outcome.error) is error
    assert outcome.error.message.startswith("bad")
    assert outcome.error.partial.text == "Hi"


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"code": 200, "msg": "go on"}, id="status-of-a-success"),
        pytest.param({"code": "10000", "message": "Success"}, id="word-of-a-success"),
        pytest.param({"status": "error"}, id="no-text"),
    ],
)
def test_a_payload_that_tells_of_no_error_is_none(mode: Mode, payload: dict) -> None:
    """Gateways that wrap payloads say in each that all is well."""
    outcome = ask(mode, stream([text("Hi"), sse(payload), FINISH]), max_retries=0)
    assert (outcome.error, outcome.message.text) == (None, "Hi")


def test_what_looks_like_no_sign_of_life_is_an_error(mode: Mode) -> None:
    """Words that say something are never skipped."""
    outcome = ask(mode, stream([text("Hi"), b"data: [ERROR] out of memory\n\n"]), max_retries=0)
    assert isinstance(outcome.error, UnexpectedResponseError)
    assert "out of memory" in outcome.error.message
