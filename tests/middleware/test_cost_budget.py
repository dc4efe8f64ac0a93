"""A budget of money per run, thread or user."""

from __future__ import annotations

import asyncio
import shelve
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
)
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command
from loopback import Call, Refusal, Reply

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.middleware import CostBudgetMiddleware, SpendingAccount
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def ask(text: str = "Use add on 3 and 4.") -> dict[str, Any]:
    """Return an agent's input."""
    return {"messages": [{"role": "user", "content": text}]}


def a_cent(*_: object) -> Money:
    """Every call costs the same."""
    return Money(Decimal("0.01"), "USD")


def model_on(server: LoopbackGateway, **settings: Any) -> ChatQwen36:
    """Return a model at a gateway of ours."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(**{"model": "qwen3.6-plus", **where, **settings})


def why_stopped(found: dict[str, Any]) -> str:
    """Return the reason why a budget ended a run; empty if none did."""
    return str(found["messages"][-1].response_metadata.get("reason", ""))


def budget(amount: str, **settings: Any) -> CostBudgetMiddleware:
    """Return a budget where each call costs a cent."""
    return CostBudgetMiddleware(amount, **{"price_of": a_cent, **settings})


ENDLESS = [Reply(calls=(Call("add", '{"a": 1, "b": 1}'),))] * 9


@pytest.mark.parametrize(("amount", "calls"), [("0.01 USD", 1), ("0.02 USD", 2), ("0.025 USD", 2)])
async def test_a_run_ends_with_a_message(gateway_server: Server, amount: str, calls: int) -> None:
    """The call after the budget is spent never reaches the server; sync and async."""
    server = gateway_server()
    agent = create_agent(model_on(server), [add], middleware=[budget(amount)])
    for number in (1, 2):
        server.script(*ENDLESS[:calls])
        found = agent.invoke(ask()) if number == 1 else await agent.ainvoke(ask())
        assert f"The budget of {amount} " in why_stopped(found)
        assert len(server.requests) == calls * number


def test_prices_are_the_gateways_and_the_lists(gateway_server: Server) -> None:
    """Without a price of one's own, what the answer says it cost is counted."""
    server = gateway_server("openrouter")
    middleware = CostBudgetMiddleware("1 USD", per="user", user_of=lambda _: "me")
    found = create_agent(model_on(server), [add], middleware=[middleware]).invoke(ask())
    reported = sum(
        m.response_metadata["cost"]["total"] for m in found["messages"] if m.type == "ai"
    )
    assert float(middleware.users["me"].spent["USD"]) == pytest.approx(reported)
    assert reported > 0


def test_each_run_has_its_own(gateway_server: Server) -> None:
    """A new run begins at nothing, on the same thread too."""
    server = gateway_server()
    with SqliteSaver.from_conn_string(":memory:") as saver:
        agent = create_agent(
            model_on(server), [add], middleware=[budget("0.02 USD")], checkpointer=saver
        )
        for _ in range(3):
            found = agent.invoke(ask(), {"configurable": {"thread_id": "1"}})
            assert found["messages"][-1].text == "The tools say: 7"


def test_a_thread_is_counted_over_its_runs(gateway_server: Server, tmp_path: Path) -> None:
    """Checkpoints keep the sum: another process goes on with it, another thread does not."""
    server, file = gateway_server(), str(tmp_path / "threads.sqlite")

    def run(thread: str) -> str:
        with SqliteSaver.from_conn_string(file) as saver:
            middleware = [budget("0.03 USD", per="thread")]
            agent = create_agent(model_on(server), [add], middleware=middleware, checkpointer=saver)
            config: Any = {"configurable": {"thread_id": thread}}
            found = agent.invoke(ask(), config)
            return why_stopped(found) or str(found["messages"][-1].text)

    assert run("1") == "The tools say: 7"
    assert "is spent" in run("1")
    assert "is spent" in run("1")
    assert run("2") == "The tools say: 7"
    assert len(server.requests) == 2 + 1 + 0 + 2


def test_a_run_that_waits_for_a_person_goes_on_with_its_sum(gateway_server: Server) -> None:
    """A resumed run is the same run."""
    server = gateway_server()
    server.script(*ENDLESS)
    with SqliteSaver.from_conn_string(":memory:") as saver:
        agent = create_agent(
            model_on(server),
            [add],
            middleware=[budget("0.02 USD"), HumanInTheLoopMiddleware(interrupt_on={"add": True})],
            checkpointer=saver,
        )
        config: Any = {"configurable": {"thread_id": "1"}}
        agent.invoke(ask(), config)
        approve = Command(resume={"decisions": [{"type": "approve"}]})
        agent.invoke(approve, config)
        found = agent.invoke(approve, config)
    assert "is spent" in why_stopped(found)
    assert len(server.requests) == 2


def test_a_user_is_counted_over_threads_and_agents(gateway_server: Server) -> None:
    """One account for each user, that the application may share, read and reset."""
    server = gateway_server()
    users: dict[str, SpendingAccount] = {}
    agents = [
        create_agent(
            model_on(server), [add], middleware=[budget("0.03 USD", per="user", users=users)]
        )
        for _ in range(2)
    ]
    ann: Any = {"configurable": {"user_id": "ann"}}
    assert agents[0].invoke(ask(), ann)["messages"][-1].text == "The tools say: 7"
    assert "is spent" in why_stopped(agents[1].invoke(ask(), ann))
    assert users["ann"].saved() == {"USD": "0.03"}
    bob: Any = {"configurable": {"user_id": "bob"}}
    assert agents[1].invoke(ask(), bob)["messages"][-1].text == "The tools say: 7"
    users["ann"] = SpendingAccount({"USD": "0.01"})
    assert agents[0].invoke(ask(), ann)["messages"][-1].text == "The tools say: 7"


def test_a_user_that_is_not_named_is_an_error(gateway_server: Server) -> None:
    """The message says where the id is looked for."""
    agent = create_agent(model_on(gateway_server()), middleware=[budget("1 USD", per="user")])
    with pytest.raises(ValueError, match="user_id"):
        agent.invoke(ask())


async def test_a_cheaper_model_goes_on(gateway_server: Server) -> None:
    """Once the budget is spent the other model answers, as long as it takes."""
    server = gateway_server()
    cheaper = model_on(server, model="qwen3.6-flash")
    agent = create_agent(
        model_on(server), [add], middleware=[budget("0.01 USD", cheaper_model=cheaper)]
    )
    for found in (agent.invoke(ask()), await agent.ainvoke(ask())):
        assert found["messages"][-1].text == "The tools say: 7"
    models = [body["model"] for body in server.bodies]
    assert models == ["qwen3.6-plus", "qwen3.6-flash"] * 2


def test_a_second_budget_limits_the_cheaper_model(gateway_server: Server) -> None:
    """Two budgets in one agent: soft inside, hard outside."""
    server = gateway_server()
    server.script(*ENDLESS)
    soft = budget("0.01 USD", cheaper_model=model_on(server, model="qwen3.6-flash"))
    agent = create_agent(model_on(server), [add], middleware=[budget("0.03 USD"), soft])
    assert "budget of 0.03 USD is spent" in why_stopped(agent.invoke(ask()))
    models = [body["model"] for body in server.bodies]
    assert models == ["qwen3.6-plus", "qwen3.6-flash", "qwen3.6-flash"]


def test_an_error_where_one_is_wanted(gateway_server: Server) -> None:
    """`exit_behavior="error"` is for code that must not go on."""
    server = gateway_server()
    server.script(*ENDLESS)
    agent = create_agent(
        model_on(server), [add], middleware=[budget("0.01 USD", exit_behavior="error")]
    )
    with pytest.raises(BudgetExceededError, match=r"0\.01 USD is spent"):
        agent.invoke(ask())


def nested(server: LoopbackGateway, middleware: list[Any], inner: list[Any] | None = None) -> Any:
    """Return an agent with a subagent that would never end by itself."""
    sub = create_agent(model_on(server, model="qwen3.6-flash"), [add], middleware=inner or [])

    @tool
    def ask_other(question: str) -> str:
        """Ask another agent."""
        return str(sub.invoke(ask(question))["messages"][-1].text)

    @tool("ask_other")
    async def aask_other(question: str) -> str:
        """Ask another agent."""
        return str((await sub.ainvoke(ask(question)))["messages"][-1].text)

    tools = [ask_other.model_copy(update={"coroutine": aask_other.coroutine})]
    return create_agent(model_on(server), tools, middleware=middleware)


GO = Reply(calls=(Call("ask_other", '{"question": "Use add."}'),))
TWICE = Reply(calls=GO.calls * 2)


async def test_subagents_are_counted_and_stopped(gateway_server: Server) -> None:
    """A subagent spends its caller's budget, its next call is not made, and the run ends well."""
    server = gateway_server()
    agent = nested(server, [budget("0.03 USD")])
    for number in (1, 2):
        server.script(GO, *ENDLESS[:2])
        found = agent.invoke(ask()) if number == 1 else await agent.ainvoke(ask())
        [result] = [m for m in found["messages"] if isinstance(m, ToolMessage)]
        assert (result.status, "is spent" in result.response_metadata["reason"]) == ("error", True)
        assert "is spent" in why_stopped(found)
        assert len(server.requests) == 3 * number


async def test_subagents_at_the_same_time_share_the_budget(gateway_server: Server) -> None:
    """Both ask one account: neither gets what the other has spent."""
    server = gateway_server()
    server.script(TWICE, *ENDLESS)
    await nested(server, [budget("0.05 USD")]).ainvoke(ask())
    assert len(server.requests) <= 6


@pytest.mark.parametrize(
    ("per", "reason"),
    [("run", "0.04 USD is spent (0.04 USD)"), ("user", "is reached (0.04 USD spent;")],
    ids=["run", "user"],
)
def test_the_same_budget_in_agent_and_subagent_counts_once(
    gateway_server: Server, per: Any, reason: str
) -> None:
    """A middleware object that stands in both books a call once for each account."""
    server = gateway_server()
    shared = budget("0.04 USD", per=per, user_of=lambda _: "me")
    server.script(GO, *ENDLESS[:2])
    found = nested(server, [shared], [shared]).invoke(ask())
    assert len(server.requests) == 4
    assert reason in why_stopped(found)


def test_every_budget_around_a_subagent_holds(gateway_server: Server) -> None:
    """The outer one too, where an inner one would let it go on."""
    server = gateway_server()
    server.script(GO, *ENDLESS)
    soft = budget("0.01 USD", cheaper_model=model_on(server, model="qwen3.6-flash"))
    found = nested(server, [budget("0.03 USD"), soft]).invoke(ask())
    assert "budget of 0.03 USD is spent" in why_stopped(found)
    assert len(server.requests) == 3


def test_nothing_is_kept_of_a_run_that_has_ended(gateway_server: Server) -> None:
    """A server that runs for months does not grow by its runs."""
    middleware = budget("1 USD")
    create_agent(model_on(gateway_server()), [add], middleware=[middleware]).invoke(ask())
    assert len(middleware._live) == 0


def test_retries_and_fallbacks_are_inside(gateway_server: Server) -> None:
    """A spent budget is neither retried nor paid to a fallback."""
    server, other = gateway_server(), gateway_server("openrouter")
    server.script(*ENDLESS)
    inner = [ModelFallbackMiddleware(model_on(other)), ModelRetryMiddleware(max_retries=2)]
    agent = create_agent(model_on(server), [add], middleware=[budget("0.02 USD"), *inner])
    assert "is spent" in why_stopped(agent.invoke(ask()))
    assert (len(server.requests), len(other.requests)) == (2, 0)


def test_a_budget_around_the_run_is_not_taken_for_ours(gateway_server: Server) -> None:
    """Another budget's error goes on to whom it belongs."""
    agent = create_agent(model_on(gateway_server()), [add], middleware=[budget("1 USD")])
    with (
        get_qwen_cost_callback(budget="0.01 USD", price_of=a_cent) as cb,
        pytest.raises(BudgetExceededError),
    ):
        agent.invoke(ask())
    assert cb.calls == 1


def test_a_callback_around_counts_the_same_calls(gateway_server: Server) -> None:
    """The middleware does not take calls away from a bill around the run."""
    agent = create_agent(model_on(gateway_server()), [add], middleware=[budget("1 USD")])
    with get_qwen_cost_callback(price_of=a_cent) as cb:
        agent.invoke(ask())
    assert cb.calls == 2


def test_a_bill_names_the_tool_that_a_subagent_ran_in(gateway_server: Server) -> None:
    """A tool's start is heard, with its inputs."""
    server = gateway_server()
    server.script(GO)
    with get_qwen_cost_callback() as cb:
        nested(server, []).invoke(ask())
    names = [[parent.name for parent in call.parents] for call in cb.runs]
    assert ["ask_other" in path for path in names] == [False, True, True, False]


def test_other_errors_go_through(gateway_server: Server) -> None:
    """A refused call is no spent budget."""
    server = gateway_server()
    server.script(Refusal(400, "bad"))
    with pytest.raises(ValueError, match="bad"):
        create_agent(model_on(server), middleware=[budget("1 USD")]).invoke(ask())


async def test_a_cancelled_call_is_counted(gateway_server: Server) -> None:
    """What was sent is paid, though nobody waits for it any more."""
    server = gateway_server(chunk_delay=0.05)
    middleware = budget("1 USD", per="user", users={}, user_of=lambda _: "me")
    agent = create_agent(model_on(server, streaming=True), middleware=[middleware])
    run = asyncio.create_task(agent.ainvoke(ask("word " * 50)))
    while not server.requests:  # noqa: ASYNC110 - the server runs in a thread
        await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert middleware.users["me"].spent == {"USD": Decimal("0.01")}


def test_the_real_end_of_a_call_replaces_its_estimate(gateway_server: Server) -> None:
    """A call that was given up and ends after all is booked twice, and paid once."""
    with get_qwen_cost_callback(price_of=a_cent) as cb:
        model_on(gateway_server()).invoke("Hi")
    [record] = cb.runs
    account = SpendingAccount()
    account.settle(replace(record, ending="abandoned", cost=Decimal("0.05")), provisional=True)
    account.settle(record, provisional=False)
    assert account.saved() == {"USD": "0.01"}


def test_money_of_another_currency_is_not_taken(gateway_server: Server) -> None:
    """A budget that cannot be held refuses, and says what to do."""
    server = gateway_server()
    server.script(*ENDLESS)
    middleware = CostBudgetMiddleware("1 EUR", price_of=a_cent)
    found = create_agent(model_on(server), [add], middleware=[middleware]).invoke(ask())
    assert "which a budget in EUR cannot count" in why_stopped(found)


@pytest.mark.parametrize("amount", ["0 USD", "much", "1"])
def test_a_budget_that_is_none_is_refused(amount: str) -> None:
    """At once, not at the first call."""
    with pytest.raises(ValueError, match=r"budget|amount"):
        CostBudgetMiddleware(amount)


def test_a_missing_amount_is_refused() -> None:
    """None would be no limit at all, which nobody asks a budget for."""
    with pytest.raises(ValueError, match=r"`budget` is missing.*0\.50 USD"):
        CostBudgetMiddleware(None)


def test_a_budget_without_its_account_is_an_error() -> None:
    """In a graph of one's own its hooks may be forgotten: it must not count from 0 in silence."""
    request = ToolCallRequest(tool_call={}, tool=None, state={}, runtime=None)
    with pytest.raises(RuntimeError, match="`before_agent` did not run"):
        budget("1 USD").wrap_tool_call(request, lambda _: None)


@pytest.mark.parametrize(
    ("settings", "choices"),
    [
        pytest.param({"per": "day"}, "'run', 'thread', 'user'", id="per"),
        pytest.param({"exit_behavior": "raise"}, "'end', 'error'", id="exit-behavior"),
        pytest.param({"unpriced": "ignore"}, '"refuse", "allow"', id="unpriced"),
        pytest.param({"reserve": "some"}, '"likely", "worst"', id="reserve"),
    ],
)
def test_an_unknown_choice_is_refused_with_the_choices(settings: Any, choices: str) -> None:
    """At construction, before anything is sent."""
    with pytest.raises(ValueError, match=choices):
        CostBudgetMiddleware("1 USD", **settings)


def test_the_end_message_is_for_end_users(gateway_server: Server) -> None:
    """The text is yours; the reason for developers stands in its metadata."""
    agent = create_agent(
        model_on(gateway_server()), middleware=[budget("0.001 USD", end_message="Fin.")]
    )
    last = agent.invoke(ask())["messages"][-1]
    assert (last.text, "budget=" in last.response_metadata["reason"]) == ("Fin.", True)


def test_a_mapping_on_disk_keeps_the_users_accounts(gateway_server: Server, tmp_path: Path) -> None:
    """A shelf hands out copies: what was spent is written back to it."""
    config: Any = {"configurable": {"user_id": "ann"}}
    for sum_ in ("0.02", "0.04"):
        with shelve.open(str(tmp_path / "users")) as users:  # noqa: S301
            middleware = budget("1 USD", per="user", users=users)
            create_agent(model_on(gateway_server()), [add], middleware=[middleware]).invoke(
                ask(), config
            )
            assert users["ann"].saved() == {"USD": sum_}


def test_subagents_of_one_turn_share_what_is_left(gateway_server: Server) -> None:
    """Twelve tools at once, and money for two more calls: two are made."""
    server = gateway_server()
    server.script(Reply(calls=GO.calls * 12))
    agent = nested(server, [budget("0.03 USD")])
    agent.invoke(ask())
    assert len(server.requests) == 3


def test_a_model_without_a_price_is_refused_by_name(gateway_server: Server) -> None:
    """A budget that cannot count a call does not let it through."""
    server = gateway_server()
    model = model_on(server, model="qwen9-unheard-of")
    found = create_agent(model, middleware=[CostBudgetMiddleware("1 USD")]).invoke(ask())
    assert "No price is known for qwen9-unheard-of" in why_stopped(found)
    assert len(server.requests) == 0


def test_a_fork_of_a_thread_gives_no_money_back(gateway_server: Server) -> None:
    """A run from an earlier checkpoint finds spent what was spent after it was written."""
    server = gateway_server()
    server.script(*ENDLESS[:1])
    agent = create_agent(
        model_on(server),
        [add],
        middleware=[budget("0.01 USD", per="thread")],
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "t1"}}
    agent.invoke(ask(), config)
    assert len(server.requests) == 1
    first = [state for state in agent.get_state_history(config) if "model" in state.next][-1]
    found = agent.invoke(None, first.config)
    assert "The budget of 0.01 USD " in why_stopped(found)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"ledger": "sqlite:///a.db"}, "must be a SpendLedger", id="ledger"),
        pytest.param({"cheaper_model": "qwen3.6-flash"}, "must be a model", id="cheaper_model"),
    ],
)
def test_a_name_in_the_place_of_an_object_is_refused(settings, words):
    """It would fail only at a call, or when the budget is spent; the handler refuses the same."""
    with pytest.raises(TypeError, match=words):
        CostBudgetMiddleware("1 USD", **settings)
