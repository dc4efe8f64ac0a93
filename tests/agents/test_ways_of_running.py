"""One agent, run in every way LangGraph has: the same answer, thoughts and usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from agent_tools import WEATHER, ask, get_weather, model_on, said, thoughts, total_tokens
from langchain.agents import create_agent
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_qwen36 import get_qwen_cost_callback
from langchain_qwen36.middleware import (
    CostBudgetMiddleware,
    PromptCachingMiddleware,
    QwenModelRouterMiddleware,
    TierGuardMiddleware,
    ToolCallRepairMiddleware,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from langchain_core.messages import BaseMessage
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]
    Way = Callable[[Any, dict[str, Any]], Awaitable[list[BaseMessage]]]

pytestmark = pytest.mark.filterwarnings(
    "ignore:The v3 streaming protocol:langchain_core._api.LangChainBetaWarning"
)

THOUGHT = "The user says 'What is the weather in Paris? Use get_weather.'. I will answer that."
ANSWER = "The tools say: 18 degrees in Paris"


def joined(chunks: Iterable[BaseMessage]) -> list[BaseMessage]:
    """Chunks of one message added up, as a UI does."""
    whole: dict[str | None, Any] = {}
    for chunk in chunks:
        if isinstance(chunk, AIMessageChunk):
            whole[chunk.id] = whole[chunk.id] + chunk if chunk.id in whole else chunk
    return list(whole.values())


async def invoke(agent: Any, config: Any) -> list[BaseMessage]:
    """Return the plainest way."""
    found: list[BaseMessage] = agent.invoke(ask(WEATHER), config)["messages"]
    return found


async def ainvoke(agent: Any, config: Any) -> list[BaseMessage]:
    """Return the same, async."""
    found: list[BaseMessage] = (await agent.ainvoke(ask(WEATHER), config))["messages"]
    return found


async def values(agent: Any, config: Any) -> list[BaseMessage]:
    """Return the last state."""
    found: list[BaseMessage] = list(agent.stream(ask(WEATHER), config, stream_mode="values"))[-1][
        "messages"
    ]
    return found


async def updates(agent: Any, config: Any) -> list[BaseMessage]:
    """Return what each node added."""
    parts = agent.astream(ask(WEATHER), config, stream_mode="updates")
    nodes = [node or {} async for part in parts for node in part.values()]
    return [message for node in nodes for message in node.get("messages", ())]


async def messages(agent: Any, config: Any) -> list[BaseMessage]:
    """Token by token."""
    return joined(m for m, _ in agent.stream(ask(WEATHER), config, stream_mode="messages"))


async def amessages(agent: Any, config: Any) -> list[BaseMessage]:
    """Token by token, async."""
    parts = agent.astream(ask(WEATHER), config, stream_mode="messages")
    return joined([m async for m, _ in parts])


async def second_format(agent: Any, config: Any) -> list[BaseMessage]:
    """LangGraph's second format of parts."""
    modes = ["messages", "updates"]
    parts = agent.stream(ask(WEATHER), config, stream_mode=modes, version="v2")
    return joined(part["data"][0] for part in parts if part["type"] == "messages")


async def events_v2(agent: Any, config: Any) -> list[BaseMessage]:
    """Events of every runnable."""
    events = agent.astream_events(ask(WEATHER), config, version="v2")
    return [e["data"]["output"] async for e in events if e["event"] == "on_chat_model_end"]


async def events_v3(agent: Any, config: Any) -> list[BaseMessage]:
    """Content blocks."""
    with agent.stream_events(ask(WEATHER), config, version="v3") as run:
        return [stream.output for stream in run.messages if stream.node == "model"]


async def aevents_v3(agent: Any, config: Any) -> list[BaseMessage]:
    """Content blocks, async."""
    async with await agent.astream_events(ask(WEATHER), config, version="v3") as run:
        return [await stream.output async for stream in run.messages if stream.node == "model"]


WAYS = pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, id=way.__name__)
        for way in (
            invoke,
            ainvoke,
            values,
            updates,
            messages,
            amessages,
            second_format,
            events_v2,
            events_v3,
            aevents_v3,
        )
    ],
)
LONG = [pytest.param(row, marks=pytest.mark.long) for row in ("openrouter", "vercel")]
ROWS = pytest.mark.parametrize("row", ["dashscope", *LONG])


@WAYS
@ROWS
async def test_every_way_says_the_same(gateway_server: Server, way: Way, row: str) -> None:
    """Text, thoughts, the call and the usage of both answers."""
    agent = create_agent(model_on(gateway_server(row)), [get_weather])
    first, last = said(await way(agent, {}))
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [
        ("get_weather", {"city": "Paris"})
    ]
    assert (last.text, thoughts(first), thoughts(last)) == (ANSWER, THOUGHT, THOUGHT)


@WAYS
@ROWS
async def test_every_way_counts_the_same(gateway_server: Server, way: Way, row: str) -> None:
    """What the messages say, what LangChain's handler counts, and what ours does."""
    # A gateway of its own for each run: an earlier one would have left its prompt in the cache.
    expected = create_agent(model_on(gateway_server(row)), [get_weather]).invoke(ask(WEATHER))
    agent = create_agent(model_on(gateway_server(row)), [get_weather])
    stock = UsageMetadataCallbackHandler()
    with get_qwen_cost_callback() as cb:
        found = said(await way(agent, {"callbacks": [stock]}))
    total = total_tokens(expected["messages"])
    counted = sum(usage["total_tokens"] for usage in stock.usage_metadata.values())
    assert (total_tokens(found), counted, cb.tokens.total) == (total, total, total)
    assert details(found) == details(said(expected["messages"]))
    assert cb.calls == 2


def details(found: Iterable[AIMessage]) -> list[Any]:
    """How the usage is made up, and what it cost."""
    return [(m.usage_metadata, m.response_metadata.get("cost", {}).get("total")) for m in found]


@WAYS
async def test_every_way_reports_the_cost(gateway_server: Server, way: Way) -> None:
    """The gateway's own bill is on each message, once."""
    server = gateway_server("openrouter")
    agent = create_agent(model_on(server), [get_weather])
    costs = [m.response_metadata["cost"] for m in said(await way(agent, {}))]
    assert [cost["basis"] for cost in costs] == ["reported", "reported"]


def test_chunks_show_thoughts_in_both_shapes(gateway_server: Server) -> None:
    """UIs read the old key or the standard block; both are filled in each chunk."""
    agent = create_agent(model_on(gateway_server()), [get_weather])
    parts = agent.stream(ask(WEATHER), stream_mode="messages")
    chunks = [m for m, _ in parts if isinstance(m, AIMessageChunk)]
    old = "".join(chunk.additional_kwargs.get("reasoning_content", "") for chunk in chunks)
    new = "".join(thoughts(chunk) for chunk in chunks)
    assert old == new == THOUGHT * 2


def test_blocks_end_before_the_next_begins(gateway_server: Server) -> None:
    """A UI may close the thought when the text opens."""
    agent = create_agent(model_on(gateway_server()), [get_weather])
    with agent.stream_events(ask(WEATHER), version="v3") as run:
        order = [
            f"{event['content']['type']} {event['event'].removeprefix('content-block-')}"
            for stream in run.messages
            if stream.node == "model"
            for event in stream
            if event["event"] in ("content-block-start", "content-block-finish")
        ]
    assert order == [
        "reasoning start",
        "reasoning finish",
        "tool_call_chunk start",
        "tool_call finish",
        "reasoning start",
        "reasoning finish",
        "text start",
        "text finish",
    ]


@WAYS
async def test_middleware_does_not_disturb_what_is_seen(gateway_server: Server, way: Way) -> None:
    """All of ours in one agent: each answer comes once, with its thoughts, in every way."""
    middleware = [
        CostBudgetMiddleware("1 USD"),
        TierGuardMiddleware("trim"),
        QwenModelRouterMiddleware(),
        ToolCallRepairMiddleware(),
        PromptCachingMiddleware(),
    ]
    model = model_on(gateway_server("dashscope-intl"))
    agent = create_agent(model, [get_weather], middleware=middleware, system_prompt="rule " * 1500)
    first, last = said(await way(agent, {}))
    assert [call["name"] for call in first.tool_calls] == ["get_weather"]
    assert (last.text, thoughts(last)) == (ANSWER, THOUGHT)


@pytest.mark.parametrize("mode", ["debug", "tasks", "checkpoints", "custom"])
def test_the_other_modes_run_to_the_end(gateway_server: Server, mode: Any) -> None:
    """Modes that do not show messages do not disturb them."""
    server = gateway_server()
    for _ in create_agent(model_on(server), [get_weather]).stream(ask(WEATHER), stream_mode=mode):
        pass
    assert [request.status for request in server.requests] == [200, 200]


def test_content_of_version_1_goes_back_unchanged(gateway_server: Server) -> None:
    """What v3 left in the history is sent as what it was."""
    server = gateway_server()
    agent = create_agent(model_on(server), [get_weather])
    with agent.stream_events(ask(WEATHER), version="v3") as run:
        state = run.output
    assert isinstance(state["messages"][-1].content, list)
    again = [*state["messages"], {"role": "user", "content": "Thanks."}]
    assert agent.invoke({"messages": again})["messages"][-1].text == "You said: Thanks."
    assert server.bodies[-1]["messages"][3]["content"] == ANSWER
