"""The cost handler over every way to call a model: who counts what, and for whom."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import inspect
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from builders import model_on
from fake_chat_model import ONE, PROMPT, FakeQwen
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, LLMResult
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tracers import context as core_context
from langgraph.graph import END, START, MessagesState, StateGraph

from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.callbacks.context import CostSettings
from langchain_qwen36.chat_models import ChatQwen36
from langchain_qwen36.pricing import money_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"  # v3
)


async def _v3(model):
    stream = await model.astream_events(PROMPT, version="v3")
    return await stream.output


async def _collect(stream):
    return [chunk async for chunk in stream]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda model: model.invoke(PROMPT), id="invoke"),
        pytest.param(lambda model: model.invoke(PROMPT, stream=True), id="invoke-streams-inside"),
        pytest.param(lambda model: list(model.stream(PROMPT)), id="stream"),
        pytest.param(
            lambda model: model.stream_events(PROMPT, version="v3").output, id="stream-v3"
        ),
        pytest.param(lambda model: asyncio.run(model.ainvoke(PROMPT)), id="ainvoke"),
        pytest.param(lambda model: asyncio.run(_collect(model.astream(PROMPT))), id="astream"),
        pytest.param(lambda model: asyncio.run(_v3(model)), id="astream-v3"),
        pytest.param(lambda model: model.batch([PROMPT]), id="batch"),
        pytest.param(lambda model: asyncio.run(model.abatch([PROMPT])), id="abatch"),
    ],
)
def test_every_way_to_call_costs_the_same(call):
    """One call is one record with the rate of its tier times its tokens."""
    with get_qwen_cost_callback() as cb:
        call(FakeQwen())

    (record,) = cb.runs
    assert (
        record.cost,
        record.currency,
        record.price_source,
        record.tier,
        record.ending,
        record.estimated,
        record.model,
        record.gateway,
    ) == (ONE, "USD", "list", "≤256K", "ok", False, "qwen3.6-plus", "dashscope-intl")
    assert (record.tokens.input, record.tokens.output) == (1000, 100)
    assert cb.total_cost == ONE


def test_fifty_threads_and_fifty_tasks_count_exactly():
    """No call is lost or doubled, whichever thread or task it ends in."""

    async def tasks(model):
        await asyncio.gather(*(model.ainvoke(PROMPT) for _ in range(50)))

    model = FakeQwen(pause=0.001)
    with get_qwen_cost_callback() as outer, get_qwen_cost_callback() as inner:
        with ThreadPoolExecutor(50) as pool:
            calls = [
                pool.submit(contextvars.copy_context().run, model.invoke, PROMPT) for _ in range(50)
            ]
            asyncio.run(tasks(model))
        assert len([call.result() for call in calls]) == 50
        model.batch([PROMPT] * 20)
        asyncio.run(model.abatch([PROMPT] * 20))

    for cb in (outer, inner):
        assert (cb.calls, cb.total_cost, cb._ledger.spent) == (140, 140 * ONE, {"USD": 140 * ONE})


def test_nested_blocks_both_count_and_siblings_do_not():
    """The outer block holds what both inner ones do."""
    model = FakeQwen()
    with get_qwen_cost_callback() as outer:
        model.invoke(PROMPT)
        with get_qwen_cost_callback() as first:
            model.invoke(PROMPT)
        with get_qwen_cost_callback() as second:
            model.batch([PROMPT] * 2)
    model.invoke(PROMPT)

    assert (outer.calls, first.calls, second.calls) == (4, 1, 2)


def test_a_block_inside_a_chain_does_not_double_the_outer_count():
    """There the outer handler hears of the call twice: as inherited, and from the inner one."""
    model = FakeQwen()

    def step(text):
        with get_qwen_cost_callback() as inner:
            model.invoke(text)
            list(model.stream(text))
        return inner

    with get_qwen_cost_callback() as outer:
        inner = RunnableLambda(step).invoke(PROMPT)

    assert (outer.calls, inner.calls) == (2, 2)


def test_a_handler_given_twice_counts_once():
    """On the model and in the config it is the same handler."""
    handler = QwenCostCallbackHandler()
    FakeQwen(callbacks=[handler]).invoke(PROMPT, config={"callbacks": [handler]})

    assert handler.calls == 1


def test_the_context_hook_is_registered_once():
    """LangChain keeps hooks for ever, so a block must not add one."""
    before = len(core_context._configure_hooks)
    for _ in range(3):
        with get_qwen_cost_callback():
            pass

    assert before == len(core_context._configure_hooks)


def _graph(model):
    def ask(state):
        return {"messages": [model.invoke(state["messages"])]}

    inner = StateGraph(MessagesState)
    inner.add_node("ask", ask)
    inner.add_edge(START, "ask")
    inner.add_edge("ask", END)
    outer = StateGraph(MessagesState)
    outer.add_node("first", ask)
    outer.add_node("team", inner.compile(name="team"))
    outer.add_edge(START, "first")
    outer.add_edge("first", "team")
    outer.add_edge("team", END)
    return outer.compile(name="whole")


def test_every_run_around_a_call_has_its_sum():
    """A subgraph, its nodes and the graph each know what was spent in them."""
    run_id = uuid4()
    with get_qwen_cost_callback() as cb:
        _graph(FakeQwen()).invoke({"messages": [HumanMessage(PROMPT)]}, {"run_id": run_id})

    names = {parent.run_id: parent.name for record in cb.runs for parent in record.parents}
    sums = {names[run]: summary.cost for run, summary in cb.by_run().items() if run in names}
    assert sums == {"whole": 2 * ONE, "first": ONE, "team": ONE, "ask": ONE}
    assert list(dict.fromkeys(parent.name for parent in cb.runs[1].parents)) == [
        "whole",
        "team",
        "ask",
    ]
    assert cb.cost_of(run_id) == 2 * ONE
    assert cb.cost_of(cb.runs[0].run_id) == ONE


def test_parallel_branches_and_tags_are_told_apart():
    """Sums per tag and per gateway come from the same records."""
    chain = RunnableParallel(
        plan=FakeQwen(tags=["plan"]), write=FakeQwen(gateway="dashscope", tags=["write"])
    )
    with get_qwen_cost_callback() as cb:
        chain.invoke(PROMPT)

    assert cb.by_tag()["plan"].cost == ONE
    assert list(cb.by_gateway()["dashscope-intl"].costs) == ["USD"]
    assert list(cb.by_gateway()["dashscope"].costs) == ["CNY"]


def test_runs_are_forgotten_when_they_end():
    """A long-lived handler keeps its records, and nothing of chains, prompts or chunks."""
    handler = QwenCostCallbackHandler()
    _graph(FakeQwen()).invoke({"messages": [HumanMessage(PROMPT)]}, {"callbacks": [handler]})

    assert (handler._open, handler._runs._runs) == ({}, {})


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda h: pickle.loads(pickle.dumps(h)), id="pickle"),  # noqa: S301 (our own)
        pytest.param(copy.deepcopy, id="deepcopy"),
    ],
)
def test_a_copy_takes_the_records_along_and_counts_on_its_own(copied):
    """Locks stay behind."""
    with get_qwen_cost_callback(budget="1 USD", price_as="dashscope-intl") as handler:
        FakeQwen().invoke(PROMPT)
        twin = copied(handler)
    FakeQwen(callbacks=[twin]).invoke(PROMPT)

    assert (handler.calls, twin.calls) == (1, 2)
    assert twin.total_cost == 2 * ONE


def test_a_copy_of_an_inner_handler_stands_alone():
    """It does not drag the blocks around it along."""
    with get_qwen_cost_callback(), get_qwen_cost_callback() as inner:
        twin = copy.deepcopy(inner)

    assert list(twin._self_and_parents()) == [twin]


def test_each_record_is_handed_on_as_it_is_booked():
    """For a log, a database, a span."""
    told = []
    with get_qwen_cost_callback(on_record=told.append) as cb:
        FakeQwen().batch([PROMPT] * 2)

    assert list(cb.runs) == told


def test_the_block_takes_every_setting_of_the_handler():
    """Two lists of the same keywords must not drift apart."""
    keywords = set(inspect.signature(QwenCostCallbackHandler).parameters)

    assert set(CostSettings.__annotations__) == keywords - {"trace_costs"}


def test_a_handler_that_saw_nothing_costs_nothing():
    """Zero is right only here: nothing was asked."""
    handler = QwenCostCallbackHandler()

    assert (Decimal(0), False, {}) == (handler.total_cost, handler.partial, handler.costs)


def test_events_of_calls_begun_before_the_handler_are_passed_over(caplog):
    """A handler may come late; it then counts from there."""
    caplog.set_level(logging.WARNING)
    handler = QwenCostCallbackHandler()
    chunk = ChatGenerationChunk(message=AIMessageChunk("Hi"))
    handler.on_llm_new_token("Hi", chunk=chunk, run_id=uuid4())
    handler.on_llm_end(LLMResult(generations=[]), run_id=uuid4())
    handler.on_llm_error(ValueError(), run_id=uuid4())

    assert (handler.runs, caplog.text) == ((), "")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        pytest.param("dashscope-intl", "list", id="list"),
        pytest.param("openrouter", "reported", id="reported"),
        pytest.param("vercel", "reported", id="reported-elsewhere"),
    ],
)
def test_chatqwen36_costs_what_its_messages_say(gateway_server, name, source):
    """The real model over a socket: the sum of the bills, however it is called."""
    server = gateway_server(name)
    model = ChatQwen36(gateway=name, base_url=server.base_url, api_key=server.key)
    with get_qwen_cost_callback() as cb:
        answers = [
            model.invoke(PROMPT),
            list(model.stream(PROMPT))[-1],
            model.stream_events(PROMPT, version="v3").output,
            asyncio.run(model.ainvoke(PROMPT)),
        ]

    bills = [money_of(answer.response_metadata["cost"]).amount for answer in answers]
    assert [record.cost for record in cb.runs] == bills
    assert {record.price_source for record in cb.runs} == {source}
    assert min(bills) > 0


def test_chatqwen36_tells_its_gateway_before_it_answers(gateway_server):
    """A call that was broken off has no bill: its gateway and model come from its start."""
    server = gateway_server("dashscope-intl")
    model = ChatQwen36(
        gateway="dashscope-intl",
        model="qwen3.6-flash",
        base_url=server.base_url,
        api_key=server.key,
    )
    with get_qwen_cost_callback() as cb:
        for _ in model.stream(PROMPT):
            break

    (record,) = cb.runs
    assert (record.gateway, record.model) == ("dashscope-intl", "qwen3.6-flash")
    assert (record.price_source, record.estimated, record.cost > 0) == ("list", True, True)


@pytest.mark.pain("P45")
def test_an_answer_from_the_cache_costs_nothing(gateway_server: Server) -> None:
    """Two equal calls with a cache cost what one does, and the second is counted apart."""
    server = gateway_server("dashscope")
    model = model_on(server, cache=InMemoryCache())
    handler = QwenCostCallbackHandler()
    messages = [model.invoke("Hi", {"callbacks": [handler]}) for _ in range(2)]
    first = messages[0].response_metadata["cost"]["total"]
    assert (len(server.requests), handler.calls, handler.cached_calls) == (1, 1, 1)
    assert float(handler.total_cost) == first > 0
