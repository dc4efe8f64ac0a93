"""A handler with a ledger: every way to call is reserved before it is sent, and settled after."""

from __future__ import annotations

import asyncio
import csv
import gc
import io
import json
import sqlite3
import time
import tracemalloc
from dataclasses import make_dataclass
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
from fake_chat_model import ONE, PROMPT, FakeQwen
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langgraph.graph import StateGraph
from pydantic import create_model

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.errors import BudgetExceededError, LedgerUnavailableError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import End, Limit, Start

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"  # v3
)
CONFIG = {"metadata": {"user_id": "u1", "thread_id": "t1"}}


def our_model(gateway, **settings) -> ChatQwen36:
    """Our model at a gateway on this machine."""
    return ChatQwen36(
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        base_url=gateway.base_url,
        api_key=gateway.key,
        **settings,
    )


async def _collect(stream):
    return [chunk async for chunk in stream]


async def _v3(model, config):
    stream = await model.astream_events("hi", config=config, version="v3")
    return await stream.output


def _streaming(model):
    return model.model_copy(update={"streaming": True})


CALLS = [
    pytest.param(lambda m, c: m.invoke("hi", config=c), id="invoke"),
    pytest.param(lambda m, c: list(m.stream("hi", config=c)), id="stream"),
    pytest.param(lambda m, c: m.stream_events("hi", config=c, version="v3").output, id="stream-v3"),
    pytest.param(lambda m, c: asyncio.run(m.ainvoke("hi", config=c)), id="ainvoke"),
    pytest.param(lambda m, c: asyncio.run(_collect(m.astream("hi", config=c))), id="astream"),
    pytest.param(lambda m, c: asyncio.run(_v3(m, c)), id="astream-v3"),
    pytest.param(lambda m, c: m.batch(["hi"], config=c), id="batch"),
    pytest.param(lambda m, c: _streaming(m).invoke("hi", config=c), id="streaming"),
]


@pytest.mark.parametrize("make_call", CALLS)
@pytest.mark.parametrize("where", ["config", "model", "block"])
def test_a_call_is_settled_with_what_its_message_costs_and_the_next_is_refused(
    make_call, where, gateway_server, open_ledger, tmp_path
):
    """Each way to call books one call with its user, and past the limit sends nothing."""
    gateway = gateway_server("dashscope-intl")
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    handler = QwenCostCallbackHandler(ledger=ledger)
    model = our_model(gateway, callbacks=[handler] if where == "model" else None)
    config = {**CONFIG, **({"callbacks": [handler]} if where == "config" else {})}

    def call() -> None:
        if where == "block":
            with get_qwen_cost_callback(ledger=ledger):
                make_call(model, config)
        else:
            make_call(model, config)

    call()
    [booked] = json.loads(ledger.export("json"))["calls"]
    assert (booked["state"], booked["ending"], booked["user_id"]) == ("settled", "ok", "u1")
    assert float(booked["cost"]) > 0
    assert booked["source"] == "list"
    ledger.set_budget(Limit("user:u1", f"{booked['cost']} USD"))
    sent = len(gateway.requests)
    with pytest.raises(BudgetExceededError, match="user:u1"):
        call()
    assert len(gateway.requests) == sent
    [balance] = [b for b in ledger.balances() if b.account == "user:u1"]
    assert balance.held.amount == 0


def test_a_call_of_another_chat_class_is_refused_too(open_ledger, tmp_path):
    """A model that is not ours is reserved where LangChain tells of its start."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "0.0009 USD")])
    model = FakeQwen()
    config = {"callbacks": [QwenCostCallbackHandler(ledger=ledger)]}
    model.invoke(PROMPT, config=config)
    with pytest.raises(BudgetExceededError):
        model.invoke(PROMPT, config=config)
    with pytest.raises(BudgetExceededError):
        asyncio.run(model.ainvoke(PROMPT, config=config))
    assert model.answered == 1


def test_the_event_loop_does_not_wait_for_a_disk(gateway_server, open_ledger, tmp_path):
    """While another process holds the ledger's lock, the loop goes on and the call waits."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    model = our_model(gateway_server("dashscope-intl"))
    other = sqlite3.connect(tmp_path / "spend.db", isolation_level=None, check_same_thread=False)
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began)

    async def main() -> float:
        warm_up = QwenCostCallbackHandler(ledger=ledger)
        await model.ainvoke("hi", config={"callbacks": [warm_up]})
        ticks = asyncio.create_task(tick())
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(1.0, other.execute, "ROLLBACK")
        began = time.perf_counter()
        await model.ainvoke("hi", config={"callbacks": [QwenCostCallbackHandler(ledger=ledger)]})
        ticks.cancel()
        return time.perf_counter() - began

    assert asyncio.run(main()) >= 1.0
    other.close()
    assert longest < 0.5


def test_a_cancelled_wait_for_the_ledger_sends_and_holds_nothing(
    gateway_server, open_ledger, tmp_path
):
    """A task that is cancelled while its call waits for the ledger leaves no hold behind."""
    gateway = gateway_server("dashscope-intl")
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "5 USD")])
    model = our_model(gateway, callbacks=[QwenCostCallbackHandler(ledger=ledger)])
    other = sqlite3.connect(tmp_path / "spend.db", isolation_level=None)

    async def main() -> None:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(model.ainvoke("hi"))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        other.execute("ROLLBACK")

    asyncio.run(main())
    other.close()
    # On a busy machine the wait ends before the call has an account at all.
    assert [entry for entry in ledger.balances() if entry.held.amount or entry.spent.amount] == []
    assert gateway.requests == []


def test_an_answer_of_langchains_cache_is_neither_reserved_nor_charged(
    gateway_server, open_ledger, tmp_path
):
    """A cache hit costs nothing, even where the limit has no room."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    model = our_model(
        gateway_server("dashscope-intl"), callbacks=[QwenCostCallbackHandler(ledger=ledger)]
    )
    set_llm_cache(InMemoryCache())
    try:
        model.invoke("hi")
        [booked] = json.loads(ledger.export("json"))["calls"]
        ledger.set_budget(Limit("all", f"{booked['cost']} USD"))
        model.invoke("hi")
    finally:
        set_llm_cache(None)
    assert len(json.loads(ledger.export("json"))["calls"]) == 1


def test_a_refused_call_of_nested_handlers_holds_nothing(gateway_server, open_ledger, tmp_path):
    """Where the second of two handlers refuses, the first one's hold is given back."""
    gateway = gateway_server("dashscope-intl")
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "5 USD")])
    tight = (Limit("thread:t1", "0.000000000001 USD"),)
    handlers = [
        QwenCostCallbackHandler(ledger=ledger),
        QwenCostCallbackHandler(ledger=ledger, limits=tight),
    ]
    with pytest.raises(BudgetExceededError, match="thread:t1"):
        our_model(gateway).invoke("hi", config={**CONFIG, "callbacks": handlers})
    assert [b.held.amount for b in ledger.balances()] == [0, 0]
    assert gateway.requests == []


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_refused_call_is_no_call_in_any_ledger(gateway_server, open_ledger, tmp_path, is_async):
    """Of two ledgers the second one refuses: neither counts the call, nor does a handler."""
    gateway = gateway_server("dashscope-intl")
    limits = {"a": [], "b": [Limit("all", "0.00002 USD")]}
    ledgers = [open_ledger(f"sqlite:///{tmp_path}/{n}.db", limits=ls) for n, ls in limits.items()]
    handlers = [QwenCostCallbackHandler(ledger=ledger) for ledger in ledgers]
    model, config = our_model(gateway), {"callbacks": handlers}
    model.invoke("hi", config=config)

    def ask() -> None:
        if is_async:
            asyncio.run(model.ainvoke("hi", config=config))
        else:
            model.invoke("hi", config=config)

    with pytest.raises(BudgetExceededError):
        ask()
    sums = [ledger._read("rollup_by", (), "0000", "9999") for ledger in ledgers]
    assert [sum(row["calls"] for row in rows) for rows in sums] == [1, 1]
    assert [handler.calls for handler in handlers] == [1, 1]
    assert [b.held.amount for ledger in ledgers for b in ledger.balances()] == [0]
    assert len(gateway.requests) == 1


def test_a_call_without_a_price_is_refused_under_a_limit(gateway_server, open_ledger, tmp_path):
    """A model without a price is not let past a limit that could not count it."""
    gateway = gateway_server("dashscope-intl")
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "5 USD")])
    model = our_model(gateway).model_copy(update={"model": "qwen9-unknown"})
    with pytest.raises(BudgetExceededError, match="of which no price is known"):
        model.invoke("hi", config={"callbacks": [QwenCostCallbackHandler(ledger=ledger)]})
    assert gateway.requests == []


def test_a_ledger_that_is_down_refuses_before_anything_is_sent(
    gateway_server, open_ledger, tmp_path
):
    """A call whose reservation cannot be written is not made."""
    gateway = gateway_server("dashscope-intl")
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    with sqlite3.connect(tmp_path / "spend.db") as connection:
        connection.execute("ALTER TABLE spend_call RENAME TO away")
    model = our_model(gateway, callbacks=[QwenCostCallbackHandler(ledger=ledger)])
    with pytest.raises(LedgerUnavailableError):
        model.invoke("hi")
    with pytest.raises(LedgerUnavailableError):
        asyncio.run(model.ainvoke("hi"))
    assert gateway.requests == []


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_memory_is_flat_over_many_calls(open_ledger, tmp_path):
    """Once the newest records are kept, further calls leave nothing behind, so a million do not."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("all", "1000 USD")])
    handler, model = QwenCostCallbackHandler(ledger=ledger), FakeQwen()

    def make_calls(number: int) -> int:
        for _ in range(number):
            model.invoke(PROMPT, config={"callbacks": [handler]})
        ledger.flush()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    handler._ledger._max_records = 50
    tracemalloc.start(1)
    try:
        before = make_calls(100)
        after = make_calls(300)
    finally:
        tracemalloc.stop()
    assert (after - before) / 300 < 200, "bytes a call; a record has more than 1,000"
    assert (handler.calls, len(handler.runs)) == (400, 50)


def test_records_leave_memory(open_ledger, tmp_path):
    """Of many calls the newest records are kept, and the sums of all."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    handler = QwenCostCallbackHandler(ledger=ledger)
    handler._ledger._max_records = 3
    for _ in range(8):
        FakeQwen().invoke(PROMPT, config={"callbacks": [handler]})
    assert (len(handler.runs), handler.calls) == (3, 8)
    assert str(handler.total_cost) == "0.0064"
    assert handler._durable._open == {}
    assert handler._open == {}


def held_for_a_call(ledger, **settings) -> str:
    """Return what a handler of a ledger holds for a call that is sent."""
    handler = QwenCostCallbackHandler(ledger=ledger)
    FakeQwen(**settings).invoke(PROMPT, config={"callbacks": [handler]})
    ledger.flush()
    return json.loads(ledger.export("json"))["calls"][-1]["held"]


def test_a_restarted_process_knows_how_long_answers_usually_are(open_ledger, ledger_url):
    """What a call holds follows the answers that other processes booked, before its own first."""
    first, second = open_ledger(ledger_url), open_ledger(ledger_url)
    guess = Decimal(held_for_a_call(second))
    for number in range(20):
        start = Start(run_id=f"r{number}", model=FakeQwen().model_name, gateway="dashscope-intl")
        end = End(cost=Money.parse("0.01 USD"), output_tokens=100_000)
        first.settle(start, end)
    first.flush()
    assert Decimal(held_for_a_call(open_ledger(ledger_url))) > 100 * guess


def test_a_running_process_learns_from_the_answers_of_others(open_ledger, ledger_url):
    """With its next sweep a process knows the answers that others booked meanwhile."""
    first, second = open_ledger(ledger_url), open_ledger(ledger_url)
    end = End(cost=Money.parse("0.01 USD"), output_tokens=1234)
    first.settle(Start(run_id="a", model="m"), end).result()
    assert second.answer_lengths("m") == ()
    second._store._sweep_at = 0
    second.settle(Start(run_id="b"), End(cost=None)).result()
    second.flush()
    assert second.answer_lengths("m") == [1234]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"ledger": "sqlite:///spend.db"}, TypeError, r"SpendLedger\('sqlite:///spend.db'\)"),
        ({"limits": [Limit("all", "1 USD")]}, ValueError, "give the handler `ledger=` too"),
    ],
    ids=["a URL", "limits without a ledger"],
)
def test_a_wrong_setting_is_refused_with_the_fix(settings, error, message):
    """A URL in place of a ledger, or limits without one, name what to write."""
    with pytest.raises(error, match=message):
        QwenCostCallbackHandler(**settings)


def test_the_list_price_of_a_call_is_kept_beside_what_was_reported(open_ledger, tmp_path):
    """The report compares the two, and FOCUS has both."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db")
    FakeQwen(reported="0.0123", callbacks=[QwenCostCallbackHandler(ledger=ledger)]).invoke(PROMPT)
    [booked] = json.loads(ledger.export("json"))["calls"]
    assert (booked["cost"], Decimal(booked["listed"])) == ("0.0123", ONE)
    [charge] = csv.DictReader(io.StringIO(ledger.export("focus")))
    assert (charge["BilledCost"], Decimal(charge["ListCost"])) == ("0.0123", ONE)


UUID_OF_A_USER = UUID("7b0c3a52-9d1f-4a57-9c2e-1f6d3c1f0a11")


@pytest.mark.parametrize(
    ("user", "account"),
    [
        pytest.param(UUID_OF_A_USER, f"user:{UUID_OF_A_USER}", id="uuid"),
        pytest.param(7, "user:7", id="int"),
        pytest.param(7.0, "user:7", id="float-of-a-table"),
        pytest.param("x" * 300, "user:" + "x" * 256, id="long"),
    ],
)
@pytest.mark.parametrize("where", ["metadata", "configurable", "context"])
def test_whatever_names_a_user_is_charged(user, account, where, open_ledger, tmp_path):
    """An id of another type than text must not pass the limit of each user."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("user:*", "5 USD")])
    model = FakeQwen(callbacks=[QwenCostCallbackHandler(ledger=ledger)])
    graph = StateGraph(dict, context_schema=dict)
    graph.add_node("call", lambda _state: {"text": model.invoke(PROMPT).text})
    graph.set_entry_point("call")
    named = {"user_id": user}
    if where == "context":
        graph.compile().invoke({}, context=named)
    else:
        graph.compile().invoke({}, {where: named})
    assert [balance.account for balance in ledger.balances()] == [account]


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(make_dataclass("Context", ["user_id"])("u1"), id="dataclass"),
        pytest.param(SimpleNamespace(user_id="u1"), id="object"),
        pytest.param(create_model("Context", user_id=(str, ...))(user_id="u1"), id="pydantic"),
    ],
)
def test_a_context_of_any_class_names_the_user(context, open_ledger, tmp_path):
    """LangGraph takes dataclasses, models and plain objects as context."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/spend.db", limits=[Limit("user:*", "5 USD")])
    model = FakeQwen(callbacks=[QwenCostCallbackHandler(ledger=ledger)])
    graph = StateGraph(dict)
    graph.add_node("call", lambda _state: {"text": model.invoke(PROMPT).text})
    graph.set_entry_point("call")
    graph.compile().invoke({}, context=context)
    assert [balance.account for balance in ledger.balances()] == ["user:u1"]
