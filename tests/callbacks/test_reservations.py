"""A budget counts what calls in flight may cost, so that calls at the same time cannot pass it."""

from __future__ import annotations

import pickle
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from fake_chat_model import PROMPT, FakeQwen
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_qwen36 import ChatQwen36, QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36._model.cost_estimate import estimate
from langchain_qwen36.callbacks.budget import Budget
from langchain_qwen36.callbacks.holds import (
    AnswerLengths,
    Hold,
    HoldEstimator,
    PendingCall,
    longest_answer,
)
from langchain_qwen36.callbacks.ledger import Balance
from langchain_qwen36.callbacks.pricer import Pricer
from langchain_qwen36.callbacks.tracked_call import TrackedCall
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Limit

USD = st.decimals("0.01", "2", places=2)


def usd(amount: Decimal | str) -> Money:
    """Return an amount of dollars."""
    return Money(Decimal(amount), "USD")


def ended(run_id: UUID, cost: Decimal | None):
    """Return the part of a record that a balance reads."""
    return SimpleNamespace(run_id=run_id, cost=cost, currency="USD", model="m", gateway="g")


@given(
    limit=st.decimals("0.5", "5", places=2),
    calls=st.lists(st.tuples(USD, USD, st.integers(0, 6)), max_size=40),
)
def test_calls_overrun_a_budget_by_no_more_than_they_cost_beyond_their_holds(limit, calls):
    """For any calls in flight together: spent <= limit + the sum of max(0, cost - held).

    Where a call never costs more than its hold (`reserve="worst"`), the limit is never passed.
    """
    budget, balance, running = Budget(usd(limit)), Balance(), []
    beyond = Decimal(0)
    for likely, cost, ends in calls:
        run_id = uuid4()
        hold = Hold(usd(likely), usd(likely))
        try:
            balance.reserve(PendingCall(run_id=run_id, hold=hold), budget)
        except BudgetExceededError:
            pass
        else:
            running.append((run_id, cost))
            beyond += max(Decimal(0), cost - likely)
        for _ in range(min(ends, len(running))):
            balance.settle(ended(*running.pop(0)), provisional=False)
        assert balance.held.get("USD", 0) + balance.spent.get("USD", 0) <= limit + beyond
    for run_id, cost in running:
        balance.settle(ended(run_id, cost), provisional=False)
    assert balance.spent.get("USD", 0) <= limit + beyond
    assert balance.held == {}


def test_a_second_reservation_or_end_of_a_call_changes_nothing():
    """Two callback managers may report one call."""
    balance, budget, run_id = Balance(), Budget(usd("1")), uuid4()
    call = PendingCall(run_id=run_id, hold=Hold(usd("0.6"), usd("0.6")))
    balance.reserve(call, budget)
    balance.reserve(call, budget)
    assert balance.held == {"USD": Decimal("0.6")}


def test_the_first_call_is_admitted_by_its_input_alone():
    """Nobody knows how long a model's answers are before it answered."""
    balance, budget = Balance(), Budget(usd("0.10"))
    first = PendingCall(run_id=uuid4(), hold=Hold(usd("0.50"), usd("0.01")))
    balance.reserve(first, budget)
    assert balance.held == {"USD": Decimal("0.10")}
    second = PendingCall(run_id=uuid4(), hold=Hold(usd("0.50"), usd("0.01")))
    with pytest.raises(BudgetExceededError, match=r"0\.1 USD held by calls that are running"):
        balance.reserve(second, budget)


def test_an_end_without_a_price_leaves_the_hold_charged():
    """A budget does not open by what it cannot count."""
    balance, run_id = Balance(), uuid4()
    balance.reserve(PendingCall(run_id=run_id, hold=Hold(usd("1"), usd("1"))), Budget(usd("2")))
    balance.settle(ended(run_id, None), provisional=False)
    assert (balance.spent, balance.held) == ({"USD": Decimal(1)}, {})


@pytest.mark.parametrize(
    ("unpriced", "answered"),
    [
        pytest.param("refuse", 0, id="refuse"),
        pytest.param("allow", 5, id="allow"),
        pytest.param("0.02 USD", 2, id="amount"),
    ],
)
def test_a_call_whose_cost_cannot_be_known(unpriced, answered):
    """It is refused by default, let through uncounted, or charged an amount."""
    model = FakeQwen(model_name="gpt-9", gateway=None)
    with get_qwen_cost_callback(budget="0.05 USD", unpriced=unpriced):
        for _ in range(5):
            try:
                model.invoke(PROMPT)
            except BudgetExceededError:
                break
    assert model.answered == answered


def test_the_refusal_of_an_unpriced_call_names_the_model_and_the_fix():
    """A developer can act on it."""
    fix = r"gpt-9 at an unknown gateway.*`price_of=`, `price_as=` or `book=`.*`unpriced=`"
    with (
        get_qwen_cost_callback(budget="1 USD"),
        pytest.raises(BudgetExceededError, match=fix),
    ):
        FakeQwen(model_name="gpt-9", gateway=None).invoke(PROMPT)


def test_a_price_function_that_raises_is_an_unknown_price():
    """It does not open the budget; the fault is in the log."""

    def broken(model, gateway, usage):
        raise KeyError("no such row")

    model = FakeQwen()
    with (
        get_qwen_cost_callback(price_of=broken, budget="1 USD"),
        pytest.raises(BudgetExceededError, match="No price is known"),
    ):
        model.invoke(PROMPT)
    assert model.answered == 0


def test_a_gateway_that_reports_its_cost_needs_no_list_price():
    """Its first call is let through; once one ended without a cost, the next is refused."""
    model = FakeQwen(model_name="new-model", gateway="openrouter", says_cost=False)
    with get_qwen_cost_callback(budget="1 USD"):
        model.invoke(PROMPT)
        with pytest.raises(BudgetExceededError, match="No price is known for new-model"):
            model.invoke(PROMPT)
    assert model.answered == 1


@pytest.mark.parametrize("gateway", ["vllm", "sglang", "llamacpp", "ollama", "local"])
def test_a_server_of_your_own_costs_nothing(gateway):
    """Its calls count as 0 and pass any budget."""
    model = FakeQwen(gateway=gateway)
    with get_qwen_cost_callback(budget="0.0001 USD") as cb:
        for _ in range(3):
            model.invoke(PROMPT)
    assert (model.answered, cb.total_cost, cb.unpriced_calls) == (3, 0, 0)


def test_a_fixed_amount_may_be_reserved():
    """It is held in place of an estimate, so it must fit into the budget."""
    refused = pytest.raises(BudgetExceededError, match=r"may cost 0\.02 USD")
    with get_qwen_cost_callback(budget="0.01 USD", reserve="0.02 USD"), refused:
        FakeQwen().invoke(PROMPT)


@pytest.mark.parametrize(
    ("params", "tokens"),
    [
        pytest.param({"max_completion_tokens": 300}, 300, id="answer-and-reasoning"),
        pytest.param({"max_tokens": 100, "thinking_budget": 50}, 150, id="both"),
        pytest.param({"max_tokens": 100, "enable_thinking": False}, 100, id="no-thinking"),
        pytest.param({"max_completion_tokens": 300, "n": 2}, 600, id="two-choices"),
        pytest.param({"max_tokens": 100, "reasoning_effort": "none"}, 100, id="no-effort"),
        pytest.param(
            {"max_tokens": 9, "extra_body": {"max_completion_tokens": 300}}, 300, id="own-body"
        ),
        pytest.param(
            {"max_completion_tokens": 300, "model_kwargs": {"n": 3}}, 900, id="more-settings"
        ),
        pytest.param({"max_tokens": 100}, 100 + 81_920, id="thinking-without-a-budget"),
    ],
)
def test_the_worst_case_is_the_longest_answer_with_its_reasoning(params, tokens):
    """At Model Studio reasoning comes on top of `max_tokens`."""
    assert longest_answer(SimpleNamespace(params=params, model="qwen3.6-plus")) == tokens


def test_the_worst_case_of_an_answer_without_a_bound_is_refused():
    """The message names the setting that bounds it."""
    model = GenericFakeChatModel(messages=iter([AIMessage("never")]))
    handler = QwenCostCallbackHandler(
        budget="1 USD", reserve="worst", price_of=lambda model, gateway, usage: usd("0.01")
    )
    with pytest.raises(BudgetExceededError, match="Set `max_tokens=`"):
        model.invoke(PROMPT, {"callbacks": [handler]})


def test_a_refusal_by_one_handler_leaves_no_hold_in_another():
    """Two handlers of one call: what the second refuses, the first neither holds nor books."""
    first = QwenCostCallbackHandler(budget="1 USD")
    second = QwenCostCallbackHandler(budget="0.0008 USD")
    model = FakeQwen()
    model.invoke(PROMPT, {"callbacks": [second]})
    with pytest.raises(BudgetExceededError):
        model.invoke(PROMPT, {"callbacks": [first, second]})
    first.close_open_calls()
    assert (first._ledger.balance.held, first.calls, model.answered) == ({}, 0, 1)


def test_a_budget_travels_with_a_pickled_handler():
    """What was spent goes along, calls in flight do not."""
    handler = QwenCostCallbackHandler(budget="0.0008 USD")
    FakeQwen().invoke(PROMPT, {"callbacks": [handler]})
    twin = pickle.loads(pickle.dumps(handler))  # noqa: S301 - our own
    with pytest.raises(BudgetExceededError, match="is spent"):
        FakeQwen().invoke(PROMPT, {"callbacks": [twin]})


MARKED = [{"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral"}}]


@pytest.mark.parametrize(
    ("params", "content", "rate"),
    [
        pytest.param({}, PROMPT, "0.50", id="without"),
        pytest.param({"prompt_cache": "auto"}, PROMPT, "0.625", id="by-a-setting"),
        pytest.param({}, MARKED, "0.625", id="by-a-marker"),
    ],
)
def test_the_worst_case_writes_the_input_to_the_cache_where_it_may(params, content, rate):
    """Writing to a cache costs 1.25 times the input, so that a hold without it may be overrun."""
    call = TrackedCall(
        run_id=uuid4(),
        parents=(),
        name=None,
        tags=(),
        model="qwen3.6-plus",
        gateway="dashscope-intl",
        messages=[HumanMessage(content)],
        tools=None,
        params={"max_completion_tokens": 1, **params},
        prompt_tokens=1000,
    )
    hold = HoldEstimator(Pricer(), "worst").estimate(call, AnswerLengths())
    assert hold.likely.amount == (Decimal(rate) * 1250 + 3) / 1_000_000


@pytest.mark.parametrize(
    ("params", "rate"),
    [
        pytest.param({}, "1.20", id="default"),
        pytest.param({"enable_thinking": True}, "4.00", id="switch"),
        pytest.param({"reasoning_effort": "high"}, "4.00", id="effort"),
        pytest.param({"reasoning": {"effort": "high"}}, "4.00", id="reasoning"),
        pytest.param({"thinking_budget": 500}, "4.00", id="budget"),
        pytest.param({"extra_body": {"enable_thinking": True}}, "4.00", id="own-body"),
        pytest.param({"enable_thinking": True, "thinking_budget": 0}, "1.20", id="no-budget"),
        pytest.param(
            {"thinking_budget": 500, "extra_body": {"enable_thinking": False}},
            "1.20",
            id="own-body-wins",
        ),
    ],
)
def test_a_call_that_is_to_think_by_any_setting_is_held_at_the_rate_for_it(params, rate):
    """qwen-plus has two prices for its answers, and the bill is at the dearer one then."""
    estimate = Pricer().estimate(0, 1000, params, "qwen-plus", "dashscope-intl")
    assert estimate.total.amount == Decimal(rate) * 1000 / 1_000_000


THOUGHTS = "so " * 2000
TOLD = [
    HumanMessage("a"),
    AIMessage("b", additional_kwargs={"reasoning_content": THOUGHTS}),
    HumanMessage("c"),
]
SCHEMA = {"title": "A", "type": "object", "description": "so " * 2000, "properties": {}}


@pytest.mark.parametrize(
    ("settings", "bound"),
    [
        pytest.param({}, {"tools": [convert_to_openai_tool(SCHEMA)]}, id="tools keep thoughts"),
        pytest.param({"preserve_thinking": True}, {}, id="preserve_thinking"),
        pytest.param({}, {"preserve_thinking": True}, id="preserve_thinking of the call"),
        pytest.param({"replay_reasoning": "all"}, {}, id="replay_reasoning"),
        pytest.param({}, {"replay_reasoning": "never"}, id="no thoughts"),
        pytest.param(
            {},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "A", "schema": SCHEMA},
                }
            },
            id="a schema in words",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
def test_a_hold_counts_what_the_estimate_counts(gateway_server, monkeypatch, settings, bound):
    """Thoughts that go back and a schema in words are input: a hold without them is too small."""
    counted = []
    own = HoldEstimator.estimate

    def spy(self, call, *rest):
        counted.append(call.count_prompt())
        return own(self, call, *rest)

    monkeypatch.setattr(HoldEstimator, "estimate", spy)
    server = gateway_server("dashscope")
    model = ChatQwen36(
        model="qwen3.6-plus", gateway="dashscope", base_url=server.base_url, api_key=server.key,
        streaming=False, **settings,
    )  # fmt: skip
    model.invoke(TOLD, {"callbacks": [QwenCostCallbackHandler(budget="5 CNY")]}, **bound)
    assert counted == [estimate(model, model._endpoint.gateway, TOLD, bound, None).input_tokens]
    replies = bound != {"replay_reasoning": "never"}
    assert (counted[0] > 1000) is replies


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda amount: QwenCostCallbackHandler(budget=amount), id="handler"),
        pytest.param(lambda amount: Limit("all", amount), id="limit"),
    ],
)
def test_an_amount_without_its_currency_is_refused(make):
    """5 of what? The message says how to write it."""
    with pytest.raises(ValueError, match="5 is no amount of money; write it"):
        make(5)
