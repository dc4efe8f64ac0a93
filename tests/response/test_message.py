"""Whole answers: what a message says beside its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from builders import model_on, streamed
from inline_snapshot import snapshot
from loopback import Raw

from langchain_qwen36._response.delta import TransportInfo
from langchain_qwen36._response.message import read_completion
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.errors import UnexpectedResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

SERVED = TransportInfo(request_id="req-1", attempts=2)


def test_the_whole_metadata_of_an_answer() -> None:
    """A one-shot answer and the last chunk of a stream say the same of themselves."""
    top = {"system_fingerprint": "fp", "service_tier": "default", "usage": USAGE}
    said = request(notes={"tool_choice": "sent as auto"})
    whole = read([completion({"content": "a"}, **top, object="chat.completion")], said, meta=SERVED)
    streamed = read([*text_chunks(["a"]), {"choices": [], **top}], said, meta=SERVED)
    expected = snapshot(
        {
            "id": "chatcmpl-1",
            "created": 1,
            "system_fingerprint": "fp",
            "service_tier": "default",
            "model_name": "qwen3.6-plus",
            "requested_model": "qwen3.6-plus",
            "model_provider": "qwen36",
            "gateway": "dashscope",
            "finish_reason": "stop",
            "normalized_finish_reason": "stop",
            "native_finish_reason": "stop",
            "request_id": "req-1",
            "attempts": 2,
            "thinking": True,
            "gateway_usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            "notes": {"tool_choice": "sent as auto"},
        }
    )
    assert expected == whole.invoke.response_metadata
    assert expected == streamed.merged.response_metadata
    v3 = streamed.v3.response_metadata
    assert expected == {name: value for name, value in v3.items() if name != "output_version"}


def test_no_message_has_an_id_of_its_own() -> None:
    """LangChain gives the ids; the server's is in the metadata."""
    answer = read(text_chunks(["a"]))
    assert {None} == {answer.invoke.id, answer.v3.id, *(c.message.id for c in answer.chunks)}


def test_chunks_carry_one_thing_and_the_last_one_the_rest() -> None:
    """Metadata comes once, on an empty last chunk; only the provider is on each."""
    payloads = [chunk({"reasoning_content": "t", "content": "a"}), chunk(finish="stop")]
    *early, last = [c.message for c in read(payloads).chunks]
    assert [(m.content, m.additional_kwargs) for m in early] == [
        ("", {"reasoning_content": "t"}),
        ("a", {}),
    ]
    assert all(m.response_metadata == {"model_provider": "qwen36"} for m in early)
    assert (last.content, last.chunk_position) == ("", "last")


@pytest.mark.pain("P62")
@pytest.mark.parametrize(
    ("payloads", "finish", "native", "noted"),
    [
        pytest.param(text_chunks(["a"]), "stop", "stop", False, id="stop"),
        pytest.param(text_chunks(["a"], "tool_calls"), "stop", "tool_calls", False, id="no-calls"),
        pytest.param(
            call_chunks(tool_delta("{}", id="c", name="f"), finish="stop"),
            "tool_calls",
            "stop",
            False,
            id="stop-with-calls",
        ),
        pytest.param(text_chunks(["a"], "eos_token"), "stop", "eos_token", False, id="eos"),
        pytest.param(text_chunks(["a"], "odd"), "odd", "odd", False, id="unknown-words-stay"),
        pytest.param([chunk({"content": "a"})], "stop", None, True, id="f54-never"),
        pytest.param(
            [chunk({"tool_calls": [tool_delta("{}", id="c", name="f")]})],
            "tool_calls",
            None,
            True,
            id="f54-never-with-calls",
        ),
        pytest.param(
            [*text_chunks(["a"]), chunk(finish="stop", usage=USAGE)],
            "stop",
            "stop",
            False,
            id="p25-twice",
        ),
    ],
)  # fmt: skip
def test_the_finish_reason_agrees_with_what_came(
    payloads: list[dict], finish: str, native: str | None, noted: bool
) -> None:
    """Once, in known words, in accord with the calls; the server's own word is kept."""
    metadata = read(payloads).merged.response_metadata
    assert (finish, native) == (
        metadata["finish_reason"],
        metadata.get("native_finish_reason"),
    )
    assert noted == ("finish_reason" in metadata.get("notes", {}))


def test_native_finish_reason_of_the_model_behind_a_gateway() -> None:
    """A router's own `native_finish_reason` wins over its translation."""
    payload = completion({"content": "a"})
    payload["choices"][0]["native_finish_reason"] = "end_turn"
    assert read([payload]).invoke.response_metadata["native_finish_reason"] == "end_turn"


@pytest.mark.pain("P44")
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("qwen/qwen3.6-plus-04-02", "qwen/qwen3.6-plus-04-02", id="dated"),
        pytest.param(None, "qwen3.6-plus", id="server-says-nothing"),
        pytest.param("", "qwen3.6-plus", id="server-says-empty"),
    ],
)
def test_a_model_name_is_always_there(model: str | None, expected: str) -> None:
    """The served name where there is one, the requested one is kept beside it."""
    metadata = read([completion({"content": "a"}, model=model)]).invoke.response_metadata
    assert (expected, "qwen3.6-plus") == (metadata["model_name"], metadata["requested_model"])


@pytest.mark.pain("P25")
def test_facts_that_change_midway_are_kept_from_the_first_chunk() -> None:
    """A gateway that changes id and time within a stream gives one id and one time."""
    payloads = [chunk({"content": "a"}), chunk(finish="stop", id="gen-2", created=2)]
    metadata = read(payloads).merged.response_metadata
    assert (metadata["id"], metadata["created"]) == ("chatcmpl-1", 1)


def test_facts_that_come_late_are_kept() -> None:
    """What stands only on a later chunk, even mid-stream, is not lost."""
    payloads = [
        chunk({"content": "a"}, service_tier=None, provider="Unknown"),
        chunk({"content": "b"}, search_info={"results": [1]}),
        chunk(finish="stop", service_tier="flex", usage=USAGE, provider="Alibaba"),
    ]
    metadata = read(payloads).merged.response_metadata
    assert (
        metadata["service_tier"],
        metadata["provider"],
        metadata["search_info"],
    ) == ("flex", "Alibaba", {"results": [1]})


@pytest.mark.pain("P28")
def test_the_gateways_own_money_is_kept() -> None:
    """In the usage object, beside it, or in the message, wherever a gateway puts it."""
    money = {"provider_metadata": {"gateway": {"cost": "0.001"}}}
    payloads = [
        chunk({"content": "a"}),
        chunk(money, "stop", usage=USAGE | {"cost": 0.001}, meta={"usage": {"usd_spent": 0.001}}),
    ]
    metadata = read(payloads).merged.response_metadata
    assert (
        metadata["gateway_usage"]["cost"],
        metadata["meta"],
        metadata["provider_metadata"],
    ) == (0.001, {"usage": {"usd_spent": 0.001}}, {"gateway": {"cost": "0.001"}})


def test_the_cost_stands_in_the_metadata_of_the_last_chunk_only() -> None:
    """A cost stands in response_metadata, once, and never in usage_metadata."""
    offer = PriceBook.bundled().offer("dashscope", "qwen3.6-plus")
    answer = read(
        [*text_chunks(["a"]), {"choices": [], "usage": USAGE}],
        request(offer=offer, price_discount=0.5),
    )
    whole = read([*text_chunks(["a"]), {"choices": [], "usage": USAGE}], request(offer=offer))
    cost = answer.merged.response_metadata["cost"]
    assert cost["total"] * 2 == whole.merged.response_metadata["cost"]["total"]
    assert [answer.invoke.response_metadata["cost"]] == [cost]
    assert "cost" not in answer.merged.usage_metadata
    assert ["cost" in c.message.response_metadata for c in answer.chunks] == [False, True]


def test_an_unknown_price_is_no_entry() -> None:
    """An unknown price is no entry in response_metadata, never 0."""
    answer = read([*text_chunks(["a"]), {"choices": [], "usage": USAGE}], request(offer=None))
    assert "cost" not in answer.invoke.response_metadata


@pytest.mark.pain("P13")
@pytest.mark.parametrize("names", [("reasoning_content",), ("reasoning",),
                                   ("reasoning", "reasoning_content")])  # fmt: skip
def test_thoughts_have_many_names(names: tuple[str, ...]) -> None:
    """Every name is read, and the same text under two names counts once."""
    payloads = [chunk({**dict.fromkeys(names, t), "content": None}) for t in ("th", "ink")]
    assert agreed([*payloads, *text_chunks(["a"])])["thoughts"] == "think"
    assert agreed([completion({**dict.fromkeys(names, "think"), "content": "a"})])["text"] == "a"


def detail(text: str, **said) -> dict:
    """One item of `reasoning_details`."""
    return {"type": "reasoning.text", "text": text, "format": "qwen", "index": 0, **said}


@pytest.mark.pain("P26")
def test_reasoning_details_come_whole() -> None:
    """Fragments are joined by type and index, no field doubles, text is told once."""
    payloads = [
        chunk({"reasoning": "a", "reasoning_details": [detail("a")]}),
        chunk({"reasoning": "b", "reasoning_details": [detail("b", signature=None)]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "y", "index": 0}]}),
        *text_chunks(["c"]),
    ]
    expected = [
        detail("ab", signature="s"),
        {"type": "reasoning.encrypted", "data": "xy", "index": 0},
    ]
    answer = agreed(payloads)
    assert (expected, "ab") == (answer["details"], answer["thoughts"])


@pytest.mark.pain("P26")
def test_a_null_is_kept_and_erases_nothing() -> None:
    """Unmodified means nulls too; a later value wins over an earlier one, a null does not."""
    items = [detail("a", id=None, status="begun"), detail("b", id=None, status="done")]
    payloads = [chunk({"reasoning_details": [item]}) for item in items]
    null = {"index": 0, "type": "reasoning.text", "status": None}
    payloads.append(chunk({"reasoning_details": [null]}))
    expected = [detail("ab", id=None, status="done")]
    assert expected == agreed([*payloads, *text_chunks(["c"])])["details"]


@pytest.mark.pain("P26")
@pytest.mark.parametrize(
    ("second", "count"),
    [
        pytest.param(detail("b", index=None), 2, id="no-index"),
        pytest.param(detail("b", id="rs_2"), 2, id="another-id"),
        pytest.param(detail("b", index=1), 2, id="another-index"),
        pytest.param(detail("b", id=None), 1, id="unknown-id"),
    ],
)
def test_items_are_told_apart(second: dict, count: int) -> None:
    """Another index or id, or none at all, is another item."""
    payload = completion({"reasoning_details": [detail("a", id="rs_1"), second], "content": "c"})
    answer = agreed([payload])
    assert (count, "ab") == (len(answer["details"]), answer["thoughts"])


def test_additions_are_not_what_is_read_anyway() -> None:
    """What has its own place in a message does not stand among the additions too."""
    delta = {
        "annotations": [1],
        "channel": "final",
        "content": ["a"],
        "reasoning_details": [detail("t")],
        "tool_calls": [tool_delta("{}", id="c", name="f")],
        "refusal": None,
    }
    kwargs = read([chunk(delta, "tool_calls")]).merged.additional_kwargs
    assert {"annotations", "reasoning_content", "reasoning_details"} == set(kwargs)


def test_gateway_additions_to_the_message_are_kept() -> None:
    """Annotations, citations and a refusal go to additional_kwargs, joined over chunks."""
    payloads = [
        chunk({"annotations": [{"url": 1}], "refusal": "I ca"}),
        chunk({"annotations": [{"url": 2}], "refusal": "nnot", "token_id": 7, "audio": {"id": 1}}),
        chunk(finish="stop"),
    ]
    answer = read(payloads)
    expected = {
        "annotations": [{"url": 1}, {"url": 2}],
        "refusal": "I cannot",
        "audio": {"id": 1},
    }
    assert expected == answer.invoke.additional_kwargs
    assert expected == answer.merged.additional_kwargs
    assert expected == answer.v3.additional_kwargs


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(["a", {"type": "text", "text": "b"}], id="parts"),
        pytest.param([{"text": "ab"}, {"type": "image_url"}, 0], id="with-others"),
    ],
)
def test_content_in_parts(content: list) -> None:
    """A list of parts is read as its text."""
    assert agreed([completion({"content": content})])["text"] == "ab"


def test_thinking_parts_and_unknown_parts() -> None:
    """Thoughts in a part are thoughts; a part that is no text is kept."""
    parts = [{"type": "thinking", "thinking": "t"}, {"type": "text", "text": "a"}, {"type": "odd"}]
    answer = read([completion({"content": parts})])
    assert (answer.invoke.additional_kwargs) == {
        "reasoning_content": "t",
        "content_parts": [{"type": "odd"}],
    }


def choice(index: int, content: str) -> dict:
    """One of several choices of a stream."""
    return {"index": index, "delta": {"content": content}, "finish_reason": None}


N2 = [
    chunk(choices=[choice(0, "a"), choice(1, "x")]),
    chunk(choices=[choice(1, "y")]),
    chunk(choices=[choice(0, "b")]),
    chunk(choices=[{"index": i, "delta": {}, "finish_reason": "stop"} for i in (0, 1)]),
    {"choices": [], "usage": USAGE},
]


def test_n2_streams_the_first_choice_and_keeps_the_other() -> None:
    """Only choice 0 is streamed; the other stands whole in the metadata, in chunks and v3."""
    answer = read(N2)
    [other] = answer.merged.response_metadata["alternatives"]
    assert (
        answer.merged.text,
        other["content"],
        other["index"],
        other["finish_reason"],
    ) == ("ab", "xy", 1, "stop")
    assert [other] == answer.v3.response_metadata["alternatives"]


def test_n2_the_other_choice_is_settled_too() -> None:
    """The kept choice is read with the same care as the streamed one."""
    text = '<think>t</think><tool_call>{"name": "get_weather"}</tool_call>'
    logprobs = {"content": [{"token": "t"}]}
    others = choice(1, text) | {"logprobs": logprobs}
    payloads = [chunk(choices=[choice(0, "a"), others]), chunk(finish="stop")]
    [other] = read(payloads, request(tools=WEATHER)).merged.response_metadata["alternatives"]
    [call] = other.pop("tool_calls")
    assert (call["name"], call["args"]) == ("get_weather", {})
    assert other == {
        "index": 1,
        "content": "",
        "reasoning_content": "t",
        "finish_reason": "tool_calls",
        "logprobs": logprobs,
    }


def test_n2_is_two_generations_with_usage_on_the_first() -> None:
    """Usage stands once, or LangSmith sums it."""
    choices = [
        {"index": i, "message": {"content": "ab"[i]}, "finish_reason": "stop"} for i in (0, 1)
    ]
    payload = {"model": "m", "choices": choices, "usage": USAGE}
    first, second = read_completion(payload, request(), TransportInfo()).generations
    assert (first.text, second.text) == ("a", "b")
    assert first.message.usage_metadata["total_tokens"] == 15
    assert second.message.usage_metadata is None
    assert "alternatives" not in first.message.response_metadata


def test_logprobs_come_with_their_tokens_and_whole() -> None:
    """Logprobs stream beside the text and add up to what one-shot says."""
    entries = [{"token": t, "logprob": -0.5, "bytes": [97]} for t in "ab"]
    payloads = text_chunks(["a", "b"])
    for payload, entry in zip(payloads, entries, strict=False):
        payload["choices"][0]["logprobs"] = {"content": [entry], "refusal": None}
    answer = read(payloads)
    assert {"content": entries} == answer.invoke.response_metadata["logprobs"]
    assert entries == answer.merged.response_metadata["logprobs"]["content"]


def test_generations_say_why_they_ended() -> None:
    """generation_info has the finish reason, as LangChain's callbacks expect."""
    [generation] = read_completion(
        completion({"content": "a"}), request(), TransportInfo()
    ).generations
    assert generation.generation_info == {"finish_reason": "stop"}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"message": "Success"}, id="f13"),
        pytest.param({"choices": None}, id="null"),
        pytest.param({"choices": []}, id="empty"),
        pytest.param({"choices": {}}, id="object"),
        pytest.param({"choices": [None]}, id="null-in-it"),
    ],
)
def test_what_is_no_completion_is_an_error(payload: dict) -> None:
    """A body without choices is no empty answer."""
    with pytest.raises(UnexpectedResponseError, match="no choices"):
        read_completion(payload, request(), TransportInfo())


@pytest.mark.pain("P36")
def test_an_answer_that_was_all_thinking_is_flagged() -> None:
    """The flag is set, and only then."""
    thought = read([completion({"reasoning_content": "t", "content": "\n"}, "stop")])
    call = [tool_delta("{}", id="c", name="f")]
    called = read([completion({"reasoning_content": "t", "tool_calls": call})])
    assert [m.response_metadata.get("empty_answer") for m in (thought.invoke, called.invoke)] == [
        True,
        None,
    ]


def test_what_was_read_is_not_changed_by_its_message() -> None:
    """Writing into a message writes into nothing that the caller gave."""
    payload = completion({"content": "a", "annotations": [1]}, usage=USAGE | {"cost": 1.5})
    message = read([payload]).invoke
    message.additional_kwargs["annotations"].append(2)
    message.response_metadata["gateway_usage"]["cost"] = 0
    assert payload["choices"][0]["message"]["annotations"] == [1]
    assert payload["usage"]["cost"] == 1.5


def test_merging_chunks_one_by_one_gives_the_same() -> None:
    """Users add chunks with `+`; numbers are not added and words are not doubled."""
    payloads = [*text_chunks(["a", "b"]), {"choices": [], "usage": USAGE}]
    chunks = [c.message for c in read(payloads).chunks]
    total = chunks[0]
    for piece in chunks[1:]:
        total += piece
    assert (
        total.response_metadata["created"],
        total.response_metadata["model_name"],
        total.usage_metadata["total_tokens"],
    ) == (1, "qwen3.6-plus", 15)


@pytest.mark.pain("P62")
@pytest.mark.parametrize(
    ("payloads", "finish", "native"),
    [
        pytest.param(
            call_chunks(tool_delta("{}", index=0, id="c1", name="act"), finish="stop"),
            "tool_calls",
            "stop",
            id="stop-with-calls",
        ),
        pytest.param(
            text_chunks(["a"], finish="tool_calls"), "stop", "tool_calls", id="calls-without-any"
        ),
    ],
)
def test_the_finish_reason_agrees_with_the_calls_of_a_stream(
    gateway_server: Server, payloads: list, finish: str, native: str
) -> None:
    """The finish reason agrees with the calls that arrived, and the server's word is kept."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=payloads))
    metadata = streamed(model_on(server)).response_metadata
    assert (metadata["finish_reason"], metadata["native_finish_reason"]) == (finish, native)
