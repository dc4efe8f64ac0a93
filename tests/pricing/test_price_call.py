"""`price_call`, the one entry that prices a call for messages and for reports."""

from __future__ import annotations

from decimal import Decimal

import pytest

from langchain_qwen36.catalog import find_offer
from langchain_qwen36.pricing import price_call

USAGE = {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000}
OFFER = find_offer("dashscope-intl", "qwen-plus")


@pytest.mark.parametrize(
    ("thinking", "total"),
    [pytest.param(True, 0.0044, id="on"), pytest.param(False, 0.0016, id="off")],
)
def test_the_thinking_in_the_metadata_decides_the_output_rate(thinking, total):
    """A price computed from a stored message equals the price of the call that made it."""
    record = price_call(USAGE, {"thinking": thinking}, OFFER)
    assert (record["total"], price_call(USAGE, {}, OFFER, thinking=thinking)["total"]) == (
        total,
        total,
    )


def test_a_discount_of_one_changes_nothing():
    """`discount="1.0"` is the list price, thinking or not."""
    listed, paid = (
        price_call(USAGE, {"thinking": True}, OFFER, discount=discount)
        for discount in (None, Decimal("1.0"))
    )
    assert (listed["total"], listed["rates"]) == (paid["total"], paid["rates"])


def test_an_impossible_usage_has_no_list_price():
    """More cached tokens than input tokens cannot be priced: None, never 0."""
    usage = {**USAGE, "input_token_details": {"cache_read": 2000}}
    assert price_call(usage, {}, OFFER) is None


@pytest.mark.parametrize("cost", ["9e999999", "-9e999999", "1e-999999", "1e7", "nan", -1])
def test_a_reported_cost_that_cannot_be_is_not_taken(cost):
    """A gateway's absurd amount falls back to the list price and raises nothing."""
    record = price_call(USAGE, {"usage": {"cost": cost}}, OFFER)
    assert (record["basis"], record["reported"]) == ("list", None)


def test_cached_audio_has_no_price_either():
    """Usage metadata drops audio tokens that overlap with cached ones; the raw usage has them."""
    offer = find_offer("dashscope-intl", "qwen3-omni-flash")
    used = {"input_tokens": 1000, "output_tokens": 1, "input_token_details": {"cache_read": 900}}
    raw = {"prompt_tokens_details": {"cached_tokens": 900, "audio_tokens": 900}}
    assert price_call(used, {"gateway_usage": raw}, offer) is None


@pytest.mark.parametrize(
    ("gateway", "total"),
    [
        pytest.param("openrouter", 0.0, id="one-that-reports"),
        pytest.param("dashscope-intl", 0.0005, id="one-that-does-not"),
        pytest.param("openai-compatible", None, id="an-unknown-server"),
    ],
)
def test_a_reported_zero_is_a_bill_only_of_a_gateway_that_reports(gateway, total):
    """A relay in front of a gateway says 0 where it knows no price, and no budget would end."""
    used = {"input_tokens": 1000, "output_tokens": 0, "total_tokens": 1000}
    metadata = {"gateway": gateway, "gateway_usage": {"cost": 0}}
    record = price_call(used, metadata, find_offer(gateway, "qwen3.6-plus"))
    assert (record and record["total"]) == total
