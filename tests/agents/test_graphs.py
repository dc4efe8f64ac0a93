"""LangGraph without `create_agent`: state, streams inside nodes, checkpoints, subgraphs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from agent_tools import WEATHER, add, ask, get_weather, model_on, said, thoughts, total_tokens
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt
from loopback import Refusal

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langgraph.graph.state import CompiledStateGraph
    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

pytestmark = pytest.mark.filterwarnings(
    "ignore:The v3 streaming protocol:langchain_core._api.LangChainBetaWarning"
)

ANSWER = "The tools say: 18 degrees in Paris"


def tool_loop(model: ChatQwen36, checkpointer: Any = None) -> CompiledStateGraph[Any, Any]:
    """Return the loop as LangGraph's tutorials write it."""
    bound = model.bind_tools([get_weather, add])

    def chat(state: MessagesState) -> dict[str, Any]:
        return {"messages": [bound.invoke(state["messages"])]}

    async def achat(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("chat", RunnableLambda(chat, afunc=achat))
    graph.add_node("tools", ToolNode([get_weather, add]))
    graph.add_edge(START, "chat")
    graph.add_conditional_edges("chat", tools_condition)
    graph.add_edge("tools", "chat")
    return graph.compile(checkpointer=checkpointer)


async def test_a_tool_loop_of_ones_own(gateway_server: Server) -> None:
    """Sync and async, and nothing is refused."""
    server = gateway_server()
    graph = tool_loop(model_on(server))
    for found in (graph.invoke(ask(WEATHER)), await graph.ainvoke(ask(WEATHER))):
        assert found["messages"][-1].text == ANSWER
    assert {request.status for request in server.requests} == {200}


def test_a_node_that_invokes_is_streamed_with_its_thoughts(gateway_server: Server) -> None:
    """`invoke` inside a streamed graph gives tokens, thoughts first."""
    kinds = []
    graph = tool_loop(model_on(gateway_server()))
    for chunk, _ in graph.stream(ask(WEATHER), stream_mode="messages"):
        if isinstance(chunk, AIMessageChunk):
            kinds += [block["type"] for block in chunk.content_blocks]
    assert list(dict.fromkeys(kinds)) == ["reasoning", "tool_call_chunk", "text"]


def test_several_modes_at_once_agree(gateway_server: Server) -> None:
    """Tokens, updates and values of one run tell the same."""
    tokens, updated, state = "", [], {}
    graph = tool_loop(model_on(gateway_server()))
    for mode, part in graph.stream(ask(WEATHER), stream_mode=["messages", "updates", "values"]):
        if mode == "messages" and isinstance(part[0], AIMessageChunk):
            tokens += part[0].text
        elif mode == "updates":
            updated += [m for node in part.values() for m in node["messages"]]
        elif mode == "values":
            state = part
    assert tokens == updated[-1].text == state["messages"][-1].text == ANSWER
    assert total_tokens(updated) == total_tokens(state["messages"]) > 0


def test_v3_shows_reasoning_of_a_graph(gateway_server: Server) -> None:
    """Each message stream has its reasoning apart from its text."""
    graph = tool_loop(model_on(gateway_server()))
    with graph.stream_events(ask(WEATHER), version="v3") as run:
        seen = [(m.node, "".join(m.reasoning), "".join(m.text)) for m in run.messages]
    thought = f"The user says {WEATHER!r}. I will answer that."
    assert seen[0] == ("chat", thought, "")
    assert seen[-1] == ("chat", thought, ANSWER)


def test_a_thread_goes_on_in_another_process(gateway_server: Server, tmp_path: Path) -> None:
    """Checkpoints in SQLite: a new graph, model and saver find the thread, thoughts and all."""
    server, file = gateway_server(), tmp_path / "threads.sqlite"
    config: Any = {"configurable": {"thread_id": "1"}}
    with SqliteSaver.from_conn_string(str(file)) as saver:
        first = tool_loop(model_on(server), saver).invoke(ask(WEATHER), config)
    with SqliteSaver.from_conn_string(str(file)) as saver:
        graph = tool_loop(model_on(server), saver)
        kept = graph.get_state(config).values["messages"]
        assert kept == first["messages"]
        found = graph.invoke(ask("Thanks."), config)
    assert found["messages"][-1].text == "You said: Thanks."
    roles = [message["role"] for message in server.bodies[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


async def test_a_thread_goes_on_async(gateway_server: Server, tmp_path: Path) -> None:
    """The async saver too, with content of version 1 in the checkpoint."""
    server, file = gateway_server(), tmp_path / "threads.sqlite"
    config: Any = {"configurable": {"thread_id": "1"}}
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        graph = tool_loop(model_on(server, output_version="v1"), saver)
        await graph.ainvoke(ask(WEATHER), config)
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        found = await tool_loop(model_on(server), saver).ainvoke(ask("Thanks."), config)
    assert found["messages"][-1].text == "You said: Thanks."
    assert thoughts(found["messages"][1]) == f"The user says {WEATHER!r}. I will answer that."


def test_a_failed_node_is_resumed(gateway_server: Server, tmp_path: Path) -> None:
    """After an error the thread goes on where it stood: the first answer is not paid again."""
    server = gateway_server()
    config: Any = {"configurable": {"thread_id": "1"}}
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
        graph = tool_loop(model_on(server, max_retries=0), saver)
        for part in graph.stream(ask(WEATHER), config, stream_mode="updates"):
            if "tools" in part:
                server.script(Refusal(500, "down", "internal_error", "internal_error"))
                break
        with pytest.raises(Exception, match="down"):
            graph.invoke(None, config)
        found = graph.invoke(None, config)
    assert found["messages"][-1].text == ANSWER
    assert [request.status for request in server.requests] == [200, 500, 200]


def test_what_we_put_on_messages_survives_a_checkpoint(gateway_server: Server) -> None:
    """Cost, usage and metadata are plain values: the checkpoint's serialiser keeps them."""
    message = model_on(gateway_server("openrouter")).invoke("Hi")
    serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    again = serde.loads_typed(serde.dumps_typed(message))
    assert again == message
    assert again.response_metadata == message.response_metadata


def test_an_interrupt_between_calls(gateway_server: Server, tmp_path: Path) -> None:
    """A person's answer comes in between two calls of the model."""
    model = model_on(gateway_server())

    def draft(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    def review(state: MessagesState) -> dict[str, Any]:
        return {"messages": [HumanMessage(interrupt(state["messages"][-1].text))]}

    graph = StateGraph(MessagesState)
    graph.add_sequence([draft, review, ("final", draft)])
    graph.add_edge(START, "draft")
    config: Any = {"configurable": {"thread_id": "1"}}
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.sqlite")) as saver:
        app = graph.compile(checkpointer=saver)
        stopped = app.invoke(ask("Write."), config)
        assert stopped["__interrupt__"][0].value == "You said: Write."
        found = app.invoke(Command(resume="Shorter."), config)
    assert found["messages"][-1].text == "You said: Shorter."


def test_a_subgraph_is_streamed_and_counted(gateway_server: Server) -> None:
    """Tokens of a graph inside a graph are seen, and its calls are in the bill."""
    server = gateway_server()
    inner = tool_loop(model_on(server))
    model = model_on(server)

    def close(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke([*state["messages"], HumanMessage("Sum up.")])]}

    outer = StateGraph(MessagesState)
    outer.add_node("inner", inner)
    outer.add_node("close", close)
    outer.add_edge(START, "inner")
    outer.add_edge("inner", "close")
    outer.add_edge("close", END)
    texts: dict[bool, str] = {True: "", False: ""}
    with get_qwen_cost_callback() as cb:
        for where, (chunk, _) in outer.compile().stream(
            ask(WEATHER), stream_mode="messages", subgraphs=True
        ):
            if isinstance(chunk, AIMessageChunk):
                texts[bool(where)] += chunk.text
    assert texts == {True: ANSWER, False: "You said: Sum up."}
    assert cb.calls == len(server.requests) == 3


def test_a_run_that_is_left_early_closes_its_stream(gateway_server: Server) -> None:
    """A UI that goes away: the next question works, on the same model."""
    server = gateway_server(chunk_delay=0.002)
    graph = tool_loop(model_on(server))
    with closing(graph.stream(ask(WEATHER), stream_mode="messages")) as parts:
        next(parts)
    assert graph.invoke(ask("Hi"))["messages"][-1].text == "You said: Hi"


def test_tool_errors_of_the_tool_node_go_back(gateway_server: Server) -> None:
    """A result with status `error` is sent as a result."""
    server = gateway_server()
    call = AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "c1", "type": "tool_call"}])
    failed = ToolMessage("missing a and b", tool_call_id="c1", status="error")
    graph = tool_loop(model_on(server))
    found = graph.invoke({"messages": [HumanMessage("Add."), call, failed]})
    assert said(found["messages"])[-1].text == "The tools say: Error: missing a and b"


def counted(messages: list[AnyMessage]) -> int:
    """Sum the tokens of the answers in a list of messages."""
    return sum(m.usage_metadata["total_tokens"] for m in messages if isinstance(m, AIMessage))


@pytest.mark.pain("P41")
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
async def test_a_graph_counts_the_same_tokens_however_it_is_run(gateway_server: Server) -> None:
    """Invoked or streamed in any mode, a graph counts the tokens that LangChain's handler does."""
    model = model_on(gateway_server("dashscope"))
    graph = StateGraph(MessagesState)
    graph.add_node("chat", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "chat")
    graph_app = graph.compile()
    question = {"messages": [HumanMessage("Hi")]}
    handler = UsageMetadataCallbackHandler()
    pieces = [
        p for p, _ in graph_app.stream(question, stream_mode="messages") if isinstance(p, AIMessage)
    ]
    ends = [
        event["data"]["output"].usage_metadata["total_tokens"]
        async for event in graph_app.astream_events(question, version="v2")
        if event["event"] == "on_chat_model_end"
    ]
    totals = [
        counted(graph_app.invoke(question, {"callbacks": [handler]})["messages"]),
        counted((await graph_app.ainvoke(question))["messages"]),
        counted(list(graph_app.stream(question, stream_mode="values"))[-1]["messages"]),
        sum(p.usage_metadata["total_tokens"] for p in pieces if p.usage_metadata),
        *ends,
        sum(usage["total_tokens"] for usage in handler.usage_metadata.values()),
    ]
    assert (len(totals), len(set(totals))) == (6, 1)
