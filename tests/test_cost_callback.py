"""The cost handler over every way to call a model and every way for a call to end."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import inspect
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest
from fake_chat_model import MILLION, USAGE, FakeQwen
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tracers import context as core_context
from langgraph.graph import END, START, MessagesState, StateGraph

from langchain_qwen36 import tokens
from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.callbacks.context import CostSettings
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.errors import (
    GatewayConnectionError,
    GatewayTimeoutError,
    InvalidRequestError,
    RateLimitError,
    StreamInterruptedError,
)
from langchain_qwen36.pricing import Money

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"  # v3
)

PROMPT = "How is the weather in Paris?"
ONE = Decimal("0.50") * 1000 / MILLION + Decimal("3.00") * 100 / MILLION
"""What `USAGE` costs on qwen3.6-plus at dashscope-intl: rate x tokens."""


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


# --- endings: langchain.md §3, one row each ---


def _break_stream(model):
    for _ in model.stream(PROMPT):
        break


def _close_stream(model):
    stream = model.stream(PROMPT)
    next(stream)
    stream.close()


async def _break_astream(model):
    stream = model.astream(PROMPT)
    await anext(stream)
    await stream.aclose()


async def _cancel_astream(model):
    stream = model.astream(PROMPT)
    await anext(stream)
    task = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _aclose_v3(model):
    stream = await model.astream_events(PROMPT, version="v3")
    async for _ in stream.text:
        break
    await stream.aclose()


async def _cancel_ainvoke(model, **kwargs):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(model.ainvoke(PROMPT, **kwargs), 0.05)


def _abandon_v3(model):
    next(iter(model.stream_events(PROMPT, version="v3").text))


@pytest.mark.parametrize(
    ("use", "ending", "seen"),
    [
        pytest.param(_break_stream, "abandoned", 1, id="stream-broken-off"),
        pytest.param(_close_stream, "abandoned", 1, id="stream-closed"),
        pytest.param(lambda m: asyncio.run(_break_astream(m)), "abandoned", 1, id="astream-closed"),
        pytest.param(
            lambda m: asyncio.run(_cancel_astream(m)), "cancelled", 1, id="astream-cancelled"
        ),
        pytest.param(_abandon_v3, "abandoned", 1, id="v3-dropped"),
        pytest.param(lambda m: asyncio.run(_aclose_v3(m)), "cancelled", 1, id="v3-aclosed"),
        pytest.param(
            lambda m: asyncio.run(_cancel_ainvoke(m)), "abandoned", 0, id="ainvoke-cancelled"
        ),
    ],
)
def test_a_cut_call_is_billed_by_what_was_seen_of_it(use, ending, seen):
    """Prompt and text so far are counted, priced, and marked as an estimate (P31)."""
    model = FakeQwen(hangs_after=seen)
    with get_qwen_cost_callback() as cb:
        use(model)

    (record,) = cb.runs
    written = tokens.count_text("".join(model.pieces[:seen]))
    read = tokens.count_messages([HumanMessage(PROMPT)])
    assert (ending, True, "list") == (record.ending, record.estimated, record.price_source)
    assert (read, written) == (record.tokens.input, record.tokens.output)
    assert Decimal("0.50") * read / MILLION + Decimal(3) * written / MILLION == record.cost
    assert (cb.aborted_calls, cb.estimated_calls) == (1, 1)


def test_a_cancelled_call_that_streamed_inside_counts_the_text_so_far():
    """Nobody is told of the end of a cancelled `ainvoke` (T3), but its chunks were seen."""
    model = FakeQwen(hangs_after=1)
    with get_qwen_cost_callback() as cb:
        asyncio.run(_cancel_ainvoke(model, stream=True))

    assert tokens.count_text(model.pieces[0]) == cb.runs[0].tokens.output


async def _leave_v3(model):
    stream = await model.astream_events(PROMPT, version="v3")
    async for _ in stream.text:
        break
    await asyncio.sleep(0.2)


def test_a_left_v3_stream_runs_to_its_end_and_is_billed_whole():
    """Breaking out of an async v3 stream does not stop its producer (langchain.md §3)."""
    with get_qwen_cost_callback() as cb:
        asyncio.run(_leave_v3(FakeQwen(pause=0.01)))

    assert [(record.ending, record.cost) for record in cb.runs] == [("ok", ONE)]


async def _leave_block_before_end(model):
    with get_qwen_cost_callback() as cb:
        stream = await model.astream_events(PROMPT, version="v3")
        async for _ in stream.text:
            break
    before = cb.runs
    await asyncio.sleep(0.2)
    return before, cb


def test_a_call_that_was_given_up_and_ends_after_all_is_booked_as_it_ended():
    """The real end replaces the estimate, and is not added to it."""
    before, cb = asyncio.run(_leave_block_before_end(FakeQwen(pause=0.01)))

    assert [record.ending for record in before] == ["abandoned"]
    assert [(record.ending, record.estimated) for record in cb.runs] == [("ok", False)]
    assert (cb.total_cost, cb._ledger.spent) == (ONE, {"USD": ONE})


PARTIAL = AIMessage(content="It is 18", usage_metadata=USAGE)
FINISHED = PARTIAL.model_copy(update={"response_metadata": {"finish_reason": "length"}})


@pytest.mark.parametrize(
    ("error", "source", "estimated", "counted"),
    [
        pytest.param(
            InvalidRequestError("no", status_code=400), "not_billed", False, (0, 0), id="refused"
        ),
        pytest.param(
            RateLimitError("slow", status_code=429), "not_billed", False, (0, 0), id="throttled"
        ),
        pytest.param(GatewayConnectionError("dns"), "not_billed", False, (0, 0), id="unreachable"),
        pytest.param(
            ValueError("your own hook"), "not_billed", False, (0, 0), id="before-it-was-sent"
        ),
        pytest.param(TimeoutError(), "list", True, (None, 0), id="timeout"),
        pytest.param(StreamInterruptedError("cut"), "list", True, (None, 0), id="cut-at-once"),
        pytest.param(
            StreamInterruptedError("cut", partial=AIMessage("It is 18")),
            "list",
            True,
            (None, tokens.count_text("It is 18")),
            id="cut-with-text",
        ),
        pytest.param(
            StreamInterruptedError("cut", partial=PARTIAL),
            "list",
            True,
            (1000, 100),
            id="cut-with-usage-so-far",
        ),
        pytest.param(
            StreamInterruptedError("cut", partial=FINISHED),
            "list",
            False,
            (1000, 100),
            id="finished-with-usage",
        ),
    ],
)
def test_a_failed_call_costs_what_may_be_billed(error, source, estimated, counted):
    """A refusal costs 0; what was accepted costs its last usage or an estimate (P31)."""
    prompt = tokens.count_messages([HumanMessage(PROMPT)])
    with get_qwen_cost_callback() as cb, pytest.raises(type(error)):
        FakeQwen(error=error).invoke(PROMPT)

    (record,) = cb.runs
    read = prompt if counted[0] is None else counted[0]
    assert ("error", source, estimated) == (record.ending, record.price_source, record.estimated)
    assert (read, counted[1]) == (record.tokens.input, record.tokens.output)
    assert Decimal("0.50") * read / MILLION + Decimal(3) * counted[1] / MILLION == record.cost
    assert (1, 0, type(error).__name__) == (cb.failed_calls, cb.unpriced_calls, record.error)


@pytest.mark.parametrize(
    ("clock", "source"),
    [
        pytest.param("connect", "not_billed", id="connect"),
        pytest.param("pool", "not_billed", id="pool"),
        pytest.param("first_event", "list", id="first-event"),
        pytest.param("gap", "list", id="gap"),
        pytest.param("total", "list", id="total"),
    ],
)
def test_a_timeout_costs_money_once_the_request_was_sent(clock, source):
    """Gateways run and bill a request that was left alone (gateways.md §7)."""
    error = GatewayTimeoutError("late")
    error.clock = clock
    with get_qwen_cost_callback() as cb, pytest.raises(GatewayTimeoutError):
        FakeQwen(error=error).invoke(PROMPT)

    assert source == cb.runs[0].price_source


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda m: list(m.stream(PROMPT)), id="stream"),
        pytest.param(lambda m: m.invoke(PROMPT, stream=True), id="invoke-streams-inside"),
        pytest.param(lambda m: m.stream_events(PROMPT, version="v3").output, id="v3"),
    ],
)
def test_an_error_within_a_stream_bills_the_text_before_it(use):
    """The chunks were seen even where the error event carries none (langchain.md §3)."""
    model = FakeQwen(error=ConnectionError("reset"), fails_after=2)
    with get_qwen_cost_callback() as cb, pytest.raises(ConnectionError):
        use(model)

    (record,) = cb.runs
    assert (record.ending, record.estimated) == ("error", True)
    assert tokens.count_text("".join(model.pieces[:2])) == record.tokens.output


def test_a_sync_batch_that_fails_later_keeps_its_first_call():
    """LangChain never tells of the end of the items before the failing one (T4)."""
    cb = QwenCostCallbackHandler()
    with pytest.raises(RateLimitError):
        _FailsSecond().generate([[HumanMessage(PROMPT)], [HumanMessage("fail")]], callbacks=[cb])
    cb.close_open_calls()

    assert [record.ending for record in cb.runs] == ["error", "abandoned"]
    assert cb.total_cost > 0


class _FailsSecond(FakeQwen):
    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if messages[0].content == "fail":
            raise RateLimitError("slow", status_code=429)
        return super()._generate(messages, stop, run_manager, **kwargs)

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        return self._generate(messages, stop, run_manager, **kwargs)


def test_an_async_batch_that_fails_later_keeps_its_first_call_exactly():
    """In async code the other items are told of."""
    cb = QwenCostCallbackHandler()
    batch = [[HumanMessage(PROMPT)], [HumanMessage("fail")]]
    with pytest.raises(RateLimitError):
        asyncio.run(_FailsSecond().agenerate(batch, callbacks=[cb]))

    assert {"error": Decimal(0), "ok": ONE} == {r.ending: r.cost for r in cb.runs}


def test_a_call_left_open_is_booked_when_the_chain_around_it_is_cancelled():
    """No need to wait for the manager to exit: the chain's end is told."""
    handler = QwenCostCallbackHandler()
    model = FakeQwen(hangs_after=0).with_config(callbacks=[handler])
    chain = RunnableLambda(lambda text: text) | model
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(chain.ainvoke(PROMPT, {"callbacks": [handler]}), 0.05))

    assert [(r.ending, r.estimated) for r in handler.runs] == [("cancelled", True)]


def test_an_answer_without_usage_is_estimated():
    """Some servers count nothing; the call is not free for that."""
    with get_qwen_cost_callback() as cb:
        answer = FakeQwen(usage=None).invoke(PROMPT)

    (record,) = cb.runs
    assert (record.ending, record.estimated, record.price_source) == ("ok", True, "list")
    assert tokens.count_text(answer.text) == record.tokens.output


# --- which price ---


def test_a_reported_bill_goes_before_the_list():
    """What the gateway says it charged is the cost, and the record says so (P28)."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(gateway="openrouter", reported="0.0123").invoke(PROMPT)

    assert (Decimal("0.0123"), "reported") == (cb.total_cost, cb.runs[0].price_source)


def test_an_unknown_model_has_no_price_and_says_so_once(caplog):
    """The total of unpriced calls is None, never 0 (P12)."""
    with get_qwen_cost_callback() as cb:
        for _ in range(3):
            FakeQwen(model_name="gpt-9").invoke(PROMPT)

    assert (cb.total_cost, cb.unpriced_calls, cb.partial) == (None, 3, True)
    assert caplog.text.count("No price is known for gpt-9") == 1


def test_a_total_beside_unpriced_calls_is_partial():
    """What is known is summed, and the gap is said."""
    with get_qwen_cost_callback() as cb:
        FakeQwen().invoke(PROMPT)
        FakeQwen(model_name="gpt-9").invoke(PROMPT)

    assert (cb.total_cost, cb.unpriced_calls, cb.partial) == (ONE, 1, True)
    assert "1 call without a known price: the cost is partial" in str(cb)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("qwen3.6-plus", id="bare"),
        pytest.param("qwen3.6-plus-2026-04-02", id="dated"),
        pytest.param("qwen/qwen3.6-plus", id="prefixed"),
        pytest.param("alibaba/qwen3.6-plus", id="other-prefix"),
    ],
)
def test_other_classes_are_priced_by_the_models_name(name):
    """A message with usage and a known name needs no bill of ours; spellings are one model."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(model_name=name, says_cost=False).invoke(PROMPT)

    assert {model: s.cost for model, s in cb.by_model().items()} == {"qwen3.6-plus": ONE}


class _Foreign(FakeQwen):
    """As a class that says nothing of its gateway but the URL in its settings."""

    url: str | None = None

    @property
    def _serialized(self):
        return {"name": "ChatOther", "kwargs": {"openai_api_base": self.url}}


@pytest.mark.parametrize(
    ("url", "settings", "cost"),
    [
        pytest.param(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", {}, ONE, id="known-url"
        ),
        pytest.param("https://proxy.example/v1", {}, None, id="unknown-url"),
        pytest.param(
            "https://proxy.example/v1", {"price_as": "dashscope-intl"}, ONE, id="price-as"
        ),
        pytest.param(
            None,
            {
                "price_of": lambda model, gateway, usage: Money(
                    Decimal(usage["input_tokens"]), "EUR"
                )
            },
            Decimal(1000),
            id="price-of",
        ),
    ],
)
def test_the_gateway_of_other_classes_is_found_or_said(url, settings, cost):
    """A known base URL names the gateway; otherwise you say whose prices hold."""
    with get_qwen_cost_callback(**settings) as cb:
        _Foreign(url=url, gateway=None, says_cost=False).invoke(PROMPT)

    assert cost == cb.total_cost


def test_a_discount_is_taken_off_the_list_but_not_off_a_bill():
    """A reported amount is already what was paid."""
    with get_qwen_cost_callback(discount="0.85") as cb:
        FakeQwen().invoke(PROMPT)
        FakeQwen(gateway="openrouter", reported="0.0123").invoke(PROMPT)

    assert [ONE * Decimal("0.85"), Decimal("0.0123")] == [record.cost for record in cb.runs]


def test_your_own_book_replaces_the_list(tmp_path):
    """A row of your file prices the call, though the message carries the bundled price."""
    path = tmp_path / "prices.toml"
    path.write_text(
        '[[offer]]\ngateway = "dashscope-intl"\nmodel = "qwen3.6-plus"\n'
        '[[offer.price]]\ncurrency = "USD"\ntiers = [{ input = "1.00", output = "1.00" }]\n'
        'source = "contract"\nchecked = 2026-11-21\n'
    )
    with get_qwen_cost_callback(book=PriceBook.from_toml(path)) as cb:
        FakeQwen().invoke(PROMPT)

    assert Decimal(1100) / MILLION == cb.total_cost


def test_an_impossible_usage_is_unpriced_and_its_numbers_are_logged(caplog):
    """More cached tokens than input tokens cannot be; the call goes on."""
    usage = {**USAGE, "input_token_details": {"cache_read": 5000}}
    with get_qwen_cost_callback() as cb:
        FakeQwen(usage=usage, says_cost=False).invoke(PROMPT)

    assert cb.unpriced_calls == 1
    assert "cache_read (5000)" in caplog.text


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"discount": "1.5"}, id="discount"),
        pytest.param({"price_as": "nowhere"}, id="price-as"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(settings):
    """Not at the first call, where LangChain would swallow it."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        QwenCostCallbackHandler(**settings)


def test_several_answers_to_one_call_are_billed_once():
    """With n > 1 the usage stands on the first answer (T26)."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(n=3).invoke(PROMPT)

    assert (cb.calls, cb.total_cost) == (1, ONE)


def test_an_llm_cache_hit_costs_nothing_and_is_counted_apart():
    """Two equal calls cost one (P45)."""
    model = FakeQwen(cache=InMemoryCache())
    with get_qwen_cost_callback() as cb:
        model.invoke(PROMPT)
        model.invoke(PROMPT)

    summary = cb.summary()
    assert (cb.calls, cb.cached_calls, cb.total_cost) == (1, 1, ONE)
    assert (summary.tokens.total, summary.llm_cache_tokens.total) == (1100, 1100)


def test_currencies_are_never_added():
    """Dollars and yuan keep a sum each, and the one total refuses (P68)."""
    with get_qwen_cost_callback() as cb:
        FakeQwen().invoke(PROMPT)
        FakeQwen(gateway="dashscope").invoke(PROMPT)

    assert list(cb.costs) == ["CNY", "USD"]
    with pytest.raises(ValueError, match="CNY and USD"):
        _ = cb.total_cost


def test_the_stock_usage_callback_still_adds_up_beside_ours():
    """Nothing is written into the messages (T1)."""
    with get_usage_metadata_callback() as stock, get_qwen_cost_callback():
        FakeQwen().batch([PROMPT] * 3)

    assert stock.usage_metadata["qwen3.6-plus"]["total_tokens"] == 3300


# --- who counts, and for whom ---


def test_fifty_threads_and_fifty_tasks_count_exactly():
    """No call is lost or doubled, whichever thread or task it ends in (P46)."""

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
    """LangChain keeps hooks for ever, so a block must not add one (T30)."""
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
    """Locks stay behind (P66)."""
    with get_qwen_cost_callback(budget="1 USD", price_as="dashscope-intl") as handler:
        FakeQwen().invoke(PROMPT)
        twin = copied(handler)
    FakeQwen(callbacks=[twin]).invoke(PROMPT)

    assert (handler.calls, twin.calls) == (1, 2)
    assert twin.total_cost == 2 * ONE


def test_each_record_is_handed_on_as_it_is_booked():
    """For a log, a database, a span."""
    told = []
    with get_qwen_cost_callback(on_record=told.append) as cb:
        FakeQwen().batch([PROMPT] * 2)

    assert list(cb.runs) == told


def test_the_block_takes_every_setting_of_the_handler():
    """Two lists of the same keywords must not drift apart; T28 sets one aside."""
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
    handler.on_llm_error(ValueError(), run_id=uuid4())

    assert (handler.runs, caplog.text) == ((), "")
