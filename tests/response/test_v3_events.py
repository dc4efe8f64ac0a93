"""Protocol events (v3): order, boundaries, and what closes a message."""

from __future__ import annotations

import pytest
from answers import USAGE, WEATHER, call_chunks, chunk, read, request, text_chunks, tool_delta

THOUGHT = chunk({"reasoning_content": "hm"})


def told(events: list[dict]) -> list[str]:
    """Return the events in short: what happens to which block."""
    lines = []
    for event in events:
        body = event.get("content") or event.get("delta") or {}
        words = [
            event["event"].removeprefix("content-block-"),
            event.get("index"),
            body.get("type"),
        ]
        lines.append(" ".join(str(word) for word in words if word is not None))
    return lines


@pytest.mark.pain("P42")
def test_thoughts_end_before_the_answer_starts() -> None:
    """Thoughts, then text, then the call, each closed before the next but the calls."""
    payloads = [
        THOUGHT,
        chunk({"content": "Let me look."}),
        *call_chunks(tool_delta("{}", index=0, id="c", name="f")),
    ]
    expected = [
        "message-start",
        "start 0 reasoning",
        "delta 0 reasoning-delta",
        "finish 0 reasoning",
        "start 1 text",
        "delta 1 text-delta",
        "finish 1 text",
        "start 2 tool_call_chunk",
        "delta 2 tool-call-delta",
        "finish 2 tool_call",
        "message-finish",
    ]
    assert expected == told(read(payloads).events)


def test_thoughts_between_two_calls_are_their_own_block() -> None:
    """Interleaved thinking keeps its places; calls stay open to the end."""
    payloads = [
        THOUGHT,
        chunk({"tool_calls": [tool_delta("{}", index=0, id="c1", name="f")]}),
        THOUGHT,
        *call_chunks(tool_delta("{", index=1, id="c2", name="g")),
    ]
    expected = [
        "finish 0 reasoning",
        "finish 2 reasoning",
        "finish 1 tool_call",
        "finish 3 invalid_tool_call",
    ]
    assert expected == [line for line in told(read(payloads).events) if line[:6] == "finish"]


def test_the_message_starts_at_once_and_names_the_model() -> None:
    """The first delta opens the message; its id is left to LangChain."""
    start = read(text_chunks(["a"])).events[0]
    expected = {
        "event": "message-start",
        "role": "ai",
        "id": "",
        "metadata": {"provider": "qwen36", "model": "qwen3.6-plus"},
    }
    assert expected == start


def test_the_end_carries_usage_metadata_and_thoughts() -> None:
    """All that is said once stands on message-finish."""
    payloads = [THOUGHT, *text_chunks(["a"]), {"choices": [], "usage": USAGE}]
    end = read(payloads).events[-1]
    assert end["usage"] == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert end["additional_kwargs"] == {"reasoning_content": "hm"}
    assert (end["metadata"]["gateway_usage"], end["metadata"]["finish_reason"]) == (USAGE, "stop")


def test_unknown_usage_is_left_out() -> None:
    """No usage from the server, none in the event."""
    assert "usage" not in read(text_chunks(["a"])).events[-1]


def test_an_empty_answer_is_still_a_message() -> None:
    """An answer of nothing starts and ends."""
    answer = read([chunk(finish="stop")])
    assert told(answer.events) == ["message-start", "message-finish"]
    assert answer.v3.text == ""


def test_a_call_opens_with_id_and_name_and_deltas_carry_arguments() -> None:
    """Deltas of a call say nothing but its arguments; its number stands in the opener."""
    events = read(call_chunks(tool_delta('{"a": 1}', index=7, id="c", name="f"))).events
    opener = {"type": "tool_call_chunk", "id": "c", "name": "f", "args": "", "index": 0}
    assert [opener, {"type": "tool-call-delta", "args": '{"a": 1}'}] == [
        events[1]["content"],
        events[2]["delta"],
    ]


def test_a_call_without_arguments_says_so() -> None:
    """An empty object goes out, and the call can be run."""
    events = read(call_chunks(tool_delta("", index=0, id="c", name="f"))).events
    assert (events[2]["delta"]["args"], events[3]["content"]["args"]) == ("{}", {})


def test_a_recovered_call_is_a_call_block() -> None:
    """A call that was text comes as a tool call, and no text block holds it."""
    text = '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>'
    events = read(text_chunks([text]), request(tools=WEATHER)).events
    assert told(events)[1:3] == ["start 0 tool_call_chunk", "delta 0 tool-call-delta"]


def test_logprobs_make_no_event_but_stand_at_the_end() -> None:
    """The protocol has no event for logprobs; they are in the metadata, whole."""
    payloads = text_chunks(["a", "b"])
    for payload, token in zip(payloads, "ab", strict=False):
        payload["choices"][0]["logprobs"] = {"content": [{"token": token, "logprob": -0.5}]}
    events = read(payloads).events
    tokens = [entry["token"] for entry in events[-1]["metadata"]["logprobs"]["content"]]
    assert (tokens, len(events)) == (["a", "b"], 6)
