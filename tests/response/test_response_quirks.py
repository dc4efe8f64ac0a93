"""Answers in shapes that some server has: nothing of them is lost, and all styles agree."""

from __future__ import annotations

from typing import Any

import pytest
from answers import USAGE, agreed, chunk, completion, read, request, text_chunks, tool_delta

from langchain_qwen36._response.message import partial_message
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36.errors import UnexpectedResponseError

PARIS = '{"city": "Paris"}'
CALL = ("get_weather", {"city": "Paris"})
TIME = ("get_time", {"zone": "UTC"})


def said(choice: dict[str, Any], **top: Any) -> dict[str, Any]:
    """One payload with this choice."""
    return {"id": "chatcmpl-1", "created": 1, "model": "qwen3.6-plus", "choices": [choice]} | top


def message(content: str, finish: str | None = None) -> dict[str, Any]:
    """One payload with a message where a delta belongs."""
    return said({"message": {"role": "assistant", "content": content}, "finish_reason": finish})


@pytest.mark.parametrize(
    "payloads",
    [
        pytest.param([message("Hel"), message("lo"), message("", "stop")], id="messages"),
        pytest.param([*text_chunks(["Hel", "lo"]), message("Hello", "stop")], id="repeated-whole"),
        pytest.param(
            [said({"text": "Hel"}), said({"text": "lo", "finish_reason": "stop"})], id="text"
        ),
        pytest.param(text_chunks([{"type": "text", "text": "Hello"}]), id="part-without-a-list"),
        pytest.param(
            [said({"index": "0", "delta": {"content": "Hello"}}), chunk(finish="stop")],
            id="index-as-text",
        ),
        pytest.param(
            [said({"index": -1, "delta": {"content": "Hello"}}), chunk(finish="stop")],
            id="index-below-0",
        ),
        pytest.param(
            [
                said({"index": 1, "delta": {"content": "Hel"}}),
                said({"index": 1, "delta": {"content": "lo"}, "finish_reason": "stop"}),
            ],
            id="counted-from-1",
        ),
        pytest.param([chunk({"content": "Hello"}, "null"), chunk(finish="stop")], id="null-reason"),
    ],
)
def test_text_is_found(payloads: list[dict]) -> None:
    """Wherever a server puts it."""
    found = agreed(payloads)
    assert {"text": "Hello", "finish": "stop"}.items() <= found.items()


def test_an_object_for_content_is_the_json_that_was_asked_for() -> None:
    """A server in JSON mode that answers with the object itself, not with its text."""
    assert agreed([completion({"content": {"city": "Paris"}})])["text"] == '{"city":"Paris"}'


def test_a_reason_of_null_is_no_end() -> None:
    """A server that writes "none yet" as a word on each chunk."""
    reader = read([chunk({"content": "Hi"}, "null")]).invoke
    assert reader.response_metadata["notes"]["finish_reason"] == "inferred: the server sent none"


@pytest.mark.pain("P01")
@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param([{"thinking": "h"}, {"thinking": "m"}], id="thinking"),
        pytest.param([{"reasoning_text": "h"}, {"reasoning_text": "m"}], id="reasoning-text"),
        pytest.param([{"reasoning": {"content": "h"}}, {"reasoning": {"text": "m"}}], id="object"),
        pytest.param([{"reasoning_content": [{"type": "text", "text": "hm"}]}], id="parts"),
        pytest.param(
            [{"reasoning_details": {"type": "reasoning.text", "text": "hm"}}], id="one-detail"
        ),
        pytest.param(
            [{"reasoning_details": ["", {"type": "reasoning.text", "text": "hm"}, None]}],
            id="details-among-others",
        ),
        pytest.param([{"content": [{"type": "reasoning", "text": "hm"}]}], id="part-with-text"),
        pytest.param([{"content": [{"type": "reasoning", "reasoning": "hm"}]}], id="part"),
        pytest.param(
            [
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]},
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}]},
            ],
            id="parts-in-a-part",
        ),
        pytest.param(
            [
                {
                    "content": [
                        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
                    ]
                }
            ],
            id="summary",
        ),
    ],
)
def test_thoughts_are_found(deltas: list[dict]) -> None:
    """Whatever their name, and they are no part of the answer."""
    found = agreed([*map(chunk, deltas), *text_chunks(["Hello"])])
    assert {"thoughts": "hm", "text": "Hello"}.items() <= found.items()


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param(
            [
                {"function_call": {"name": "get_weather", "arguments": ""}},
                {"function_call": {"arguments": '{"city": '}},
                {"function_call": {"arguments": '"Paris"}'}},
            ],
            [CALL],
            id="function-call",
        ),
        pytest.param(
            [
                {
                    "function_call": {"name": "get_weather", "arguments": PARIS},
                    "tool_calls": [tool_delta(PARIS, name="get_weather", id="a", index=0)],
                }
            ],
            [CALL],
            id="function-call-beside-tool-calls",
        ),
        pytest.param(
            [{"tool_calls": tool_delta(PARIS, name="get_weather", id="a", index=0)}],
            [CALL],
            id="without-a-list",
        ),
        pytest.param(
            [{"tool_calls": [{"id": "a", "name": "get_weather", "arguments": PARIS}]}],
            [CALL],
            id="flat",
        ),
        pytest.param(
            [
                {
                    "tool_calls": [
                        {"id": "a", "function": {"name": "get_weather", "parameters": CALL[1]}}
                    ]
                }
            ],
            [CALL],
            id="parameters",
        ),
        pytest.param(
            [
                {"tool_calls": [tool_delta(name="get_weather", id="a", index="0")]},
                {"tool_calls": [tool_delta(name="get_time", id="b", index="1")]},
                {"tool_calls": [tool_delta(PARIS, index="0")]},
                {"tool_calls": [tool_delta('{"zone": "UTC"}', index="1")]},
            ],
            [CALL, TIME],
            id="indexes-as-text",
        ),
    ],
)
def test_calls_are_found(deltas: list[dict], expected: list) -> None:
    """With the arguments they came with."""
    found = agreed([*map(chunk, deltas), chunk(finish="function_call")])
    assert (expected, [], "tool_calls") == (found["calls"], found["invalid"], found["finish"])


def test_a_name_that_is_no_text_is_none() -> None:
    """The call cannot be run, and nothing fails."""
    entry = {"index": 0, "id": "a", "function": {"name": 5, "arguments": PARIS}}
    assert len(agreed([chunk({"tool_calls": [entry]}), chunk(finish="stop")])["invalid"]) == 1


def test_two_choices_of_one_index_are_one_answer() -> None:
    """A gateway that gives text and calls a choice each."""
    entry = tool_delta(PARIS, name="get_weather", id="a")
    whole = completion({"content": "Let me see."})
    whole["choices"].append({"index": 0, "message": {"content": None, "tool_calls": [entry]}})
    expected = ("Let me see.", [CALL])
    found = agreed([whole])
    assert expected == (found["text"], found["calls"])


@pytest.mark.pain("P10")
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(said({"delta": {}, "finish_reason": "stop", "usage": USAGE}), id="choice"),
        pytest.param(said({"delta": {"usage": USAGE}, "finish_reason": "stop"}), id="delta"),
        pytest.param(chunk(finish="stop", own={"id": "req_1", "usage": USAGE}), id="own-object"),
    ],
)
def test_usage_is_found(end: dict) -> None:
    """Where the end of the answer carries it, in objects that earlier chunks had as well."""
    first = chunk({"content": "Hi"}, own={"id": "req_1"})
    usage = agreed([first, end])["usage"]
    assert usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}


def test_usage_on_top_goes_before_usage_elsewhere() -> None:
    """One that both counts is counted once."""
    other = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    usage = agreed([*text_chunks(["Hi"]), chunk(finish="stop", own={"usage": other}, usage=USAGE)])
    assert usage["usage"]["total_tokens"] == USAGE["total_tokens"]


def test_counts_as_text_are_counts() -> None:
    """A proxy that writes numbers as text."""
    counts = {name: str(count) for name, count in USAGE.items()}
    usage = agreed([*text_chunks(["Hi"]), {"choices": [], "usage": counts}])["usage"]
    assert usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}


def test_a_spoken_answer_comes_whole() -> None:
    """Sound and transcript in pieces, also two equal ones; the id once."""
    pieces = [
        {"id": "audio_1", "transcript": "He"},
        {"data": "AAAA"},
        {"data": "AAAA", "transcript": "y"},
        {"expires_at": 5},
    ]
    answer = read([*(chunk({"audio": piece}) for piece in pieces), chunk(finish="stop")])
    whole = {"id": "audio_1", "transcript": "Hey", "data": "AAAAAAAA", "expires_at": 5}
    assert [whole] * 3 == [message.additional_kwargs["audio"] for message in answer[:3]]


def test_logprobs_that_cannot_be_added_are_left_out() -> None:
    """A number beside the lists would make adding the chunks up fail."""
    payloads = [
        said({"delta": {"content": text}, "logprobs": {"content": [{"token": text}], "mean": 0.1}})
        for text in "ab"
    ]
    answer = read([*payloads, chunk(finish="stop")])
    expected = {"content": [{"token": "a"}, {"token": "b"}]}
    found = [message.response_metadata["logprobs"] for message in answer[:3]]
    assert found == [expected] * 3


def test_a_choice_counted_from_1_stands_in_what_a_break_leaves() -> None:
    """A stream that ended early says what had come, whatever its number."""
    reader = CompletionReader(request())
    reader.feed(said({"index": 1, "delta": {"content": "Hi"}}))
    partial = partial_message(reader)
    assert partial is not None
    assert partial.text == "Hi"


def test_choices_that_are_no_list_are_none() -> None:
    """Also behind chunks that had them."""
    first, end = text_chunks(["Hello"])
    odd = first | {"choices": 5}
    assert agreed([first, end]) == agreed([first, odd, end])


@pytest.mark.pain("P26")
@pytest.mark.parametrize("odd", [{"type": ["x"]}, {"index": {"x": 1}}, {"id": ["x"]}])
def test_an_odd_detail_is_kept_as_it_is(odd: dict) -> None:
    """Whatever is in it goes back unmodified."""
    detail = {"type": "reasoning.text", "text": "hm", "index": 0} | odd
    found = agreed([chunk({"reasoning_details": [detail]}), *text_chunks(["Hello"])])
    assert [detail] == found["details"]


def test_a_stream_of_something_else_is_told() -> None:
    """Not one choice ever came: what came instead says more than that the stream ended."""
    reader = CompletionReader(request())
    reader.feed({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}})
    with pytest.raises(UnexpectedResponseError, match="login fail"):
        reader.finish(done=False)
