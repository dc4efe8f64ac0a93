"""What a call costs: worked examples as rate times tokens, and what must always hold."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_qwen36.catalog import PriceBook, find_offer
from langchain_qwen36.pricing import (
    BilledTokens,
    Cost,
    CurrencyError,
    Money,
    Reported,
    UsageError,
    cache_type_of,
    cost,
    cost_record,
    money_of,
    next_tier,
    reported_cost,
    totals,
)

WIRE = Path(__file__).parents[3] / "shared" / "wire"
DAY = date(2026, 11, 21)


def mtok(rate: str, tokens: int) -> Decimal:
    """Return what so many tokens cost at a rate per 1M."""
    return Decimal(rate) * tokens / 1_000_000


def usage(inp, out=0, *, read=0, written=0, reasoning=None):
    """LangChain's usage of one call."""
    details = {} if reasoning is None else {"output_token_details": {"reasoning": reasoning}}
    return {
        "input_tokens": inp,
        "output_tokens": out,
        "total_tokens": inp + out,
        "input_token_details": {"cache_read": read, "cache_creation": written},
        **details,
    }


def price(gateway, name, used, **settings) -> Cost | None:
    """Return the cost of a call on the day these figures were checked."""
    return cost(used, find_offer(gateway, name), at=DAY, **settings)


def priced_daily(*days):
    """Return an offer whose price changes on each of these days; its currency is the day."""
    offer = find_offer("dashscope-intl", "qwen3.6-plus")
    prices = (replace(offer.prices[0], valid_from=day, currency=f"{day}") for day in days)
    return replace(offer, prices=tuple(prices))


@pytest.mark.parametrize(
    ("gateway", "model", "used", "expected", "tier"),
    [
        pytest.param(
            "apiyi",
            "qwen3.6-flash",
            usage(300_000, 2_000),
            mtok("0.68", 300_000) + mtok("4.08", 2_000),
            "256K\N{EN DASH}1M",
            id="300k-in-pays-the-upper-tier-for-everything",
        ),
        pytest.param(
            "apiyi",
            "qwen3.6-flash",
            usage(256_000, 2_000),
            mtok("0.17", 256_000) + mtok("1.02", 2_000),
            "≤256K",
            id="the-bound-belongs-to-the-lower-tier",
        ),
        pytest.param(
            "apiyi",
            "qwen3.6-flash",
            usage(256_001, 2_000),
            mtok("0.68", 256_001) + mtok("4.08", 2_000),
            "256K\N{EN DASH}1M",
            id="one-token-more-is-the-upper-tier",
        ),
        pytest.param(
            "apiyi",
            "qwen3.6-max-preview",
            usage(128_001, 10),
            mtok("2.12", 128_001) + mtok("12.72", 10),
            "128K\N{EN DASH}256K",
            id="max-preview-changes-at-128k",
        ),
        pytest.param(
            "apiyi",
            "qwen3.6-27b",
            usage(200_000, 1_000),
            mtok("0.42", 200_000) + mtok("2.52", 1_000),
            "flat",
            id="open-weights-have-one-rate",
        ),
        pytest.param(
            "dashscope-intl",
            "qwen3.6-plus",
            usage(300_000, 1_000, read=100_000),
            mtok("2.00", 200_000) + mtok("0.40", 100_000) + mtok("6.00", 1_000),
            "256K\N{EN DASH}1M",
            id="cached-tokens-count-towards-the-tier",
        ),
        pytest.param(
            "dashscope-intl",
            "qwen3.6-plus",
            usage(10_000, 500),
            mtok("0.50", 10_000) + mtok("3.00", 500),
            "≤256K",
            id="international-dollars",
        ),
        pytest.param(
            "dashscope",
            "qwen3.6-plus",
            usage(10_000, 500),
            mtok("2", 10_000) + mtok("12", 500),
            "≤256K",
            id="mainland-yuan",
        ),
        pytest.param(
            "dashscope",
            "qwen3.5-plus",
            usage(200_000, 500),
            mtok("2", 200_000) + mtok("12", 500),
            "128K\N{EN DASH}256K",
            id="three-tiers",
        ),
        pytest.param(
            "dashscope-intl",
            "qwen3.6-plus-2026-04-02",
            usage(1_000, 100),
            mtok("0.50", 1_000) + mtok("3.00", 100),
            "≤256K",
            id="a-dated-snapshot",
        ),
        pytest.param(
            "openrouter",
            "qwen/qwen3.6-plus",
            usage(256_001, 100),
            mtok("1.30", 256_001) + mtok("3.90", 100),
            ">256K",
            id="the-gateway's-own-spelling",
        ),
        pytest.param(
            "dashscope-intl",
            "qwen3-max",
            usage(258_048, 1),
            mtok("3.00", 258_048) + mtok("15.00", 1),
            "128K\N{EN DASH}252K",
            id="a-full-window-still-has-a-price",
        ),
        pytest.param(
            "apiyi",
            "qwen3.6-flash",
            usage(1_000, 100, read=400),
            mtok("0.17", 1_000) + mtok("1.02", 100),
            "≤256K",
            id="hits-at-the-base-rate-where-the-page-says-so",
        ),
        pytest.param(
            "openrouter",
            "qwen3.5-flash",
            usage(1_000, 100, read=400),
            mtok("0.065", 1_000) + mtok("0.26", 100),
            "flat",
            id="hits-at-the-input-rate-where-none-is-listed",
        ),
    ],
)
def test_a_call_costs_its_rates_times_its_tokens(gateway, model, used, expected, tier):
    """One tier for the whole request, chosen by all that went in."""
    bill = price(gateway, model, used)
    assert (bill.total, bill.tier.label) == (expected, tier)


def test_two_calls_of_200k_stay_in_the_first_tier():
    """A tier is chosen per request, never per run."""
    calls = [price("apiyi", "qwen3.6-flash", usage(200_000, 1_000)) for _ in range(2)]
    expected = 2 * (mtok("0.17", 200_000) + mtok("1.02", 1_000))
    assert totals(call.money for call in calls) == {"USD": expected}


@pytest.fixture(params=["UTC+14", "UTC-14"])
def far_zone(request):
    """Return a zone in which it is often another day than in UTC; at any hour in one of the two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system sets no zone per process")
def test_the_day_of_a_call_is_today_in_utc(far_zone):
    """The machine's zone changes no bill."""
    before = datetime.now(UTC).date()
    offer = priced_daily(*(before + timedelta(days) for days in (-1, 0, 1)))
    found = {cost(usage(1), offer).currency, next_tier(1, offer).crossing_cost.currency}
    assert found <= {f"{before}", f"{datetime.now(UTC).date()}"}


class TestCache:
    """Plain input, hits and writes are disjoint and have their own rates."""

    def test_the_parts_add_up_to_the_input(self):
        """100 in, 64 read, 20 written: 16 are plain."""
        bill = price("dashscope-intl", "qwen3.6-plus", usage(100, read=64, written=20))
        parts = (mtok("0.50", 16), mtok("0.05", 64), mtok("0.625", 20))
        assert (bill.input, bill.cache_read, bill.cache_write) == parts

    def test_a_hit_is_implicit_unless_the_reply_says_ephemeral(self):
        """The implicit hit is the dearer one, so it is the one assumed."""
        used = usage(100, read=64)
        bills = [
            price("dashscope-intl", "qwen3.6-plus", used, cache_type=kind)
            for kind in (None, "ephemeral")
        ]
        assert [bill.cache_read for bill in bills] == [mtok("0.10", 64), mtok("0.05", 64)]

    @pytest.mark.parametrize(
        ("used", "settings", "saved"),
        [
            pytest.param(usage(100, read=64), {}, mtok("0.40", 64), id="hits"),
            pytest.param(usage(100, written=20), {}, -mtok("0.125", 20), id="only-written"),
            pytest.param(
                usage(100, read=64, written=20),
                {},
                mtok("0.45", 64) - mtok("0.125", 20),
                id="explicit-hits-and-a-write",
            ),
            pytest.param(usage(100, read=64), {"discount": "0.5"}, mtok("0.20", 64), id="discount"),
            pytest.param(usage(100), {}, 0, id="no-cache"),
        ],
    )
    def test_tells_what_the_cache_saved(self, used, settings, saved):
        """Against the plain input rate: 0.50, where a hit is 0.10 or 0.05 and a write 0.625."""
        assert price("dashscope-intl", "qwen3.6-plus", used, **settings).cache_saved == saved

    def test_a_batch_call_saves_nothing_by_its_hits(self):
        """They pay the plain rate, and the batch factor is no merit of the cache."""
        bill = price("dashscope", "qwen3.6-plus", usage(1_000, read=400), batch=True)
        assert bill.cache_saved == 0

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            pytest.param({"prompt_tokens_details": {"cache_type": "ephemeral"}}, "ephemeral"),
            pytest.param({"prompt_tokens_details": {"cache_type": 5}}, None, id="no-word"),
            pytest.param({"prompt_tokens_details": ["ephemeral"]}, None, id="details-a-list"),
            pytest.param({}, None, id="no-details"),
            pytest.param(["ephemeral"], None, id="a-list"),
            pytest.param(None, None, id="no-usage"),
        ],
    )
    def test_the_type_of_cache_is_read_in_any_shape(self, raw, expected):
        """What a gateway sends in another shape says nothing, and nothing breaks."""
        assert cache_type_of(raw) == expected

    @pytest.mark.parametrize("nothing", [None, {}, {"cache_read": None, "cache_creation": None}])
    def test_null_details_are_zero(self, nothing):
        """Gateways leave the details out or send null."""
        used = {"input_tokens": 100, "output_tokens": 0, "input_token_details": nothing}
        assert price("apiyi", "qwen3.6-plus", used).total == mtok("0.30", 100)


class TestThinking:
    """Reasoning is a part of the output; few models have a rate of their own for it."""

    def test_reasoning_is_not_added_to_the_output(self):
        """100 out of which 70 are reasoning cost 100."""
        bill = price("apiyi", "qwen3.6-plus", usage(0, 100, reasoning=70))
        assert bill.total == mtok("1.80", 100)

    def test_reasoning_above_the_output_is_kept_at_the_output(self):
        """Real gateways send 61 reasoning tokens in an output of 9."""
        tokens = BilledTokens.of(usage(28, 9, reasoning=61))
        assert (tokens.output, tokens.reasoning) == (9, 9)

    @pytest.mark.parametrize(
        ("reasoning", "thinking", "rate"),
        [
            pytest.param(70, None, "4.00", id="it-thought"),
            pytest.param(1, None, "4.00", id="one-token-of-it"),
            pytest.param(0, True, "1.20", id="was-to-think-but-did-not"),
            pytest.param(None, True, "4.00", id="not-said-but-asked-to"),
            pytest.param(None, False, "1.20", id="not-said-and-not-asked"),
            pytest.param(None, None, "1.20", id="the-model's-default-is-off"),
        ],
    )
    def test_the_whole_answer_pays_the_rate_of_its_mode(self, reasoning, thinking, rate):
        """qwen-plus has two output rates; the reply decides, then the setting."""
        used = usage(0, 100, reasoning=reasoning)
        bill = price("dashscope-intl", "qwen-plus", used, thinking=thinking)
        assert bill.total == mtok(rate, 100)

    @pytest.mark.parametrize(
        ("default", "rate"),
        [("on", "4.00"), ("always", "4.00"), ("off", "1.20"), ("never", "1.20")],
    )
    def test_where_nobody_says_the_gateway_s_default_decides(self, default, rate):
        """A call of a model that thinks by itself is not priced too low."""
        offer = replace(find_offer("dashscope-intl", "qwen-plus"), thinking=default)
        assert cost(usage(0, 100), offer, at=DAY).total == mtok(rate, 100)


class TestFactors:
    """Discounts and batch mode."""

    @pytest.mark.parametrize("discount", ["0.85", 0.85, Decimal("0.85")])
    def test_a_discount_is_what_is_paid_of_the_list(self, discount):
        """A recharge bonus of 15 % leaves 85 % of each part, to the last digit."""
        bill = price("apiyi", "qwen3.6-plus", usage(1_000, 100), discount=discount)
        assert bill.total == Decimal("0.85") * (mtok("0.30", 1_000) + mtok("1.80", 100))

    def test_who_pays_all_of_the_list_may_say_so(self):
        """1 is the highest that a discount can be."""
        bill = price("apiyi", "qwen3.6-plus", usage(1_000), discount=1)
        assert (bill.total, bill.discount) == (mtok("0.30", 1_000), 1)

    @pytest.mark.parametrize("discount", ["0", 1.5, -1, "15 %", float("nan")])
    def test_a_discount_that_cannot_be_is_refused(self, discount):
        """The message says what the number means."""
        meaning = r'what you pay of the list, above 0 and at most 1: "0\.85" for 15 % off$'
        with pytest.raises(ValueError, match=meaning):
            price("apiyi", "qwen3.6-plus", usage(1), discount=discount)

    def test_a_batch_call_costs_half_and_gets_no_cache_discount(self):
        """The two discounts do not combine."""
        bill = price("dashscope", "qwen3.6-plus", usage(1_000, 100, read=400), batch=True)
        assert bill.total == (mtok("2", 1_000) + mtok("12", 100)) / 2

    def test_where_no_batch_price_is_known_there_is_none(self):
        """Half of it would be a guess."""
        assert price("apiyi", "qwen3.6-plus", usage(1_000), batch=True) is None


class TestUnknown:
    """What is not known is None, never 0 and never too low."""

    @pytest.mark.parametrize(
        ("gateway", "model", "tokens"),
        [
            pytest.param("apiyi", "gpt-4o", 10, id="model"),
            pytest.param("vllm", "qwen3.6-27b", 10, id="gateway"),
            pytest.param("aimlapi", "qwen3.5-plus", 10, id="sold-at-no-printed-price"),
            pytest.param("aimlapi", "qwen3.6-plus", 256_001, id="tier-above-the-known-one"),
            pytest.param("openrouter", "qwen/qwen3.6-27b:free", 10, id="variant"),
        ],
    )
    def test_there_is_no_price(self, gateway, model, tokens):
        """No row, no price, or a tier that no list prints."""
        assert price(gateway, model, usage(tokens)) is None

    def test_a_cost_says_that_a_rate_was_worked_out(self):
        """The implicit hit of flash is printed nowhere; without a hit nothing was derived."""
        bills = [
            price("dashscope-intl", "qwen3.6-flash", usage(100, 10, read=read)) for read in (1, 0)
        ]
        assert [bill.derived for bill in bills] == [True, False]

    @pytest.mark.parametrize(
        ("used", "numbers"),
        [
            pytest.param(usage(100, read=80, written=21), r"80.*21.*100", id="more-cached-than-in"),
            pytest.param(usage(-1), r"input_tokens.*-1", id="negative"),
            pytest.param(usage(1, -5), r"output_tokens.*-5", id="negative-output"),
            pytest.param(usage(1, 1, reasoning=-1), r"reasoning.*-1", id="negative-detail"),
            pytest.param(usage(1.5), r"input_tokens.*1\.5", id="no-whole-number"),
        ],
    )
    def test_a_usage_that_cannot_be_raises_with_its_numbers(self, used, numbers):
        """A bill worked out from it would be wrong without a sign."""
        with pytest.raises(UsageError, match=numbers):
            price("apiyi", "qwen3.6-plus", used)


class TestMoney:
    """Amounts know their currency."""

    def test_dollars_and_yuan_are_not_added(self):
        """The message names the way to sum."""
        with pytest.raises(CurrencyError, match=r"keep a sum per currency, as `totals` does$"):
            Money(Decimal(1), "USD") + Money(Decimal(1), "CNY")

    def test_are_not_compared_either(self):
        """1 USD is not less than 2 CNY."""
        with pytest.raises(CurrencyError):
            assert Money(Decimal(1), "USD") < Money(Decimal(2), "CNY")

    def test_a_sum_is_kept_per_currency(self):
        """A run over two regions has two sums."""
        bills = [price(region, "qwen3.6-plus", usage(10)) for region in ("dashscope", "apiyi")]
        expected = {"CNY": mtok("2", 10), "USD": mtok("0.30", 10)}
        assert totals(bill.money for bill in bills) == expected

    @pytest.mark.parametrize(
        ("text", "printed"),
        [
            ("0.50 USD", "0.5 USD"),
            ("5.00 USD", "5 USD"),
            ("100 CNY", "100 CNY"),
            ("1e-7 USD", "0.0000001 USD"),
            ("0 USD", "0 USD"),
        ],
    )
    def test_is_read_and_printed_in_plain_digits(self, text, printed):
        """No exponent, and no trailing zeros after the point."""
        assert str(Money.parse(text)) == printed

    @pytest.mark.parametrize(
        "text", ["", "5", "five USD", "USD 5", "5 usd", "5 $", "5 U$", "inf USD", "1 2 USD"]
    )
    def test_an_amount_that_cannot_be_read_says_how_to_write_it(self, text):
        """A budget that is misread would not hold."""
        with pytest.raises(ValueError, match=r'write it like "0\.50 USD"'):
            Money.parse(text)

    def test_compares_and_subtracts_in_one_currency(self):
        """What a budget needs."""
        small, large = Money.parse("0.1 USD"), Money.parse("0.3 USD")
        assert (small < large, large < small, small <= large, large <= small) == (
            True,
            False,
            True,
            False,
        )
        assert (small < small, small <= small) == (False, True)  # noqa: PLR0124 - two equal amounts
        assert large - small == Money.parse("0.2 USD")


class TestNextTier:
    """Before the call: the way to the boundary, and what crossing it costs."""

    def test_says_how_many_tokens_are_left_and_what_the_next_one_costs(self):
        """250K on flash: 6,000 left; at 256,001 the whole request pays four times as much."""
        ahead = next_tier(
            250_000, find_offer("apiyi", "qwen3.6-flash"), output_tokens=2_000, at=DAY
        )
        inside = mtok("0.17", 256_000) + mtok("1.02", 2_000)
        outside = mtok("0.68", 256_001) + mtok("4.08", 2_000)
        assert (ahead.tokens_left, ahead.next.label, ahead.crossing_cost) == (
            6_000,
            "256K\N{EN DASH}1M",
            Money(outside - inside, "USD"),
        )

    def test_counts_the_bound_as_inside(self):
        """At the bound no token is left, and the tier is still the lower one."""
        ahead = next_tier(256_000, find_offer("apiyi", "qwen3.6-flash"), at=DAY)
        more = mtok("0.68", 256_001) - mtok("0.17", 256_000)
        assert (ahead.tokens_left, ahead.current.label, ahead.crossing_cost.amount) == (
            0,
            "≤256K",
            more,
        )

    def test_prices_the_request_as_it_will_be_made(self):
        """Its discount and its thinking are those of `cost`."""
        ahead = next_tier(
            250_000,
            find_offer("dashscope-intl", "qwen-plus"),
            output_tokens=1_000,
            at=DAY,
            discount="0.5",
            thinking=True,
        )
        inside = mtok("0.40", 256_000) + mtok("4.00", 1_000)
        outside = mtok("1.20", 256_001) + mtok("12.00", 1_000)
        assert ahead.crossing_cost == Money((outside - inside) / 2, "USD")

    def test_prices_it_on_its_day(self):
        """The list that held then."""
        offer = priced_daily(date(2026, 1, 1), date(2026, 1, 2))
        assert next_tier(1, offer, at=date(2026, 1, 1)).crossing_cost.currency == "2026-01-01"

    def test_beyond_the_list_the_price_is_unknown(self):
        """The tier above is None and so is what crossing costs: not 0."""
        ahead = next_tier(250_000, find_offer("aimlapi", "qwen3.6-plus"), at=DAY)
        assert (ahead.tokens_left, ahead.next, ahead.crossing_cost) == (6_000, None, None)

    @pytest.mark.parametrize(
        ("gateway", "model", "tokens"),
        [
            pytest.param("apiyi", "qwen3.6-27b", 10, id="flat"),
            pytest.param("openrouter", "qwen3.6-plus", 300_000, id="in-the-open-tier"),
            pytest.param("aimlapi", "qwen3.6-plus", 300_000, id="no-price-here"),
            pytest.param("vllm", "qwen3.6-27b", 10, id="no-offer"),
        ],
    )
    def test_without_a_boundary_ahead_there_is_none(self, gateway, model, tokens):
        """Nothing to warn of."""
        assert next_tier(tokens, find_offer(gateway, model), at=DAY) is None


@pytest.mark.parametrize(
    ("raw", "extra", "expected"),
    [
        pytest.param(
            {"cost": 0.00025581, "is_byok": False},
            {},
            ("0.00025581", "usage.cost", False),
            id="usage.cost",
        ),
        pytest.param(
            {"cost": 0.0076509169000000005},
            None,
            ("0.0076509169000000005", "usage.cost", False),
            id="as-it-prints-and-no-byok-key",
        ),
        pytest.param({"cost": 0}, {}, ("0", "usage.cost", False), id="free-is-zero"),
        pytest.param(
            {"cost": 0.000896},
            {"provider_metadata": {"gateway": {"cost": "0.00089600", "marketCost": "1"}}},
            ("0.00089600", "provider_metadata.gateway.cost", False),
            id="exact-string-beside-the-number",
        ),
        pytest.param(
            {},
            {"meta": {"usage": {"credits_used": 7022, "usd_spent": 0.003511}}},
            ("0.003511", "meta.usage.usd_spent", False),
            id="usd_spent",
        ),
        pytest.param(
            {},
            {"cost": {"usd": 0.0001578, "diem": 0}},
            ("0.0001578", "cost.usd", False),
            id="cost.usd",
        ),
        pytest.param({}, {"cost": {"usd": 0, "diem": 0.5}}, None, id="paid-in-diem"),
        pytest.param(
            {"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}},
            {},
            ("0.021", "usage.cost + usage.cost_details.upstream_inference_cost", True),
            id="own-key-fee-and-bill",
        ),
        pytest.param(
            {"cost": 0, "is_byok": True, "market_cost": 0.02, "cost_details": None},
            {"provider_metadata": {"gateway": {"cost": "0"}}},
            ("0.02", "usage.cost + usage.market_cost", True),
            id="own-key-fee-of-nothing",
        ),
        pytest.param({"cost": 0.001, "is_byok": True}, {}, None, id="own-key-bill-not-told"),
        pytest.param({"cost": None}, {}, None, id="null"),
        pytest.param({"cost": True}, {}, None, id="no-number"),
        pytest.param({"cost": "many"}, {}, None, id="words"),
        pytest.param({"cost": -1}, {}, None, id="negative"),
        pytest.param({"cost": float("nan")}, {}, None, id="nan"),
        pytest.param({"cost": {"total": 1}}, {}, None, id="another-shape"),
        pytest.param({"prompt_tokens": 3}, {"meta": None, "cost": 3}, None, id="no-money"),
        pytest.param(None, None, None, id="nothing"),
    ],
)
def test_reported_money_is_read_by_its_shape(raw, extra, expected):
    """Each gateway writes its bill elsewhere, as printed; half a bill is not believed."""
    found = reported_cost(raw, extra)
    assert (found and (str(found.amount), found.source, found.byok)) == expected


@pytest.mark.skipif(not WIRE.exists(), reason="the recordings are not on this machine")
class TestRecordings:
    """Real replies."""

    @pytest.mark.parametrize("model", ["qwen3.6-27b", "qwen3.6-flash", "qwen3.6-plus"])
    def test_recorded_bills_come_out_of_our_offers_to_the_last_digit(self, model):
        """`usd_spent` is our list price: each part rounded up to a whole credit."""
        reply = json.loads((WIRE / "aimlapi" / f"{model}_nonstream.json").read_text("utf-8"))
        raw = reply["usage"]
        bill = price("aimlapi", model, usage(raw["prompt_tokens"], raw["completion_tokens"]))
        assert f"{bill.total:f}".rstrip("0") == str(reply["meta"]["usage"]["usd_spent"])

    def test_a_bill_in_a_document_comes_out_too(self):
        """The sample of 35b-a3b in the gateway's documentation: 19 in, 1,197 out, 0.003511."""
        assert price("aimlapi", "qwen3.6-35b-a3b", usage(19, 1_197)).total == Decimal("0.003511")

    @pytest.mark.parametrize("folder", ["openrouter", "vercel-gateway", "avian", "venice"])
    def test_every_recorded_stream_that_names_money_is_read(self, folder):
        """The last chunk that holds money gives an amount."""
        silent = [path.name for path in (WIRE / folder).glob("*.sse") if _money_unread(path)]
        assert silent == []


def _money_unread(path: Path) -> bool:
    """Whether a stream names money and no chunk of it gives an amount."""
    text = path.read_text("utf-8")
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    found = [reported_cost(chunk.get("usage"), chunk) for chunk in chunks]
    return '"cost":' in text.replace('"cost": ', '"cost":') and not any(found)


class TestRecord:
    """The dict on the message."""

    @pytest.fixture
    def bill(self):
        """Return a call in the upper of two tiers."""
        return price("apiyi", "qwen3.6-flash", usage(300_000, 2_000, reasoning=5))

    @pytest.mark.parametrize(
        ("usage", "expected"),
        [
            pytest.param(None, None, id="no-usage"),
            pytest.param({"plugins": {"search": {"count": 2, "strategy": "turbo"}}}, {"search": 2}),
            pytest.param({"plugins": {"search": {"count": 1}}}, {"search": 1}, id="once"),
            pytest.param({"plugins": {"search": {"count": 0}}}, None, id="none-made"),
            pytest.param({"plugins": {"search": {"count": True}}}, None, id="no-number"),
            pytest.param({"plugins": ["search"]}, None, id="another-shape"),
            pytest.param({"plugins": {"search": 1}}, None, id="no-object"),
        ],
    )
    def test_names_what_the_list_does_not_price(self, bill, usage, expected):
        """A gateway's own bill has it in; then nothing is missing."""
        assert cost_record(bill, None, usage)["unpriced"] == expected
        whole = Reported(amount=Decimal(1), source="usage.cost")
        assert cost_record(bill, whole, usage)["unpriced"] is None

    def test_of_a_list_price_explains_it(self, bill):
        """Currency, parts, tier with bounds, rates, source and date."""
        assert cost_record(bill, None) == {
            "currency": "USD",
            "total": 0.21216,
            "basis": "list",
            "list": 0.21216,
            "input": 0.204,
            "cache_read": 0.0,
            "cache_write": 0.0,
            "output": 0.00816,
            "cache_saved": 0.0,
            "unpriced": None,
            "reported": None,
            "reported_from": None,
            "byok": None,
            "difference": None,
            "difference_percent": None,
            "gateway": "apiyi",
            "model": "qwen3.6-flash",
            "tier": "256K\N{EN DASH}1M",
            "tier_over": 256_000,
            "tier_up_to": 1_000_000,
            "rates": {"input": 0.68, "thinking_output": 4.08},
            "price_source": "APIYI page of Qwen3.6",
            "price_valid_from": None,
            "price_checked": "2026-11-21",
            "price_note": None,
            "derived": False,
            "discount": None,
            "batch": False,
        }

    def test_prefers_the_report_and_says_how_far_the_list_is(self, bill):
        """One total, never both; the list price stands beside it."""
        reported = Reported(amount=Decimal("0.19"), source="usage.cost")
        record = cost_record(bill, reported)
        picked = ("total", "basis", "list", "reported", "difference", "difference_percent")
        assert [record[key] for key in picked] == [
            0.19,
            "reported",
            0.21216,
            0.19,
            -0.02216,
            -10.44,
        ]

    def test_of_a_report_alone_leaves_the_list_open(self):
        """A model without a row still has a cost where the gateway tells it."""
        record = cost_record(None, Reported(amount=Decimal("0.19"), source="cost.usd", byok=True))
        told = ("total", "list", "tier", "reported_from", "byok")
        assert [record[key] for key in told] == [0.19, None, None, "cost.usd", True]

    def test_says_the_terms_of_the_price(self):
        """Since when it holds, what was paid of it, and that it was a batch call."""
        offer = find_offer("dashscope", "qwen3.6-plus")
        dated = replace(offer, prices=(replace(offer.prices[0], valid_from=date(2026, 5, 1)),))
        record = cost_record(cost(usage(10), dated, at=DAY, discount="0.85", batch=True), None)
        terms = ("price_valid_from", "discount", "batch")
        assert [record[key] for key in terms] == ["2026-05-01", 0.85, True]

    def test_leaves_out_a_list_in_another_currency(self):
        """A report in dollars is not compared with a list in yuan."""
        bill = price("dashscope", "qwen3.6-plus", usage(10))
        record = cost_record(bill, Reported(amount=Decimal(1), source="usage.cost"))
        assert (record["currency"], record["list"], record["difference"]) == ("USD", None, None)

    def test_of_nothing_is_none(self):
        """An unknown cost is no record with zeros."""
        assert cost_record(None, None) is None

    def test_of_a_free_call_has_no_percentage(self):
        """Nothing over nothing is not a difference of 0 %."""
        bill = price("apiyi", "qwen3.6-plus", usage(0))
        record = cost_record(bill, Reported(amount=Decimal(0), source="usage.cost"))
        assert (record["difference"], record["difference_percent"]) == (0.0, None)

    def test_passes_json(self, bill):
        """Checkpoints and traces store it."""
        record = cost_record(bill, None)
        assert json.loads(json.dumps(record)) == record


PRICED = [offer for offer in PriceBook.bundled().offers.values() if offer.price_at(DAY) is not None]
offers = st.sampled_from(PRICED)
counts = st.integers(0, 300_000)
kinds = st.sampled_from(["input", "read", "written", "output"])


@st.composite
def usages(draw):
    """Return a usage of disjoint kinds, and the tokens of each."""
    plain, read, written, out = (draw(counts) for _ in range(4))
    return {"input": plain, "read": read, "written": written, "output": out}


def _priced(offer, parts):
    used = usage(
        parts["input"] + parts["read"] + parts["written"],
        parts["output"],
        read=parts["read"],
        written=parts["written"],
        reasoning=0,
    )
    return cost(used, offer, at=DAY, cache_type="ephemeral")


@given(offers, usages(), kinds, st.integers(1, 300_000))
def test_more_tokens_of_any_kind_never_cost_less(offer, parts, kind, more):
    """Crossing a tier included; beyond the list there is no price."""
    less, grown = _priced(offer, parts), _priced(offer, parts | {kind: parts[kind] + more})
    assert grown is None or (less is not None and grown.total >= less.total)


@given(offers, usages())
def test_the_parts_are_the_total_and_the_record_is_exact(offer, parts):
    """What stands on the message reads back to the last digit."""
    bill = _priced(offer, parts)
    if bill is None:
        return
    rates = bill.tier
    amounts = (
        mtok("1", parts["input"]) * rates.input
        + mtok("1", parts["read"]) * rates.cache_read_explicit
        + mtok("1", parts["written"]) * rates.cache_write
        + mtok("1", parts["output"]) * rates.output
    )
    unit = bill.price.unit or 0
    assert 0 <= bill.total - amounts <= 4 * unit
    assert money_of(cost_record(bill, None)) == bill.money


@given(st.lists(st.tuples(offers, usages()), max_size=20))
def test_a_ledger_sums_to_the_same_in_any_order_and_by_steps(calls):
    """Adding call by call, or all at once, or backwards, gives the same sums per currency."""
    bills = [bill.money for bill in (_priced(*call) for call in calls) if bill]
    expected = totals(bills)
    stepwise = {
        currency: list(accumulate(money for money in bills if money.currency == currency))[-1]
        for currency in expected
    }
    assert totals(reversed(bills)) == expected
    assert {currency: money.amount for currency, money in stepwise.items()} == expected


@pytest.mark.parametrize(
    "details",
    [
        pytest.param({"input_token_details": {"audio": 900}}, id="audio-in"),
        pytest.param({"input_token_details": {"image": 900}}, id="image-in"),
        pytest.param({"output_token_details": {"audio": 90}}, id="audio-out"),
    ],
)
def test_media_that_a_list_does_not_price_have_no_price(details):
    """qwen3-omni-flash's row has the rates of texts: audio costs several times as much."""
    plain = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    assert price("dashscope-intl", "qwen3-omni-flash", plain).total > 0
    assert price("dashscope-intl", "qwen3-omni-flash", {**plain, **details}) is None
    assert price("dashscope-intl", "qwen3.6-plus", {**plain, **details}).total > 0


def test_a_price_that_began_an_hour_ago_elsewhere_holds_now():
    """Midnight in Beijing is 16:00 UTC: the day in UTC is still the one before."""
    began = (datetime.now(UTC) - timedelta(minutes=2)).astimezone(
        timezone(timedelta(hours=23, minutes=59))
    )
    offer = find_offer("dashscope-intl", "qwen3.6-plus")
    changed = replace(offer, prices=(*offer.prices, replace(offer.prices[-1], valid_from=began)))
    assert began.date() > (datetime.now(UTC) - timedelta(minutes=2)).date()
    assert cost(usage(1000), changed).price.valid_from == began
    assert next_tier(1000, changed) is not None
