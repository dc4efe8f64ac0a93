"""Our OpenRouter prices against genai-prices: they agree, or the difference stands here.

The package prices what the gateway's list said on a day. Where it has less than other sources
our row has the higher price, or none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from genai_prices import Usage, calc_price

from langchain_qwen36.catalog import Offer, PriceBook
from langchain_qwen36.pricing import cost

LATEST = date(2026, 11, 19)
"""The last day before our next list of the gateway, which is newer than the package."""
OFFERS = [
    offer
    for offer in PriceBook.bundled().offers.values()
    if offer.gateway == "openrouter" and offer.prices[0].checked <= date(2026, 11, 21)
]

CALLS = {
    "20K": {"input_tokens": 20_000, "output_tokens": 1_000},
    "200K": {"input_tokens": 200_000, "output_tokens": 1_000},
    "300K": {"input_tokens": 300_000, "output_tokens": 1_000},
    "hits": {"input_tokens": 20_000, "output_tokens": 0, "cache_read_tokens": 10_000},
    "writes": {"input_tokens": 20_000, "output_tokens": 0, "cache_write_tokens": 10_000},
}

# What the list of 2026-08-15 says, against rows of the package that have no date: (ours, theirs).
AUGUST = {
    "qwen3.6-27b": ("0.0156", "0.00818"),
    "qwen3.6-35b-a3b": ("0.004", "0.0038"),
    "qwen3.5-plus": ("0.00676", "0.0104"),
}

# Long requests today: the list of August, or the maker's, has tiers where the package is flat.
LONG = {
    ("qwen3.6-max-preview", "200K"): ("0.32548", "0.21424"),
    ("qwen3.6-max-preview", "300K"): ("0.48348", "0.31824"),
    ("qwen3-max", "200K"): (None, "0.246"),
    ("qwen3-max", "300K"): (None, "0.366"),
    ("qwen3-coder-plus", "200K"): (None, "0.13325"),
    ("qwen3-coder-plus", "300K"): (None, "0.19825"),
    ("qwen3-coder-flash", "300K"): (None, "0.1586"),
}


def both(offer: Offer, call: str, day: date) -> tuple[str | None, str]:
    """Return what one call costs by our row and by the package, as they print."""
    used = CALLS[call]
    details = {
        "cache_read": used.get("cache_read_tokens"),
        "cache_creation": used.get("cache_write_tokens"),
    }
    bill = cost({**used, "input_token_details": details}, offer, at=day, thinking=False)
    noon = datetime.combine(day, time(12), UTC)
    theirs = calc_price(
        Usage(**used),
        model_ref=offer.wire_id,
        provider_id="openrouter",
        genai_request_timestamp=noon,
    )
    amounts = (bill and bill.total, theirs.total_price)
    ours, other = (None if amount is None else f"{amount.normalize():f}" for amount in amounts)
    assert other is not None
    return ours, other


def differences(calls: list[str], day: date) -> dict[tuple[str, str], tuple[str | None, str]]:
    """Where the two disagree about offers whose price is known for the day."""
    found = {
        (offer.model.id, call): both(offer, call, day)
        for offer in OFFERS
        if offer.price_at(day)
        for call in calls
    }
    return {key: pair for key, pair in found.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("call", ["20K", "hits"])
@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2026, 10, 19), id="first-dated-prices"),
        pytest.param(date(2026, 10, 20), id="35b-a3b-falls"),
        pytest.param(date(2026, 11, 2), id="27b-before-the-rise"),
        pytest.param(date(2026, 11, 3), id="27b-rises"),
        pytest.param(date(2026, 11, 9), id="35b-a3b-loses-its-cache-rate"),
        pytest.param(LATEST, id="latest"),
    ],
)
def test_common_calls_cost_the_same_since_prices_are_dated(day, call):
    """Input, output and cache hits of requests in the first tier agree, day by day."""
    assert differences([call], day) == {}


def test_in_august_the_list_of_the_gateway_stands():
    """Undated rows of the package are older or newer than the list that was read that day."""
    found = differences(["20K"], date(2026, 8, 15))
    assert {model: pair for (model, _), pair in found.items()} == AUGUST


def test_long_requests_differ_only_where_the_package_has_no_tiers():
    """All tiers that both know agree; the others are dearer with us, or unknown."""
    assert differences(["200K", "300K"], LATEST) == LONG


def test_cache_writes_cost_no_less_with_us():
    """Where the list has no rate for a write the package takes plain input, we take 5/4 of it."""
    less = {
        model: (ours, theirs)
        for (model, _), (ours, theirs) in differences(["writes"], LATEST).items()
        if ours is None or float(ours) != pytest.approx(float(theirs) * (1 + 1.25) / 2)
    }
    assert less == {}
