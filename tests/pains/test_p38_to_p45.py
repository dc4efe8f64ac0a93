"""Pains P38 to P45 of the peers' users, each on the wire; see also `test_compared`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from answers import USAGE, call_chunks, chunk, completion, text_chunks, tool_delta
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    trim_messages,
)
from langgraph.graph import START, MessagesState, StateGraph
from loopback import Raw
from pained import City, model_on, streamed

from langchain_qwen36 import ChatQwen36, QwenCostCallbackHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

V3 = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning",
)


@pytest.mark.parametrize(
    "model",
    [
        "qwen3.6-plus",
        "qwen3.6-flash",
        "qwen3.6-max-preview",
        "qwen3.6-27b",
        "qwen3.6-35b-a3b",
        "qwen3.6-plus-2026-04-02",
        "qwen/qwen3.6-plus",
        "alibaba/qwen3.6-27b",
        "Qwen/Qwen3.6-35B-A3B",
    ],
)
def test_p38_every_spelling_of_a_model_has_a_profile(model: str) -> None:
    """Dated, prefixed or as on the hub: its window, its tools, its thoughts."""
    profile = ChatQwen36(model=model, gateway="openrouter", api_key="no-real-key").profile
    assert profile["max_input_tokens"] > 200_000
    assert (profile["tool_calling"], profile["reasoning_output"]) == (True, True)


def test_p38_an_agent_gets_its_structure_from_the_server(gateway_server: Server) -> None:
    """Where the profile says that the server keeps to a schema, it is asked to."""
    server = gateway_server("vllm")
    model = model_on(server, "qwen3.6-27b")
    assert model.profile["structured_output"] is True
    agent = create_agent(model, [], response_format=ProviderStrategy(City))
    found = agent.invoke({"messages": [HumanMessage("The city 'Paris' has 2100000 people.")]})
    assert found["structured_response"] == City(name="Paris", population=2_100_000)
    assert server.bodies[0]["response_format"]["type"] == "json_schema"


def test_p40_chinese_text_is_trimmed_in_time() -> None:
    """The model itself counts, and a Chinese character is not a quarter of a token."""
    model = ChatQwen36(gateway="dashscope", api_key="no-real-key")
    talk: list[AnyMessage] = [
        HumanMessage("今天天气很好我们去公园散步吧。" * 20) for _ in range(10)
    ]
    kept = trim_messages(talk, max_tokens=500, token_counter=model, strategy="last")
    assert 1 <= len(kept) <= 3
    assert model.get_num_tokens_from_messages(kept) <= 500


def counted(messages: list[AnyMessage]) -> int:
    """All tokens of a talk's answers."""
    return sum(m.usage_metadata["total_tokens"] for m in messages if isinstance(m, AIMessage))


@V3
async def test_p41_a_graph_counts_the_same_however_it_is_run(gateway_server: Server) -> None:
    """Invoked, streamed by values, messages or events, and as LangChain's handler counts."""
    model = model_on(gateway_server("dashscope"), "qwen3.6-27b")
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "ask")
    app = graph.compile()
    asked = {"messages": [HumanMessage("Hi")]}
    heard = UsageMetadataCallbackHandler()
    pieces = [p for p, _ in app.stream(asked, stream_mode="messages") if isinstance(p, AIMessage)]
    ends = [
        event["data"]["output"].usage_metadata["total_tokens"]
        async for event in app.astream_events(asked, version="v2")
        if event["event"] == "on_chat_model_end"
    ]
    totals = [
        counted(app.invoke(asked, {"callbacks": [heard]})["messages"]),
        counted((await app.ainvoke(asked))["messages"]),
        counted(list(app.stream(asked, stream_mode="values"))[-1]["messages"]),
        sum(p.usage_metadata["total_tokens"] for p in pieces if p.usage_metadata),
        *ends,
        sum(usage["total_tokens"] for usage in heard.usage_metadata.values()),
    ]
    assert (len(totals), len(set(totals))) == (6, 1)


THOUGHT_THEN_CALLED = [
    chunk({"reasoning_content": "I will "}),
    chunk({"reasoning_content": "look."}),
    chunk({"content": "Let me look."}),
    *call_chunks(tool_delta('{"city": "Paris"}', index=0, id="c1", name="get_weather")),
]


@V3
def test_p42_thoughts_end_before_the_answer_starts(gateway_server: Server) -> None:
    """In v3 events: one block after the other, in the order in which a UI shows them."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=THOUGHT_THEN_CALLED))
    events = list(model_on(server).stream_events("Hi", version="v3"))
    blocks = [
        (event["event"].removeprefix("content-block-"), event["index"])
        for event in events
        if event["event"].startswith("content-block")
    ]
    order = [name for name, _ in itertools.groupby(blocks)]
    steps = ("start", "delta", "finish")
    assert order == [(step, block) for block in range(3) for step in steps]


@V3
def test_p42_content_of_version_1_is_what_the_events_say(gateway_server: Server) -> None:
    """Thoughts, text, call, in both."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=THOUGHT_THEN_CALLED), Raw(events=THOUGHT_THEN_CALLED))
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


def test_p43_a_ui_finds_the_thoughts_of_a_chunk(gateway_server: Server) -> None:
    """AG-UI reads `additional_kwargs["reasoning_content"]`, others the content blocks."""
    server = gateway_server("openai-compatible")
    server.script(Raw(events=THOUGHT_THEN_CALLED), Raw(events=THOUGHT_THEN_CALLED))
    chunks = list(model_on(server).stream("Hi"))
    by_kwargs = [piece.additional_kwargs.get("reasoning_content", "") for piece in chunks]
    by_blocks = [
        block["reasoning"]
        for piece in model_on(server, output_version="v1").stream("Hi")
        for block in piece.content_blocks
        if block["type"] == "reasoning"
    ]
    assert ("".join(by_kwargs), "".join(by_blocks)) == ("I will look.", "I will look.")


@pytest.mark.parametrize("ask", [lambda model: model.invoke("Hi"), streamed])
def test_p44_a_server_that_names_no_model_is_counted_all_the_same(
    gateway_server: Server, ask: Any
) -> None:
    """Under the name that was asked for."""
    once = completion({"content": "a"}, usage=USAGE)
    del once["model"]
    pieces = [
        {key: value for key, value in piece.items() if key != "model"}
        for piece in [*text_chunks(["a"]), chunk(usage=USAGE)]
    ]
    server = gateway_server("openai-compatible")
    server.script(Raw(body=once) if ask is not streamed else Raw(events=pieces))
    heard = UsageMetadataCallbackHandler()
    ask(model_on(server).with_config(callbacks=[heard]))
    assert heard.usage_metadata["qwen3.6-plus"]["total_tokens"] == 15


def test_p45_an_answer_from_the_cache_costs_nothing(gateway_server: Server) -> None:
    """Two equal calls cost what one does, and the second is counted apart."""
    server = gateway_server("dashscope")
    model = model_on(server, cache=InMemoryCache())
    heard = QwenCostCallbackHandler()
    messages = [model.invoke("Hi", {"callbacks": [heard]}) for _ in range(2)]
    first = messages[0].response_metadata["cost"]["total"]
    assert (len(server.requests), heard.calls, heard.cached_calls) == (1, 1, 1)
    assert float(heard.total_cost) == first > 0
