"""Reasoning under each name that servers give it, kept in the message and sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from answers import call_chunks, chunk, text_chunks, tool_delta
from builders import answer, model_on, streamed, turns
from langchain_core.messages.ai import add_ai_message_chunks
from loopback import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


def reasoning_chunks(*names: str) -> list[dict[str, Any]]:
    """Return a stream with reasoning in two pieces, under all of these names, and an answer."""
    reasoning = [chunk(dict.fromkeys(names, piece)) for piece in ("I will ", "greet.")]
    return [*reasoning, *text_chunks(["Hel", "lo"])]


@pytest.mark.pain("P01")
async def test_reasoning_is_kept_in_every_way_to_call(gateway_server: Server) -> None:
    """Reasoning stands in `additional_kwargs` and in a content block, in every way to call."""
    server = gateway_server("openai-compatible")
    once, pieces = (
        answer(reasoning_content="I will greet."),
        Raw(events=reasoning_chunks("reasoning_content")),
    )
    server.script(once, once, pieces, pieces)
    model = model_on(server)
    messages = [
        model.invoke("Hi"),
        await model.ainvoke("Hi"),
        streamed(model),
        add_ai_message_chunks(*[piece async for piece in model.astream("Hi")]),
    ]
    kept = [
        (message.additional_kwargs["reasoning_content"], message.content_blocks[0]["reasoning"])
        for message in messages
    ]
    assert kept == [("I will greet.", "I will greet.")] * 4
    assert [message.text for message in messages] == ["Hello"] * 4


@pytest.mark.pain("P13")
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("reasoning_content",), id="reasoning_content"),
        pytest.param(("reasoning",), id="reasoning"),
        pytest.param(("reasoning_content", "reasoning"), id="both"),
    ],
)
def test_reasoning_under_several_names_counts_once(
    gateway_server: Server, names: tuple[str, ...]
) -> None:
    """Reasoning sent under one or two names is kept once, one-shot and streamed."""
    server = gateway_server("openai-compatible")
    server.script(
        answer(**dict.fromkeys(names, "I will greet.")), Raw(events=reasoning_chunks(*names))
    )
    model = model_on(server)
    for message in (model.invoke("Hi"), streamed(model)):
        assert message.additional_kwargs["reasoning_content"] == "I will greet."


@pytest.mark.pain("P13")
def test_reasoning_details_alone_become_reasoning_content(gateway_server: Server) -> None:
    """Reasoning is read from `reasoning_details` where a gateway sends no plain text."""
    details = [{"type": "reasoning.text", "text": "I will greet.", "index": 0}]
    server = gateway_server("openrouter")
    server.script(answer(reasoning_details=details))
    message = model_on(server).invoke("Hi")
    assert message.additional_kwargs["reasoning_content"] == "I will greet."


@pytest.mark.pain("P26")
def test_streamed_reasoning_details_are_merged_and_sent_back_unmodified(
    gateway_server: Server,
) -> None:
    """Details of a stream have their text joined, other fields once, and go back unmodified."""
    item = {"type": "reasoning.text", "format": "qwen", "index": 0, "signature": None}
    call = tool_delta('{"city": "Paris"}', index=0, id="call_1", name="get_weather")
    payloads = [
        chunk({"reasoning": "a", "reasoning_details": [item | {"text": "a"}]}),
        chunk({"reasoning": "b", "reasoning_details": [item | {"text": "b", "signature": "s1"}]}),
        *call_chunks(call),
    ]
    server = gateway_server("openrouter")
    server.script(Raw(events=payloads), answer("18 degrees."))
    model = model_on(server)
    called = streamed(model)
    expected = [item | {"text": "ab", "signature": "s1"}]
    assert called.additional_kwargs["reasoning_details"] == expected
    model.invoke(turns(called))
    assert server.bodies[1]["messages"][1]["reasoning_details"] == expected


@pytest.mark.pain("P36")
@pytest.mark.parametrize("finish", ["length", "stop"])
def test_a_message_of_reasoning_only_is_flagged(gateway_server: Server, finish: str) -> None:
    """A message without an answer is flagged, and keeps its reasoning and finish reason."""
    delta = {"content": "", "reasoning_content": "Hm, let me"}
    server = gateway_server("dashscope")
    server.script(Raw(events=[chunk(delta), chunk(finish=finish)]))
    message = model_on(server).invoke("Hi")
    metadata = message.response_metadata
    assert (metadata["empty_answer"], metadata["finish_reason"]) == (True, finish)
    assert message.additional_kwargs["reasoning_content"] == "Hm, let me"
