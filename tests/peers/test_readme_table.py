"""The README's table "Why not ChatOpenAI": each row on both models, before the same server.

Our column must hold always. Theirs must hold for the version that the table names; with another
one it is only reported, since a release elsewhere must not fail our tests.
"""

from __future__ import annotations

import asyncio
import gc
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest
from answers import call_chunks, chunk, completion, text_chunks, tool_delta
from builders import answer, model_on, streamed
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from loopback import Raw

from langchain_qwen36 import QwenWarning, get_qwen_cost_callback
from langchain_qwen36.errors import GatewayTimeoutError, StreamInterruptedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
TABLE = README[README.index("| | ChatOpenAI") :].split("\n\n")[0].splitlines()
NAMED = re.findall(r"ChatOpenAI (\S+)", TABLE[0])[0]
MEASURED = {
    "a streamed chunk, socket and JSON included",
    "1,000 `ainvoke` at once",
    "1,000 streams at once",
}
"""Rows that `make bench` writes."""
BROKEN = tool_delta('{"city": "Par', id="c1", name="get_weather")
SILENCE = 0.5
"""Seconds without an event that the models of the stalled stream are told to bear."""


@pytest.fixture
def served(gateway_server: Server) -> Callable[..., tuple[BaseChatModel, BaseChatModel]]:
    """Return `(ours, theirs)` before one server that sends `scripted`, once to each."""

    def make(
        *scripted: Raw, gateway: str = "openai-compatible", delay: float = 0, **theirs: Any
    ) -> tuple[BaseChatModel, BaseChatModel]:
        server = gateway_server(gateway, chunk_delay=delay)
        server.script(*scripted)
        target = {"base_url": server.base_url, "api_key": server.key, "max_retries": 0}
        peer = ChatOpenAI(**{"model": "qwen3.6-plus", **target, **theirs})
        ours = {"timeout": theirs["timeout"]} if "timeout" in theirs else {}
        return model_on(server, max_retries=0, **ours), peer

    return make


PROVEN: set[str] = set()


def proves(row: str) -> pytest.MarkDecorator:
    """Mark the test of a row; it may fail where another version than the table's is installed."""
    PROVEN.add(row)
    reason = f"README.md is about langchain-openai {NAMED}"
    return pytest.mark.xfail(version("langchain-openai") != NAMED, reason=reason, strict=False)


def test_every_row_of_the_table_is_tested_here() -> None:
    """A row without a test is a claim without a proof."""
    rows = {line.split("|")[1].strip() for line in TABLE[2:]}
    assert rows - MEASURED == PROVEN


@proves("reasoning text")
def test_reasoning_text(served) -> None:
    """Theirs drops it; ours shows it in both forms and sends it back in a tool loop."""
    ours, theirs = served(*[answer("4", reasoning_content="2 and 2")] * 2)
    shown, dropped = ours.invoke("Hi"), theirs.invoke("Hi")
    assert shown.additional_kwargs["reasoning_content"] == "2 and 2"
    assert shown.content_blocks[0] == {"type": "reasoning", "reasoning": "2 and 2"}
    assert "2 and 2" not in str(dropped)


@proves("a tool call cut by the token limit")
def test_a_call_cut_by_the_token_limit(served) -> None:
    """Theirs is a call with mended arguments when streamed; ours is invalid in every style."""
    cut = Raw(events=call_chunks({"index": 0, **BROKEN}, finish="length"))
    whole = Raw(body=completion({"content": "", "tool_calls": [BROKEN]}, "length"))
    ours, theirs = served(cut, whole, cut)
    for message in (streamed(ours), ours.invoke("Hi")):
        assert message.tool_calls == []
        assert [call["name"] for call in message.invalid_tool_calls] == ["get_weather"]
    assert [call["args"] for call in streamed(theirs).tool_calls] == [{"city": "Par"}]


@proves("usage repeated on each chunk")
def test_usage_repeated_on_each_chunk(served) -> None:
    """Theirs adds up what is the same usage; ours counts it once."""
    usage = {"prompt_tokens": 100, "completion_tokens": 4, "total_tokens": 104}
    payloads = [chunk({"content": "a"}, usage=usage) for _ in range(4)]
    repeated = Raw(events=[*payloads, chunk(finish="stop")])
    ours, theirs = served(repeated, repeated)
    assert streamed(ours).usage_metadata["input_tokens"] == 100
    assert streamed(theirs).usage_metadata["input_tokens"] == 400


@proves("`finish_reason` sent twice")
def test_the_finish_reason_sent_twice(served) -> None:
    """Theirs joins the two as if they were text."""
    twice = Raw(events=[*text_chunks(["a"]), chunk(finish="stop")])
    ours, theirs = served(twice, twice)
    assert streamed(ours).response_metadata["finish_reason"] == "stop"
    assert streamed(theirs).response_metadata["finish_reason"] == "stopstop"


@proves("a stream that ends half-way")
def test_a_stream_that_ends_half_way(served) -> None:
    """Theirs ends as a whole answer would; ours raises an error that carries what had come."""
    half = Raw(events=[chunk({"content": "Once upon"})], end="eof")
    ours, theirs = served(half, half)
    with pytest.raises(StreamInterruptedError) as caught:
        streamed(ours)
    assert isinstance(caught.value.partial, AIMessage)
    assert caught.value.partial.text == "Once upon"
    assert streamed(theirs).text == "Once upon"


@proves("keep-alive comments from a stalled model")
def test_keep_alive_comments_from_a_stalled_model(served) -> None:
    """Theirs waits as long as comments come; ours counts from the last event."""
    stalled = Raw(events=[chunk({"content": "a"}), *[": keep-alive"] * 10, chunk(finish="stop")])
    ours, theirs = served(stalled, stalled, delay=SILENCE / 2, timeout=SILENCE)
    with pytest.raises(GatewayTimeoutError):
        streamed(ours)
    assert streamed(theirs).text == "a"


@proves("a second `asyncio.run`")
@pytest.mark.filterwarnings(  # of the connections that theirs has lost with their loop
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_second_event_loop(served) -> None:
    """Theirs keeps a connection of the first loop, which is closed; ours has one for each."""
    ours, theirs = served(*[answer("yes")] * 4)
    assert [asyncio.run(ours.ainvoke("Hi")).text for _ in range(2)] == ["yes", "yes"]
    asyncio.run(theirs.ainvoke("Hi"))
    with pytest.raises((RuntimeError, openai.APIConnectionError)):
        asyncio.run(theirs.ainvoke("Hi"))
    del theirs
    gc.collect()  # here, and not in a test that comes later


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


@proves("forced tool choice while thinking")
def test_a_forced_tool_choice_while_thinking(served) -> None:
    """Theirs is refused by the server; ours switches thinking off for that call and says so."""
    ours, theirs = served(gateway="dashscope", streaming=True, extra_body={"enable_thinking": True})
    forced = {"tool_choice": "any"}
    with pytest.raises(openai.BadRequestError, match="tool_choice"):
        theirs.bind_tools([get_weather], **forced).invoke("Hi")
    with pytest.warns(QwenWarning, match="Thinking was switched off for this call"):
        message = ours.bind_tools([get_weather], **forced).invoke("Hi")
    assert [call["name"] for call in message.tool_calls] == ["get_weather"]
    assert "thinking" in message.response_metadata["notes"]


@proves("price")
def test_the_price(served) -> None:
    """Theirs says none; ours says it with its tier, and the handler adds it up."""
    ours, theirs = served(gateway="dashscope", streaming=True)
    with get_qwen_cost_callback() as cb:
        message = ours.invoke("Hi")
    assert "cost" not in str(theirs.invoke("Hi"))
    cost = message.response_metadata["cost"]
    assert (cost["tier"], cost["total"]) == ("≤256K", float(cb.total_cost))
