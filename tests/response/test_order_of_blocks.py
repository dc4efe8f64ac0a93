"""Reasoning, text and tool calls of one message, in the order that user interfaces show."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from answers import call_chunks, chunk, tool_delta
from builders import model_on, streamed
from loopback import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

REASONING_TEXT_CALL = [
    chunk({"reasoning_content": "I will "}),
    chunk({"reasoning_content": "look."}),
    chunk({"content": "Let me look."}),
    *call_chunks(tool_delta('{"city": "Paris"}', index=0, id="c1", name="get_weather")),
]


@pytest.mark.pain("P42")
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_reasoning_ends_before_the_answer_starts(gateway_server: Server) -> None:
    """Blocks of v3 events follow one another: each starts, grows and ends before the next."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=REASONING_TEXT_CALL))
    events = list(model_on(server).stream_events("Hi", version="v3"))
    blocks = [
        (event["event"].removeprefix("content-block-"), event["index"])
        for event in events
        if event["event"].startswith("content-block")
    ]
    order = [name for name, _ in itertools.groupby(blocks)]
    steps = ("start", "delta", "finish")
    assert order == [(step, block) for block in range(3) for step in steps]


@pytest.mark.pain("P42")
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_content_of_version_1_equals_the_events(gateway_server: Server) -> None:
    """Content of output version 1 holds the same reasoning, text and call as the v3 events."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=REASONING_TEXT_CALL), Raw(events=REASONING_TEXT_CALL))
    by_events = model_on(server).stream_events("Hi", version="v3").output
    by_chunks = streamed(model_on(server, output_version="v1"))
    for message in (by_events, by_chunks):
        assert [
            (block["type"], block.get("reasoning") or block.get("text") or block.get("args"))
            for block in message.content_blocks
        ] == [
            ("reasoning", "I will look."),
            ("text", "Let me look."),
            ("tool_call", {"city": "Paris"}),
        ]


@pytest.mark.pain("P43")
def test_a_chunk_carries_its_reasoning_for_user_interfaces(gateway_server: Server) -> None:
    """A chunk has its reasoning in `additional_kwargs`, as AG-UI reads it, and in blocks."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=REASONING_TEXT_CALL), Raw(events=REASONING_TEXT_CALL))
    chunks = list(model_on(server).stream("Hi"))
    by_kwargs = [piece.additional_kwargs.get("reasoning_content", "") for piece in chunks]
    by_blocks = [
        block["reasoning"]
        for piece in model_on(server, output_version="v1").stream("Hi")
        for block in piece.content_blocks
        if block["type"] == "reasoning"
    ]
    assert ("".join(by_kwargs), "".join(by_blocks)) == ("I will look.", "I will look.")
