"""A budget stops the call after it is spent, and nothing pays around it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from fake_chat_model import PROMPT, FakeQwen
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware

from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.callbacks.budget import Budget
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"  # v3
)

TWO_CALLS = "0.0016 USD"
"""What two calls of the fake model cost; the third is one too many."""


async def _v3(model):
    stream = await model.astream_events(PROMPT, version="v3")
    return await stream.output


async def _collect(stream):
    return [chunk async for chunk in stream]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda model: model.invoke(PROMPT), id="invoke"),
        pytest.param(lambda model: list(model.stream(PROMPT)), id="stream"),
        pytest.param(lambda m: m.stream_events(PROMPT, version="v3").output, id="stream-v3"),
        pytest.param(lambda model: asyncio.run(model.ainvoke(PROMPT)), id="ainvoke"),
        pytest.param(lambda model: asyncio.run(_collect(model.astream(PROMPT))), id="astream"),
        pytest.param(lambda model: asyncio.run(_v3(model)), id="astream-v3"),
        pytest.param(lambda model: model.batch([PROMPT]), id="batch"),
    ],
)
def test_the_call_after_the_budget_is_spent_never_reaches_the_gateway(call):
    """Two calls spend it to the last digit, the third is refused before it is sent."""
    model = FakeQwen()
    with get_qwen_cost_callback(budget=TWO_CALLS) as cb:
        call(model)
        call(model)
        with pytest.raises(BudgetExceededError, match=r"0\.0016 USD is spent \(0\.0016 USD\)"):
            call(model)

    assert (model.answered, cb.calls) == (2, 2)


def test_the_call_that_overruns_the_budget_is_let_through():
    """What a call costs is known only when it has ended."""
    with get_qwen_cost_callback(budget=Money(Decimal("0.0001"), "USD")) as cb:
        FakeQwen().invoke(PROMPT)

    assert cb.total_cost == Decimal("0.0008")


def test_calls_at_the_same_time_share_the_budget():
    """What the first call may cost is held, so that the others do not fit beside it."""

    async def together(model):
        calls = (model.ainvoke(PROMPT) for _ in range(5))
        return await asyncio.gather(*calls, return_exceptions=True)

    model = FakeQwen(pause=0.01)
    with get_qwen_cost_callback(budget="0.0001 USD") as cb:
        ends = asyncio.run(together(model))

    assert [type(end) for end in ends[1:]] == [BudgetExceededError] * 4
    assert (model.answered, cb.calls) == (1, 1)


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(ModelFallbackMiddleware, id="fallback"),
        pytest.param(lambda _: ModelRetryMiddleware(max_retries=3, on_failure="error"), id="retry"),
    ],
)
def test_an_agents_middleware_does_not_pay_around_it(wrap):
    """The fallback middleware catches every error; its own call is refused too."""
    model, other = FakeQwen(), FakeQwen()
    agent = create_agent(model, middleware=[wrap(other)])
    question = {"messages": [("user", PROMPT)]}
    with get_qwen_cost_callback(budget="0.0008 USD"):
        agent.invoke(question)
        with pytest.raises(BudgetExceededError):
            agent.invoke(question)

    assert (model.answered, other.answered) == (1, 0)


def test_a_runnables_fallback_does_not_pay_around_it():
    """`with_fallbacks` tries the next model, which is refused as well."""
    model, other = FakeQwen(), FakeQwen()
    chain = model.with_fallbacks([other]).with_retry(stop_after_attempt=1)
    handler = QwenCostCallbackHandler(budget="0.0008 USD")
    chain.invoke(PROMPT, {"callbacks": [handler]})
    with pytest.raises(BudgetExceededError):
        chain.invoke(PROMPT, {"callbacks": [handler]})

    assert (model.answered, other.answered) == (1, 0)


def test_the_refusal_is_never_retried():
    """Asking again would be refused again."""
    assert BudgetExceededError().is_retryable is False


def test_an_outer_blocks_budget_holds_inside_an_inner_block():
    """The inner block has none of its own, and its handler raises all the same."""
    model = FakeQwen()
    with get_qwen_cost_callback(budget="0.0008 USD"), get_qwen_cost_callback() as inner:
        model.invoke(PROMPT)
        with pytest.raises(BudgetExceededError):
            model.invoke(PROMPT)

    assert inner.calls == 1


def test_a_refused_call_is_not_recorded():
    """It did not take place."""
    with get_qwen_cost_callback(budget="0.0008 USD") as cb:
        FakeQwen().invoke(PROMPT)
        with pytest.raises(BudgetExceededError):
            FakeQwen().invoke(PROMPT)
        cb.close_open_calls()

    assert len(cb.runs) == 1


def test_a_call_in_another_currency_is_refused():
    """A budget in dollars cannot count yuan, so the call is not made."""
    model = FakeQwen(gateway="dashscope")
    refused = pytest.raises(BudgetExceededError, match="CNY, which a budget in USD cannot count")
    with get_qwen_cost_callback(budget="1 USD") as cb, refused:
        model.invoke(PROMPT)

    assert (model.answered, cb.calls) == (0, 0)


def test_an_estimate_that_was_replaced_does_not_close_the_budget():
    """Yuan that were taken back are no foreign money."""
    budget = Budget.of("1 USD", None)

    assert budget.check({"CNY": Decimal(0), "USD": Decimal("0.5")}) is None


def test_free_calls_do_not_spend_it():
    """A failed call costs 0, so the budget stays open."""
    model = FakeQwen(error=ValueError("no"))
    with get_qwen_cost_callback(budget="0.0001 USD"):
        for _ in range(3):
            with pytest.raises(ValueError, match=r"^no$"):
                model.invoke(PROMPT)

    assert model.answered == 3


@pytest.mark.parametrize("budget", [None, "1 USD"])
def test_your_own_function_never_stops_a_call(budget, caplog):
    """Only a spent budget may; the fault is logged."""

    def broken(record):
        raise RuntimeError("your disk is full")

    with get_qwen_cost_callback(on_record=broken, budget=budget) as cb:
        FakeQwen().invoke(PROMPT)

    assert cb.calls == 1
    assert "your disk is full" in caplog.text


@pytest.mark.parametrize(
    ("warn_at", "warnings"),
    [
        pytest.param(None, 0, id="never"),
        pytest.param(0.5, 1, id="half"),
        pytest.param(1, 1, id="all"),
    ],
)
def test_the_warning_comes_once(warn_at, warnings, caplog):
    """One line when the share is reached, none after it."""
    with get_qwen_cost_callback(budget=TWO_CALLS, warn_at=warn_at):
        FakeQwen().invoke(PROMPT)
        FakeQwen().invoke(PROMPT)

    assert caplog.text.count("of a budget of 0.0016 USD") == warnings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"budget": "0.50"}, "0.50 USD", id="no-currency"),
        pytest.param({"budget": "$0.50"}, "0.50 USD", id="sign"),
        pytest.param({"budget": "much USD"}, "0.50 USD", id="no-number"),
        pytest.param({"budget": "NaN USD"}, "0.50 USD", id="nan"),
        pytest.param({"budget": "0 USD"}, "above 0", id="zero"),
        pytest.param({"budget": "-1 USD"}, "above 0", id="negative"),
        pytest.param({"budget": "1 USD", "warn_at": 80}, "share", id="percent"),
        pytest.param({"warn_at": 0.8}, "budget", id="share-of-nothing"),
    ],
)
def test_a_budget_that_cannot_be_says_the_form_it_takes(settings, said):
    """At construction, not at the first call."""
    with pytest.raises(ValueError, match=said):
        QwenCostCallbackHandler(**settings)
