"""Calls that other middleware makes in nodes of its own count in the budget of the run."""

from __future__ import annotations

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware, after_agent, before_model
from langchain_core.prompts import ChatPromptTemplate
from langgraph.checkpoint.memory import InMemorySaver

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.middleware import CostBudgetMiddleware, graph_budgets
from langchain_qwen36.pricing import Money

QUESTION = {"messages": [("user", "hi")]}
CONFIG = {"configurable": {"thread_id": "t1", "user_id": "u1"}}
CENT = Money.parse("0.01 USD")


def our_model(gateway) -> ChatQwen36:
    """Our model at this gateway."""
    return ChatQwen36(
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        base_url=gateway.base_url,
        api_key=gateway.key,
        max_retries=0,
    )


def budget(amount: str, **settings) -> CostBudgetMiddleware:
    """Return a budget where each call costs a cent."""
    return CostBudgetMiddleware(amount, price_of=lambda *_: CENT, reserve=CENT, **settings)


def spent_of(agent) -> str:
    """Return what the thread's state says was spent."""
    [entry] = agent.get_state(CONFIG).values["cost_budgets"].values()
    return entry["spent"]["USD"]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_a_summary_is_charged_to_the_thread(gateway_server, is_async):
    """LangChain's summarization calls the model in a node of its own: the thread pays for it."""
    gateway = gateway_server("dashscope-intl")
    model = our_model(gateway)
    summary = SummarizationMiddleware(model=model, trigger=("messages", 4), keep=("messages", 2))
    agent = create_agent(
        model,
        [],
        checkpointer=InMemorySaver(),
        middleware=[budget("1 USD", per="thread"), summary],
    )
    for _ in range(3):
        await agent.ainvoke(QUESTION, CONFIG) if is_async else agent.invoke(QUESTION, CONFIG)
    assert len(gateway.requests) == 4
    assert spent_of(agent) == "0.04"


def agent_with_hook(gateway, hook, *budgets):
    """Return an agent with budgets and a hook that calls the model twice, once in a chain."""
    model = our_model(gateway)

    def ask(state, runtime):
        model.invoke("alone")
        (ChatPromptTemplate.from_messages([("user", "{q}")]) | model).invoke({"q": "in a chain"})

    return create_agent(model, [], checkpointer=InMemorySaver(), middleware=[*budgets, hook(ask)])


@pytest.mark.parametrize("hook", [before_model, after_agent])
@pytest.mark.parametrize("per", ["run", "thread", "user"])
def test_calls_of_a_hook_are_charged_once_to_each_budget(gateway_server, hook, per):
    """Alone or in a chain, beside a second budget and a callback around the run: once each."""
    users = {} if per == "user" else None
    outer, inner = budget("2 USD", per="thread"), budget("1 USD", per=per, users=users)
    agent = agent_with_hook(gateway_server("dashscope-intl"), hook, outer, inner)
    with get_qwen_cost_callback(price_of=lambda *_: CENT) as cb:
        agent.invoke(QUESTION, CONFIG)
    assert (cb.calls, str(cb.total_cost)) == (3, "0.03")
    entries = agent.get_state(CONFIG).values["cost_budgets"]
    assert entries[outer.name]["spent"] == {"USD": "0.03"}
    if per == "user":
        assert users["u1"].saved() == {"USD": "0.03"}
    else:
        assert entries[inner.name]["spent"] == {"USD": "0.03"}


def test_a_hook_cannot_pass_the_budget(gateway_server):
    """The second of its calls does not fit: it is not sent, and the run raises."""
    gateway = gateway_server("dashscope-intl")
    agent = agent_with_hook(gateway, before_model, budget("0.01 USD"))
    with pytest.raises(BudgetExceededError, match=r"0\.01 USD"):
        agent.invoke(QUESTION, CONFIG)
    assert len(gateway.requests) == 1


def test_a_spent_thread_ends_before_other_middleware_calls_the_model(gateway_server):
    """A run on a spent thread ends with the message at once, and a hook's calls are not made."""
    gateway = gateway_server("dashscope-intl")
    agent = agent_with_hook(gateway, before_model, budget("0.03 USD", per="thread"))
    agent.invoke(QUESTION, CONFIG)
    last = agent.invoke(QUESTION, CONFIG)["messages"][-1]
    assert "is spent" in last.response_metadata["reason"]
    assert len(gateway.requests) == 3


def test_a_summary_after_a_restart_is_charged_to_the_thread(gateway_server):
    """A process that goes on with a checkpoint of another one charges the same thread."""
    gateway, saver = gateway_server("dashscope-intl"), InMemorySaver()
    for _ in range(3):
        model = our_model(gateway)
        summary = SummarizationMiddleware(
            model=model, trigger=("messages", 4), keep=("messages", 2)
        )
        thread = budget("1 USD", per="thread")
        agent = create_agent(model, [], checkpointer=saver, middleware=[thread, summary])
        agent.invoke(QUESTION, CONFIG)
    assert spent_of(agent) == "0.04"


def test_nothing_is_kept_of_a_run_that_has_ended(gateway_server):
    """Neither its account nor its handler stays behind."""
    agent = agent_with_hook(gateway_server("dashscope-intl"), before_model, budget("1 USD"))
    before = len(graph_budgets._budgets), len(graph_budgets._handlers)
    agent.invoke(QUESTION, CONFIG)
    assert (len(graph_budgets._budgets), len(graph_budgets._handlers)) == before
