"""logprobs, n, seed, stop, logit_bias and response_format, in every way of asking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]
    Way = Callable[[Any], Awaitable[AIMessage]]

HI = "Say alpha beta gamma as JSON."
JSON = {"type": "json_object"}


async def invoke(model: Runnable) -> AIMessage:
    """In one piece."""
    return model.invoke(HI)


async def ainvoke(model: Runnable) -> AIMessage:
    """In one piece, async."""
    return await model.ainvoke(HI)


async def batch(model: Runnable) -> AIMessage:
    """Return the last of several."""
    return model.batch([HI, HI])[-1]


async def abatch(model: Runnable) -> AIMessage:
    """Return the last of several, async."""
    return (await model.abatch([HI, HI]))[-1]


async def stream(model: Runnable) -> AIMessage:
    """Return the chunks, merged."""
    head, *chunks = model.stream(HI)
    return sum(chunks, head)


async def astream(model: Runnable) -> AIMessage:
    """Return the chunks, merged, async."""
    head, *chunks = [chunk async for chunk in model.astream(HI)]
    return sum(chunks, head)


async def events(model: Runnable) -> AIMessage:
    """Return the message of v3 events."""
    return model.stream_events(HI, version="v3").output


async def aevents(model: Runnable) -> AIMessage:
    """Return the message of async v3 events."""
    return await (await model.astream_events(HI, version="v3"))


EVERY_WAY = pytest.mark.parametrize(
    "way", [invoke, ainvoke, batch, abatch, stream, astream, events, aevents]
)
SETTINGS = [
    pytest.param({"seed": 7}, id="seed"),
    pytest.param({"stop": ["beta"]}, id="stop"),
    pytest.param({"logit_bias": {"7": -2}}, id="logit_bias"),
    pytest.param({"response_format": JSON}, id="response_format"),
    pytest.param({"logprobs": True, "top_logprobs": 2}, id="logprobs"),
    pytest.param({"n": 2}, id="n"),
]


def ours(server: LoopbackGateway, **settings: Any) -> ChatQwen36:
    """Our model at the server; it thinks, for thoughts must not get in the way."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(model="qwen3.6-27b", **where, **settings)


def theirs(server: LoopbackGateway, **settings: Any) -> Runnable:
    """ChatOpenAI at the same server."""
    where = {"base_url": server.base_url, "api_key": server.key}
    return ChatOpenAI(model="qwen3.6-27b", stream_usage=True, **where).bind(**settings)


@EVERY_WAY
@pytest.mark.parametrize("settings", SETTINGS)
async def test_it_leaves_by_the_constructor_and_by_the_call(
    gateway_server: Server, way: Way, settings: dict[str, Any]
) -> None:
    """Under its own name, unchanged, and the answers are the same."""
    server = gateway_server("vllm")
    answers = [await way(ours(server, **settings)), await way(ours(server).bind(**settings))]
    assert all(body.items() >= settings.items() for body in server.bodies)
    assert answers[0].text == answers[1].text
    assert {request.status for request in server.requests} == {200}


@EVERY_WAY
async def test_stop_words_end_the_answer(gateway_server: Server, way: Way) -> None:
    """They are not in it."""
    answer = await way(ours(gateway_server("vllm"), stop=["beta"]))
    assert answer.text == "You said: Say alpha "


@EVERY_WAY
async def test_an_asked_for_object_is_json(gateway_server: Server, way: Way) -> None:
    """The whole text of the answer."""
    answer = await way(ours(gateway_server("vllm"), response_format=JSON))
    assert json.loads(answer.text) == {"answer": "some answer"}


@EVERY_WAY
@pytest.mark.parametrize("row", ["vllm", "openrouter", "sglang"])
async def test_logprobs_are_joined_in_order(gateway_server: Server, way: Way, row: str) -> None:
    """Each token of the text once, with its alternatives, however the answer came."""
    answer = await way(ours(gateway_server(row), logprobs=True, top_logprobs=2))
    entries = answer.response_metadata["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == answer.text
    assert {len(entry["top_logprobs"]) for entry in entries} == {2}
    assert answer.additional_kwargs["reasoning_content"]


@pytest.mark.parametrize("way", [invoke, stream])
@pytest.mark.parametrize("settings", SETTINGS[:-1])
async def test_chat_openai_says_the_same(
    gateway_server: Server, way: Way, settings: dict[str, Any]
) -> None:
    """One answer, its text, its log probabilities and its usage."""
    server = gateway_server("openai-compatible")
    mine, other = await way(ours(server, **settings)), await way(theirs(server, **settings))
    assert mine.text == other.text
    assert mine.usage_metadata == other.usage_metadata
    found = mine.response_metadata.get("logprobs") or {}
    assert found.get("content") == (other.response_metadata.get("logprobs") or {}).get("content")


# Several answers.

FIRST, SECOND = (
    "You said: Say alpha beta gamma as JSON.",
    "You said: Say alpha beta gamma as JSON. (2)",
)


@EVERY_WAY
async def test_of_several_answers_the_first_is_the_message(
    gateway_server: Server, way: Way
) -> None:
    """A stream too is one answer; ChatOpenAI's is the texts of both, mixed."""
    answer = await way(ours(gateway_server("vllm"), n=2))
    assert answer.text == FIRST


@pytest.mark.parametrize("way", [stream, astream, events, aevents])
async def test_a_stream_gives_the_other_answers_whole_at_its_end(
    gateway_server: Server, way: Way
) -> None:
    """With their own thoughts, reason and log probabilities."""
    answer = await way(ours(gateway_server("vllm"), n=2, logprobs=True))
    [other] = answer.response_metadata["alternatives"]
    assert (other["index"], other["content"], other["finish_reason"]) == (1, SECOND, "stop")
    assert other["reasoning_content"] == answer.additional_kwargs["reasoning_content"]
    tokens = [entry["token"] for entry in other["logprobs"]["content"]]
    assert "".join(tokens) == SECOND


@pytest.mark.parametrize("row", ["vllm", "dashscope"])
async def test_generate_gives_them_all_and_counts_once(gateway_server: Server, row: str) -> None:
    """Usage is the request's; on each answer it would be summed as often."""
    model = ours(gateway_server(row), n=2, enable_thinking=False)
    asked = [[HumanMessage(HI)]]
    for result in (model.generate(asked), await model.agenerate(asked)):
        first, second = (generation.message for generation in result.generations[0])
        assert (first.text, second.text) == (FIRST, SECOND)
        assert first.usage_metadata["output_tokens"] > 0
        assert second.usage_metadata is None


@EVERY_WAY
async def test_langchains_own_count_is_one_request(gateway_server: Server, way: Way) -> None:
    """With n = 2 as without, by what the server counted."""
    server = gateway_server("vllm")
    with get_usage_metadata_callback() as counted:
        answer = await way(ours(server, n=2))
    [total] = counted.usage_metadata.values()
    assert total["output_tokens"] == answer.usage_metadata["output_tokens"] * len(server.requests)


@EVERY_WAY
async def test_several_answers_while_thinking_are_refused_where_the_server_does(
    gateway_server: Server, way: Way
) -> None:
    """By name, before anything is sent."""
    server = gateway_server("dashscope")
    with pytest.raises(UnsupportedSettingError, match=r"n=2.*enable_thinking=False"):
        await way(ours(server, n=2))
    assert server.requests == []


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        pytest.param({"stop": []}, {}, id="no-stop-words"),
        pytest.param({"top_logprobs": 2}, {"top_logprobs": 2, "logprobs": True}, id="top"),
        pytest.param({"top_logprobs": 0}, {"top_logprobs": 0}, id="none-at-the-top"),
    ],
)
def test_what_servers_refuse_by_itself_is_completed(
    gateway_server: Server, said: dict[str, Any], sent: dict[str, Any]
) -> None:
    """An empty list of stop words says nothing; `top_logprobs` are a part of `logprobs`."""
    server = gateway_server("vllm")
    where = {"gateway": "vllm", "base_url": server.base_url, "api_key": server.key}
    ChatQwen36(model="qwen3.6-27b", **where).invoke("Hi", **said)
    keys = ("stop", "logprobs", "top_logprobs")
    assert {key: server.bodies[0][key] for key in keys if key in server.bodies[0]} == sent
