"""An agent's budget in a ledger: forks, restarts and two turns at once cannot reopen it."""

from __future__ import annotations

import asyncio
import json

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from loopback import Call, Reply

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import CostBudgetMiddleware
from langchain_qwen36.spend import Limit

QUESTION = {"messages": [("user", "hi")]}
ONE_CALL = "0.00002 USD"
"""More than the question costs, and less than any answer."""
CONFIG = {"configurable": {"thread_id": "t1", "user_id": "u1"}}


@pytest.fixture
def gateway(gateway_server):
    """Return a gateway on this machine."""
    return gateway_server("dashscope-intl")


@pytest.fixture
def ledger(open_ledger, tmp_path):
    """Return a ledger on SQLite."""
    return open_ledger(f"sqlite:///{tmp_path}/spend.db")


def our_model(gateway) -> ChatQwen36:
    """Our model at this gateway."""
    return ChatQwen36(
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        base_url=gateway.base_url,
        api_key=gateway.key,
        max_retries=0,
    )


def budget_agent(gateway, ledger, budget: str = ONE_CALL, **settings):
    """Return an agent with a budget that one call uses up."""
    middleware = CostBudgetMiddleware(budget, ledger=ledger, **settings)
    return create_agent(
        our_model(gateway), [], middleware=[middleware], checkpointer=InMemorySaver()
    )


@pytest.mark.parametrize("per", ["thread", "user"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_spent_budget_stays_spent_in_another_process(per, is_async, gateway, ledger):
    """An agent made anew, without the checkpoints, finds its thread's or user's money spent."""

    def ask() -> str:
        agent = budget_agent(gateway, ledger, per=per)
        run = agent.ainvoke(QUESTION, CONFIG) if is_async else None
        result = asyncio.run(run) if run else agent.invoke(QUESTION, CONFIG)
        return result["messages"][-1].response_metadata.get("stopped_by")

    assert ask() is None
    assert ask() == f"CostBudgetMiddleware[{ONE_CALL} per {per}]"
    assert len(gateway.requests) == 1


def test_a_fork_of_a_thread_gets_no_money_back(gateway, ledger):
    """Going back to the first checkpoint does not reopen the thread's budget."""
    agent = budget_agent(gateway, ledger, per="thread")
    agent.invoke(QUESTION, CONFIG)
    first = [state for state in agent.get_state_history(CONFIG) if "model" in state.next][-1]
    agent.invoke(None, first.config)
    agent.invoke(None, first.config)
    assert len(gateway.requests) == 1


def test_two_turns_at_once_share_the_threads_budget(gateway, ledger):
    """Of two turns of a thread at the same time one is made: the other does not fit beside it."""
    agent = budget_agent(gateway, ledger, per="thread")

    async def both() -> None:
        await asyncio.gather(*(agent.ainvoke(QUESTION, CONFIG) for _ in range(2)))

    asyncio.run(both())
    assert len(gateway.requests) == 1


def test_each_run_has_a_budget_of_its_own(gateway, ledger):
    """With `per="run"` a second invocation is another account."""
    agent = budget_agent(gateway, ledger, per="run")
    agent.invoke(QUESTION, CONFIG)
    agent.invoke(QUESTION, CONFIG)
    assert len(gateway.requests) == 2


def test_calls_inside_tools_are_booked_with_agent_user_thread_and_tool(gateway, ledger):
    """A subagent's call names its accounts in the ledger, and the tool that it was made in."""

    @tool
    def ask(question: str) -> str:
        """Ask a subagent."""
        return our_model(gateway).invoke(question).text

    gateway.script(Reply(calls=(Call("ask", '{"question": "why?"}'),)))
    agent = create_agent(
        our_model(gateway),
        [ask],
        name="planner",
        middleware=[CostBudgetMiddleware("1 USD", ledger=ledger)],
    )
    agent.invoke(QUESTION, CONFIG)
    calls = json.loads(ledger.export("json"))["calls"]
    assert [(c["agent"], c["user_id"], c["thread"], c["tool"]) for c in calls] == [
        ("planner", "u1", "t1", ""),
        ("planner", "u1", "t1", "ask"),
        ("planner", "u1", "t1", ""),
    ]


def test_an_operators_limit_ends_the_run_by_raising(gateway, ledger):
    """A limit of the ledger that is not the middleware's own is raised on, not swallowed."""
    ledger.set_budget(Limit("all", ONE_CALL))
    agent = budget_agent(gateway, ledger, "5 USD", per="thread")
    agent.invoke(QUESTION, CONFIG)
    with pytest.raises(ValueError, match=r"limit of 0\.00002 USD of all"):
        agent.invoke(QUESTION, CONFIG)


def test_a_window_begins_anew(gateway, ledger):
    """A budget per user and day is kept under the day of its zone."""
    agent = budget_agent(gateway, ledger, per="user", window="day", zone="Asia/Shanghai")
    agent.invoke(QUESTION, CONFIG)
    [balance] = ledger.balances()
    assert (balance.account, balance.per, balance.zone) == ("user:u1", "day", "Asia/Shanghai")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": "day"}, "give `ledger=` too"),
        ({"window": "year"}, "give `ledger=` too"),
    ],
    ids=["a window without a ledger", "no window"],
)
def test_a_wrong_window_is_refused(settings, message):
    """A window needs a ledger, and is one of four."""
    with pytest.raises(ValueError, match=message):
        CostBudgetMiddleware("1 USD", **settings)


def test_a_thread_budget_needs_a_thread(gateway, ledger):
    """Without a thread_id, a budget per thread in a ledger names what to pass."""
    middleware = CostBudgetMiddleware("1 USD", per="thread", ledger=ledger)
    agent = create_agent(our_model(gateway), [], middleware=[middleware])
    with pytest.raises(ValueError, match="thread_id"):
        agent.invoke(QUESTION)
