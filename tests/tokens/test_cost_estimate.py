"""What a call would cost, before it is made."""

from __future__ import annotations

from decimal import Decimal

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.tokens import count_messages

QUESTION = [HumanMessage("How tall is the tower of Babel?")]


def model(**settings) -> ChatQwen36:
    """A model whose calls would go to a gateway with two tiers."""
    return ChatQwen36(model="qwen3.6-flash", gateway="apiyi", api_key="sk-none", **settings)


def test_the_price_is_the_list_price_of_input_and_longest_answer():
    """17 cents for a million tokens in, 1.02 dollars out (apiyi, first tier)."""
    found = model().estimate_cost(QUESTION, max_tokens=1000)
    size = count_messages(QUESTION)
    assert found.input_tokens == size
    assert found.cost.total == (Decimal("0.17") * size + Decimal("1.02") * 1000) / 1_000_000


def test_the_models_own_limit_counts_where_the_call_sets_none():
    """A call that may answer with 500 tokens is reckoned with 500."""
    assert model(max_tokens=500).estimate_cost(QUESTION).output_tokens == 500


def test_without_any_limit_the_answer_is_unknown_not_free():
    """The cost is that of the input, and `output_tokens` says that nothing is known."""
    found = model().estimate_cost(QUESTION)
    assert (found.output_tokens, found.cost.output) == (None, 0)


def test_it_says_how_far_the_next_tier_is_and_what_crossing_costs():
    """One token above 256,000 lifts every token of the request from 0.17 to 0.68."""
    found = model().estimate_cost(QUESTION)
    assert found.next_tier.tokens_left == 256_000 - found.input_tokens
    below, above = Decimal("0.17") * 256_000, Decimal("0.68") * 256_001
    assert found.next_tier.crossing_cost.amount == (above - below) / 1_000_000
    assert found.tier.label == "≤256K"


def test_a_discount_is_taken_off_the_crossing_too():
    """What the account pays of the list it pays of both tiers."""
    listed = model().estimate_cost(QUESTION, max_tokens=1000).next_tier.crossing_cost.amount
    paid = model(price_discount=0.85).estimate_cost(QUESTION, max_tokens=1000).next_tier
    assert paid.crossing_cost.amount == listed * Decimal("0.85")


@pytest.mark.parametrize(
    ("thinks", "rate"),
    [pytest.param(True, "4.00", id="thinking"), pytest.param(None, "1.20", id="by itself not")],
)
def test_a_model_that_is_told_to_think_is_reckoned_at_the_rate_for_it(thinks, rate):
    """qwen-plus has two prices for its answers (dashscope.md §3)."""
    asked = ChatQwen36(
        model="qwen-plus", gateway="dashscope-intl", api_key="sk-none", enable_thinking=thinks
    )
    found = asked.estimate_cost(QUESTION, max_tokens=1000)
    assert found.cost.output == Decimal(rate) * 1000 / 1_000_000


def test_a_model_without_a_price_is_sized_but_not_priced():
    """Unknown is None, never 0."""
    found = ChatQwen36(model="mine", base_url="http://localhost:1/v1").estimate_cost(QUESTION)
    assert found.input_tokens > 0
    assert (found.cost, found.next_tier) == (None, None)


def test_usage_that_came_back_corrects_the_estimate():
    """An answer in the history says what the gateway counted for what led to it."""
    long = [HumanMessage("Les élèves étudient à l'école près de la forêt. " * 400)]
    raw = count_messages(long)
    answer = AIMessage(
        "Oui.",
        usage_metadata={"input_tokens": raw // 2, "output_tokens": 2, "total_tokens": raw // 2 + 2},
        response_metadata={"requested_model": "qwen3.6-plus"},
    )
    history = [*long, answer, HumanMessage("Et puis?")]
    asked = ChatQwen36(model="qwen3.6-plus", gateway="apiyi", api_key="sk-none")
    assert asked.estimate_cost(history).input_tokens < 0.8 * count_messages(history)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The quick brown fox jumps over the lazy dog. " * 20, id="english"),
        pytest.param("敏捷的棕色狐狸跳过了懒狗。" * 20, id="chinese"),
    ],
)
def test_the_model_counts_tokens_for_trimming(text):
    """`trim_messages(token_counter=model)` gets a number with no download (P39)."""
    counted = model().get_num_tokens_from_messages([HumanMessage(text)])
    assert counted == count_messages([HumanMessage(text)])
