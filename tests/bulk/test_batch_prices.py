"""What a batch costs, where it can be had, and from when on a cached live call is cheaper."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from langchain_qwen36.bulk.batch.comparison import compare
from langchain_qwen36.catalog import Model, Offer, Price, PriceBook, Tier
from langchain_qwen36.catalog.batch_services import (
    batch_service,
    batch_services,
    check_batch_model,
)
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.pricing import price_call


def offer_of(*, output: str, cache_read: str = "0.2", batch: str | None = "0.5") -> Offer:
    """Make an offer whose input costs 1."""
    tier = Tier(
        over=0,
        up_to=None,
        input=Decimal(1),
        output=Decimal(output),
        thinking_output=Decimal(output),
        cache_read=Decimal(cache_read),
        cache_read_explicit=Decimal("0.1"),
        cache_write=Decimal("1.25"),
    )
    price = Price(
        valid_from=None,
        currency="USD",
        tiers=(tier,),
        batch=None if batch is None else Decimal(batch),
        source="test",
        checked=date(2026, 12, 1),
    )
    model = Model(
        id="m",
        thinking="off",
        inputs=("text",),
        open_weights=False,
        source="test",
        checked=date(2026, 12, 1),
    )
    return Offer(gateway="g", model=model, wire_id="m", thinking="off", prices=(price,))


@pytest.mark.parametrize(
    ("ratio", "read", "written"),
    [(6, 10_000, 0), (6, 10_000, 1_000), (3, 5_000, 100), (1, 100, 60)],
)
def test_live_is_cheaper_above_the_documented_hit_rate(ratio: int, read: int, written: int) -> None:
    """With half price and hits at a fifth it is 0.625 + 0.625 p O/I."""
    usage = {"input_tokens": read, "output_tokens": written}
    found = compare(usage, offer_of(output=str(ratio))).break_even_hit_rate
    expected = Decimal("0.625") + Decimal("0.625") * ratio * written / read
    assert found == expected


def test_at_the_break_even_both_cost_the_same() -> None:
    """The rule and the price list agree."""
    offer = offer_of(output="3")
    usage = {"input_tokens": 8_000, "output_tokens": 800}
    rate = compare(usage, offer).break_even_hit_rate
    assert rate is not None
    hits = {**usage, "input_token_details": {"cache_read": int(8_000 * rate)}}
    live = price_call(hits, {}, offer, batch=False)
    batch = price_call(usage, {}, offer, batch=True)
    assert live is not None
    assert batch is not None
    assert live["total"] == batch["total"]


def test_rows_are_added_at_both_prices() -> None:
    """100 rows of 1,000 tokens in and out."""
    usage = {"input_tokens": 1_000, "output_tokens": 1_000}
    found = compare(usage, offer_of(output="2"), rows=100)
    assert (str(found.live), str(found.batch)) == ("0.3 USD", "0.15 USD")
    assert found.advice.startswith("A batch is cheaper, whatever the cache serves")


@pytest.mark.parametrize(
    "offer", [None, offer_of(output="2", batch=None)], ids=["no-offer", "no-batch"]
)
def test_a_price_that_is_not_known_is_never_assumed(offer: Offer | None) -> None:
    """None, not half and not 0."""
    found = compare({"input_tokens": 1_000, "output_tokens": 10}, offer)
    assert (found.batch, found.break_even_hit_rate) == (None, None)
    assert "not known" in found.advice


def test_a_list_without_a_cheaper_cache_never_prefers_live() -> None:
    """Hits at the input rate save nothing."""
    found = compare(
        {"input_tokens": 1_000, "output_tokens": 10}, offer_of(output="2", cache_read="1")
    )
    assert found.break_even_hit_rate == 1


def test_a_message_that_says_batch_is_priced_as_one() -> None:
    """Whoever prices it again, a handler or a report, finds the same."""
    offer = offer_of(output="2")
    usage = {"input_tokens": 1_000, "output_tokens": 1_000, "total_tokens": 2_000}
    record = price_call(usage, {"gateway": "dashscope", "batch": True}, offer)
    assert record is not None
    assert (record["total"], record["batch"]) == (0.0015, True)


@pytest.mark.parametrize("gateway", [name for name in batch_services() if name != "openrouter"])
def test_every_listed_model_with_a_price_has_a_batch_price(gateway: str) -> None:
    """The list of models and the price lists agree."""
    service = batch_services()[gateway]
    prices = "dashscope" if gateway == "dashscope-batch" else gateway
    book = PriceBook.bundled()
    offers = [(name, book.offer(prices, name)) for name in service.models or ()]
    today = date(2026, 12, 1)
    missing = [
        name
        for name, offer in offers
        if offer and (price := offer.price_at(today)) and price.batch is None
    ]
    assert offers
    assert missing == []


@pytest.mark.parametrize("service", batch_services().values(), ids=batch_services())
def test_every_service_says_where_its_facts_are_from(service: object) -> None:
    """A source and a day."""
    assert getattr(service, "source", "").startswith("https://")
    assert getattr(service, "checked", None) is not None


@pytest.mark.parametrize(
    ("gateway", "model", "is_listed"),
    [
        ("dashscope", "qwen3.6-plus", True),
        ("dashscope", "QWEN3.6-FLASH", True),
        ("dashscope", "qwen3.6-27b", False),
        ("dashscope", "qwen3.6-max-preview", False),
        ("dashscope-intl", "qwen3.6-plus", False),
        ("dashscope-intl", "qwen3.7-plus", True),
    ],
)
def test_models_are_listed_by_region(gateway: str, model: str, is_listed: bool) -> None:
    """A known model that is not listed is refused; one nobody knows is let through in words."""
    service = batch_service(gateway)
    if is_listed:
        assert check_batch_model(service, model, is_known=True) is None
        return
    with pytest.raises(UnsupportedSettingError, match="is not among the models"):
        check_batch_model(service, model, is_known=True)
    assert "is not among" in (check_batch_model(service, model, is_known=False) or "")
