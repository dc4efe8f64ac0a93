"""The reader's state: what it is fed, how a stream may end, what an error carries."""

from __future__ import annotations

import pytest
from answers import (
    USAGE,
    WEATHER,
    agreed,
    call_chunks,
    chunk,
    completion,
    read,
    request,
    text_chunks,
    tool_delta,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_qwen36._response.message import partial_message
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.errors import StreamInterruptedError, UnexpectedResponseError


def reader_of(payloads: list[dict], **said) -> CompletionReader:
    """Return a reader that has read these payloads and not finished."""
    reader = CompletionReader(request(**said))
    for payload in payloads:
        reader.feed(payload)
    return reader


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"choices": None}, id="f49-choices-null"),
        pytest.param({"choices": []}, id="no-choices"),
        pytest.param({"type": "ping"}, id="f50-no-choices-key"),
        pytest.param({}, id="nothing"),
        pytest.param({"choices": [{"index": 0, "delta": None}]}, id="f51-delta-null"),
        pytest.param({"choices": [{"index": 0, "delta": {}}]}, id="empty-delta"),
        pytest.param({"choices": [{"index": 0}]}, id="no-delta"),
        pytest.param({"choices": [None, "text"]}, id="choices-of-something-else"),
        pytest.param(chunk({"role": "assistant", "content": ""}), id="only-a-role"),
        pytest.param(chunk({"content": None, "reasoning_content": None}), id="all-null"),
        pytest.param(chunk({"content": 5, "tool_calls": [None], "reasoning": {}}), id="odd-types"),
        pytest.param(chunk({"tool_calls": {"0": {}}, "function_call": None}), id="calls-no-list"),
        pytest.param({"choices": [{"delta": "text"}]}, id="delta-a-string"),
        pytest.param({"choices": [{"delta": {}, "logprobs": [1]}]}, id="logprobs-a-list"),
    ],
)
def test_to_f51_chunks_of_nothing_are_skipped(odd: dict) -> None:
    """A chunk that says nothing, before, amid and after an answer, changes nothing."""
    first, second, end = text_chunks(["a", "b"])
    expected = agreed([first, second, end])
    assert expected == agreed([odd, first, odd, second, end, odd])


def test_a_choice_behind_one_that_is_none_is_read() -> None:
    """Of a list of choices only what is no choice is skipped."""
    payload = chunk({"content": "a"}, "stop")
    payload["choices"].insert(0, None)
    assert agreed([payload])["text"] == "a"


def test_what_a_last_payload_tells_anew_is_kept() -> None:
    """A gateway writes null until the end, and then its bill, where no choice is left."""
    bill = {"usage": {"usd_spent": 0.001}}
    payloads = [chunk({"content": "a"}, meta=None), chunk(finish="stop", meta=None)]
    reader = reader_of([*payloads, {"choices": [], "meta": bill}])
    assert reader.metadata["meta"] == bill


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_told_empty_later_stays(nothing: str | None) -> None:
    """A gateway fills a field once and leaves it empty from then on."""
    payloads = [chunk({"content": "a"}, provider="p"), chunk(finish="stop", provider=nothing)]
    assert reader_of(payloads).metadata["provider"] == "p"


@pytest.mark.parametrize("place", ["choice", "delta"])
def test_what_counts_up_inside_a_choice_is_counted_to_its_last(place: str) -> None:
    """A stream that breaks, or says nothing at its end, is billed by what came last."""
    payloads = []
    for tokens in (1, 2, 3):
        payload = chunk({"content": "a"})
        choice = payload["choices"][0]
        inside = choice if place == "choice" else choice["delta"]
        inside["usage"] = {"prompt_tokens": 10, "completion_tokens": tokens}
        payloads.append(payload)
    partial = partial_message(reader_of(payloads))
    assert partial.usage_metadata["output_tokens"] == 3


@pytest.mark.parametrize(
    ("name", "plain", "text", "thoughts"),
    [
        pytest.param("content", "text", "abc", None, id="text"),
        pytest.param("reasoning_content", "reasoning", "a", "bc", id="thoughts"),
    ],
)
def test_more_of_the_same_may_come_as_bare_text(
    name: str, plain: str, text: str, thoughts: str | None
) -> None:
    """Where a payload said one thing and nothing else, the next one's text is all there is."""
    reader = reader_of([chunk({"content": "a"}), chunk({name: "b"})])
    assert reader.plain == plain
    assert [(delta.kind, delta.text) for delta in reader.append_plain("c")] == [(plain, "c")]
    assert reader.chunks == 3
    partial = partial_message(reader)
    assert (text, thoughts) == (partial.text, partial.additional_kwargs.get("reasoning_content"))


def test_nothing_is_plain_before_a_choice_nor_beside_another() -> None:
    """Bare text would not say whose it is."""
    reader = CompletionReader(request())
    assert reader.plain is None
    for _ in range(2):
        reader.feed(chunk({"content": "a"}))
    assert reader.plain == "text"
    other = chunk({"content": "b"})
    other["choices"][0]["index"] = 1
    reader.feed(other)
    assert reader.plain is None


def test_a_server_that_counts_from_1_has_a_first_choice() -> None:
    """The lowest one is the answer, with the usage; only the others are alternatives."""
    payloads = [chunk({"content": text}, "stop", usage=USAGE) for text in ("a", "b")]
    for index, payload in enumerate(payloads, start=1):
        payload["choices"][0]["index"] = index
    answer = read(payloads)
    assert (answer.invoke.text, answer.invoke.usage_metadata["total_tokens"]) == ("a", 15)
    told = answer.merged.response_metadata["alternatives"]
    assert [(choice["index"], choice["content"]) for choice in told] == [(2, "b")]


def test_a_message_beside_a_delta_is_not_read() -> None:
    """A proxy sends a message with every delta; reading both would double the answer."""
    payloads = text_chunks(["a", "b"])
    for payload in payloads:
        payload["choices"][0]["message"] = {"content": "ab"}
    last = {"choices": [{"index": 0, "delta": None, "message": {"content": "ab"}}]}
    assert agreed([*payloads, last])["text"] == "ab"


def test_one_delta_with_everything() -> None:
    """Thoughts, text, a call and the end in one delta come apart, in this order."""
    payload = chunk(
        {
            "tool_calls": [tool_delta("{}", id="c", name="f")],
            "content": "a",
            "reasoning_content": "t",
        },
        "tool_calls",
    )
    reader = CompletionReader(request(gateway="openrouter"))
    assert [d.kind for d in reader.feed(payload)] == ["reasoning", "text", "tool_call"]


def test_space_before_a_call_is_dropped() -> None:
    """Line breaks that Qwen writes before a call make no text block, in any style."""
    payloads = [
        chunk({"content": "\n\n"}),
        *call_chunks(tool_delta("{}", index=0, id="c", name="f")),
    ]
    assert [block["type"] for block in read(payloads).v3.content] == ["tool_call"]
    assert agreed(payloads)["text"] == ""


@pytest.mark.parametrize(
    ("payloads", "done"),
    [
        pytest.param(text_chunks(["a"]), False, id="f4-finish-without-done"),
        pytest.param([chunk({"content": "a"})], True, id="f54-done-without-finish"),
    ],
)
def test_evidence_of_an_end_is_enough(payloads: list[dict], done: bool) -> None:
    """A finish_reason or [DONE] is success."""
    assert agreed(payloads, done=done)["text"] == "a"


def test_a_stream_without_an_end_is_an_error_with_what_came() -> None:
    """Neither finish_reason nor [DONE]: never a success; the partial message has it all."""
    payloads = [
        chunk({"reasoning_content": "t"}, usage=USAGE),
        chunk({"content": "half"}),
        chunk({"tool_calls": [tool_delta('{"a"', index=0, id="c", name="f")]}),
    ]
    reader = reader_of(payloads)
    with pytest.raises(StreamInterruptedError) as caught:
        reader.finish(done=False)
    error = caught.value
    assert error.message == (
        "The stream ended early, after 3 chunks: neither finish_reason nor [DONE] came. "
        "What had come is in `partial`."
    )
    assert (error.chunks, error.gateway, error.is_retryable) == (3, "dashscope", True)
    partial = partial_message(reader)
    assert (partial.text, partial.additional_kwargs) == ("half", {"reasoning_content": "t"})
    assert (partial.tool_calls, [c["args"] for c in partial.invalid_tool_calls]) == ([], ['{"a"]'])
    assert partial.usage_metadata["total_tokens"] == 15
    assert partial.response_metadata["model_name"] == "qwen3.6-plus"
    assert "finish_reason" not in partial.response_metadata


@pytest.mark.parametrize(
    ("payloads", "said", "text", "thoughts"),
    [
        pytest.param(["Hm <tool_ca"], {"tools": WEATHER}, "Hm <tool_ca", "", id="call-opener"),
        pytest.param(["so far"], {"gateway": "vllm"}, "so far", "", id="lone-tag-awaited"),
        pytest.param(["<think>so f", "ar </th"], {}, "", "so far </th", id="in-thoughts"),
        pytest.param(["\n <th"], {}, "\n <th", "", id="tag-opener"),
    ],
)
def test_a_partial_message_has_what_is_held_and_changes_nothing(
    payloads: list[str], said: dict, text: str, thoughts: str
) -> None:
    """What is held back is part of what came; asking for it settles nothing."""
    reader = reader_of([chunk({"content": piece}) for piece in payloads], **said)
    for _ in range(2):
        partial = partial_message(reader)
        assert (text, thoughts) == (
            partial.text,
            partial.additional_kwargs.get("reasoning_content", ""),
        )


def test_a_call_without_arguments_is_cut_in_a_partial_message() -> None:
    """Nobody knows whether its arguments would have come."""
    partial = partial_message(reader_of([chunk({"tool_calls": [tool_delta(id="c", name="f")]})]))
    assert (partial.tool_calls, len(partial.invalid_tool_calls)) == ([], 1)


def test_a_partial_message_is_priced_by_what_was_counted() -> None:
    """A partial message carries the cost of the usage that came before the failure."""
    offer = PriceBook.bundled().offer("dashscope", "qwen3.6-plus")
    partial = partial_message(reader_of([chunk({"content": "a"}, usage=USAGE)], offer=offer))
    # 2.0 and 12.0 CNY per million tokens.
    assert partial.response_metadata["cost"]["total"] == (10 * 2 + 5 * 12) / 1_000_000


def test_nothing_came_is_no_partial_message() -> None:
    """Before the first choice there is nothing to show."""
    assert partial_message(reader_of([{"choices": []}])) is None


def test_a_proper_end_of_nothing_is_an_error() -> None:
    """[DONE] alone is no answer."""
    with pytest.raises(UnexpectedResponseError):
        CompletionReader(request()).finish(done=True)


def test_what_was_told_instead_of_an_answer_is_in_the_error() -> None:
    """The first 200 characters in its words, all of it in its body."""
    said = {"note": "x" * 300}
    with pytest.raises(UnexpectedResponseError) as caught:
        reader_of([said]).finish(done=True)
    error = caught.value
    assert error.message == f"The answer holds no choices: {{'note': '{'x' * 190}"
    assert (error.gateway, error.body, error.chunks) == ("dashscope", said, 1)


@pytest.mark.pain("P33")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param({"code": 502, "message": "no"}, {"code": 502, "message": "no"}, id="object"),
        pytest.param("no", {"message": "no"}, id="string"),
        pytest.param(None, {"message": ""}, id="nothing"),
    ],
)
def test_a_choice_that_failed_says_so(error, expected: dict) -> None:
    """`finish_reason` "error" with HTTP 200; the caller raises what the reader found."""
    payload = completion({"content": "a"}, "error")
    payload["choices"][0]["error"] = error
    assert expected == reader_of([payload]).failure
    assert reader_of([completion({"content": "a"})]).failure is None


def test_chunks_are_counted() -> None:
    """Every payload counts, whatever is in it."""
    assert reader_of([*text_chunks(["a"]), {"choices": []}]).chunks == 3


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["reasoning_content", "content"]), st.text(max_size=5)),
             max_size=8),
    st.lists(st.text(alphabet='{}"a:1', max_size=6), max_size=2),
    st.sampled_from(["stop", "length", "tool_calls"]),
    st.booleans(),
)  # fmt: skip
def test_every_style_says_the_same(prose, args, finish: str, tools: bool) -> None:
    """Whatever comes: invoke, merged chunks and protocol events agree."""
    calls = [tool_delta(a, index=i, id=f"c{i}", name="f") for i, a in enumerate(args)]
    payloads = [chunk({name: text}) for name, text in prose]
    payloads += [chunk({"tool_calls": [call]}) for call in calls]
    payloads += [chunk(finish=finish), {"choices": [], "usage": USAGE}]
    answer = agreed(payloads, request(tools=WEATHER if tools else {}))
    thoughts = "".join(t for n, t in prose if n == "reasoning_content")
    text = "".join(t for n, t in prose if n == "content")
    assert thoughts == answer["thoughts"]
    if answer["text"] != text:  # blank before a call, or the cut reasoning once more
        assert answer["text"] == ""
        assert (calls and not text.strip()) or (finish == "length" and text.strip() in thoughts)
    assert len(calls) == len(answer["calls"]) + len(answer["invalid"])


@pytest.mark.parametrize("empty", [{}, None])
@pytest.mark.parametrize("before", [(), ("Hel", "lo")], ids=["alone", "behind-deltas"])
def test_a_message_beside_an_empty_delta_is_read_once(before: tuple, empty: dict | None) -> None:
    """Some servers end with the whole message; it counts only where no delta came before."""
    last = chunk(finish="stop")
    last["choices"][0] |= {"delta": empty, "message": {"role": "assistant", "content": "Hello"}}
    answer = agreed([*(chunk({"content": piece}) for piece in before), last])
    assert (answer["text"], answer["finish"]) == ("Hello", "stop")
