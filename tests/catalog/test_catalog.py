"""What the models are and who serves them: names, rows, and files that are wrong."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest
from langchain_core.language_models.model_profile import ModelProfile

from langchain_qwen36.catalog import (
    CatalogError,
    PriceBook,
    Rate,
    find_model,
    find_offer,
    profile_of,
    wire_id,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        pytest.param("qwen3.6-plus", "qwen3.6-plus", id="bare"),
        pytest.param("Qwen3.6-Plus", "qwen3.6-plus", id="any-case"),
        pytest.param("qwen/qwen3.6-plus", "qwen3.6-plus", id="one-gateway's-prefix"),
        pytest.param("alibaba/qwen3.6-plus", "qwen3.6-plus", id="another's-prefix"),
        pytest.param("openrouter/qwen/qwen3.6-plus", "qwen3.6-plus", id="two-prefixes"),
        pytest.param("accounts/fireworks/models/qwen3p6-plus", "qwen3.6-plus", id="p-for-point"),
        pytest.param("alibaba/qwen-3.6-max-preview", "qwen3.6-max-preview", id="extra-hyphen"),
        pytest.param("qwen3.6-plus-2026-04-02", "qwen3.6-plus", id="snapshot"),
        pytest.param("qwen3.6-plus-2027-01-31", "qwen3.6-plus", id="snapshot-to-come"),
        pytest.param("qwen/qwen3.6-max-preview-20260420", "qwen3.6-max-preview", id="slug"),
        pytest.param("qwen/qwen3.6-plus-04-02", "qwen3.6-plus", id="short-date"),
        pytest.param("qwen-plus-latest", "qwen-plus", id="latest"),
        pytest.param("qwen3.5-plus-2026-04-20", "qwen3.5-plus-20260420", id="own-row-snapshot"),
        pytest.param("alibaba/qwen3.5-plus-20260218", "qwen3.5-plus", id="gateway's-snapshot"),
        pytest.param("qwen3-max-2025-09-23", "qwen3-max-2025-09-23", id="row-beats-pattern"),
        pytest.param("qwen/qwen3.6-27b:free", "qwen3.6-27b", id="variant"),
        pytest.param("qwen/qwen3.6-plus-04-02:nitro", "qwen3.6-plus", id="variant-of-a-snapshot"),
        pytest.param("Qwen/Qwen3.6-27B", "qwen3.6-27b", id="hugging-face"),
        pytest.param("Qwen/Qwen3.6-27B:novita", "qwen3.6-27b", id="hugging-face-route"),
        pytest.param("Qwen/Qwen3.6-35B-A3B-FP8", "qwen3.6-35b-a3b", id="fp8-build"),
        pytest.param("Qwen/Qwen3.6-27B-GPTQ-Int4", "qwen3.6-27b", id="build-in-two-parts"),
        pytest.param("/m/Qwen3.6-35B-A3B-UD-Q4_K_XL.gguf", "qwen3.6-35b-a3b", id="gguf-file"),
        pytest.param("qwen3.6:27b", "qwen3.6-27b", id="ollama"),
        pytest.param("qwen3.6:35b-a3b-q8_0", "qwen3.6-35b-a3b", id="ollama-build"),
        pytest.param("mlx-community/Qwen3.6-27B-mlx-4bit", "qwen3.6-27b", id="mlx"),
    ],
)
def test_every_spelling_finds_the_one_row(name, model_id):
    """Prefixes, cases, dates, builds and variants of a name lead to its model."""
    model = find_model(name)
    assert model is not None
    assert model_id == model.id


@pytest.mark.parametrize(
    "name",
    ["gpt-4o", "", "qwen3.6", "qwen3.6-plus-medical", "qwen3.6-plus-fp8", "qwen3.6-270b", ":free"],
)
def test_a_name_that_is_no_spelling_finds_nothing(name):
    """Names that only look alike are not taken for a model: closed models have no builds."""
    assert find_model(name) is None


@pytest.mark.parametrize(
    ("gateway", "name", "expected"),
    [
        pytest.param("openrouter", "qwen3.6-plus", "qwen/qwen3.6-plus", id="or-plus"),
        pytest.param("openrouter", "qwen3.6-flash", "qwen/qwen3.6-flash", id="or-flash"),
        pytest.param("openrouter", "qwen3.6-max-preview", "qwen/qwen3.6-max-preview", id="or-max"),
        pytest.param("openrouter", "qwen3.6-27b", "qwen/qwen3.6-27b", id="or-27b"),
        pytest.param("openrouter", "qwen3.6-35b-a3b", "qwen/qwen3.6-35b-a3b", id="or-35b"),
        pytest.param("openrouter", "qwen3.5-plus", "qwen/qwen3.5-plus-02-15", id="or-3.5-plus"),
        pytest.param(
            "openrouter", "qwen3.5-plus-20260420", "qwen/qwen3.5-plus-20260420", id="or-3.5-plus-04"
        ),
        pytest.param("openrouter", "qwen3.5-flash", "qwen/qwen3.5-flash-02-23", id="or-3.5-flash"),
        pytest.param("vercel", "qwen3.6-plus", "alibaba/qwen3.6-plus", id="ve-plus"),
        pytest.param("vercel", "qwen3.6-max-preview", "alibaba/qwen-3.6-max-preview", id="ve-max"),
        pytest.param("vercel", "qwen3.6-27b", "alibaba/qwen3.6-27b", id="ve-27b"),
        pytest.param("vercel", "qwen3.5-plus", "alibaba/qwen3.5-plus", id="ve-3.5-plus"),
        pytest.param("vercel", "qwen3.5-flash", "alibaba/qwen3.5-flash", id="ve-3.5-flash"),
        pytest.param("vercel", "qwen3.6-flash", "qwen3.6-flash", id="ve-flash-not-sold"),
        pytest.param("aimlapi", "qwen3.6-plus", "alibaba/qwen3.6-plus", id="ai-plus"),
        pytest.param("aimlapi", "qwen3.6-flash", "alibaba/qwen3.6-flash", id="ai-flash"),
        pytest.param("aimlapi", "qwen3.6-max-preview", "alibaba/qwen3.6-max-preview", id="ai-max"),
        pytest.param("aimlapi", "qwen3.6-27b", "alibaba/qwen3.6-27b", id="ai-27b"),
        pytest.param("aimlapi", "qwen3.6-35b-a3b", "alibaba/qwen3.6-35b-a3b", id="ai-35b"),
        pytest.param("aimlapi", "qwen3.5-plus", "alibaba/qwen3.5-plus-20260218", id="ai-3.5-plus"),
        pytest.param("aimlapi", "qwen3.5-flash", "alibaba/qwen3.5-flash", id="ai-3.5-flash"),
        pytest.param("apiyi", "qwen3.6-plus", "qwen3.6-plus", id="apiyi-is-bare"),
        pytest.param("dashscope", "qwen3.5-plus-20260420", "qwen3.5-plus-2026-04-20", id="dashed"),
        # what callers write
        pytest.param("dashscope", "qwen/qwen3.6-plus", "qwen3.6-plus", id="from-elsewhere"),
        pytest.param("vercel", "qwen/qwen3.6-max-preview", "alibaba/qwen-3.6-max-preview", id="x"),
        pytest.param("openrouter", "QWEN/Qwen3.6-Plus", "QWEN/Qwen3.6-Plus", id="kept-as-spelled"),
        pytest.param(
            "openrouter", "qwen/qwen3.6-27b:nitro", "qwen/qwen3.6-27b:nitro", id="variant"
        ),
        pytest.param("dashscope", "qwen3.6-plus-2026-04-02", "qwen3.6-plus-2026-04-02", id="dated"),
        pytest.param("vllm", "Qwen/Qwen3.6-27B", "Qwen/Qwen3.6-27B", id="no-rows-there"),
        pytest.param("openrouter", "acme/llm", "acme/llm", id="unknown"),
    ],
)
def test_a_gateway_is_sent_its_own_spelling(gateway, name, expected):
    """Known spellings become the gateway's, all others go through unchanged."""
    assert expected == wire_id(gateway, name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen3.6-27b", "on"),
        ("qwen3.6-35b-a3b", "on"),
        ("qwen3.6-max-preview", "on"),
        ("qwen3.6-plus", "off"),
        ("qwen3.6-flash", "off"),
        ("qwen3.5-plus-20260420", "off"),
    ],
)
def test_a_gateway_may_think_by_default_where_the_model_does_not(name, expected):
    """One gateway turns thinking on by default for three models only."""
    offer = find_offer("openrouter", name)
    assert offer is not None
    assert (expected, "on") == (offer.thinking, offer.model.thinking)


def test_the_closed_plus_model_is_as_its_maker_prints_it():
    """Limits and switches of qwen3.6-plus, from the maker's tables."""
    model = find_model("qwen3.6-plus")
    assert model is not None
    printed = (1_000_000, 991_808, 983_616, 65_536, 81_920)
    assert printed == (
        model.context_window,
        model.max_input_tokens,
        model.max_input_tokens_thinking,
        model.max_output_tokens,
        model.max_thinking_tokens,
    )
    assert (
        model.inputs,
        model.json_schema,
        model.preserve_thinking,
        model.max_completion_tokens,
    ) == (("text", "image", "video"), False, True, True)


def test_what_no_source_states_is_none():
    """An unknown limit is None, not 0 or a guess."""
    model = find_model("qwen3.6-flash")
    assert model is not None
    assert model.max_input_tokens is None


def test_a_variant_keeps_the_model_and_loses_the_price():
    """`:free` and `:nitro` are served by others or at other prices: unknown, not the listed one."""
    offer = find_offer("openrouter", "qwen/qwen3.6-27b:free")
    assert offer is not None
    assert (
        offer.model.id,
        offer.wire_id,
        offer.prices,
    ) == ("qwen3.6-27b", "qwen/qwen3.6-27b:free", ())


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        pytest.param(date(2026, 5, 1), "0.60", id="before-any-date"),
        pytest.param(date(2026, 10, 18), "0.60", id="day-before"),
        pytest.param(date(2026, 10, 19), "0.25", id="first-day"),
        pytest.param(datetime(2026, 11, 2, 23, 59, tzinfo=UTC), "0.25", id="a-moment"),
        pytest.param(date(2026, 11, 3), "0.45", id="changed-again"),
        pytest.param(date(2026, 11, 19), "0.45", id="until-the-next-list"),
        pytest.param(date(2031, 1, 1), "0.32", id="last-one-stands"),
    ],
)
def test_an_offer_has_the_price_of_the_day(day, rate):
    """Several dated prices of one offer stand; the newest that has begun applies."""
    price = find_offer("openrouter", "qwen3.6-27b").price_at(day)
    assert rate == str(price.tiers[0].input)


def test_before_the_first_dated_price_nothing_is_known():
    """A row whose first price has a date says nothing of the time before."""
    assert find_offer("openrouter", "qwen3.5-27b").price_at(date(2026, 11, 2)) is None


@pytest.mark.parametrize(
    ("gateway", "name", "labels"),
    [
        ("apiyi", "qwen3.6-flash", ["≤256K", "256K\N{EN DASH}1M"]),
        ("dashscope", "qwen3-max", ["≤32K", "32K\N{EN DASH}128K", "128K\N{EN DASH}252K"]),
        ("dashscope-intl", "qwen3.6-max-preview", ["≤128K", "128K\N{EN DASH}256K"]),
        ("openrouter", "qwen3.6-plus", ["≤256K", ">256K"]),
        ("apiyi", "qwen3.6-27b", ["flat"]),
    ],
)
def test_tiers_are_named_as_the_lists_print_them(gateway, name, labels):
    """A tier's label says its bounds in the units of the price lists."""
    offer = find_offer(gateway, name)
    assert labels == [tier.label for tier in offer.prices[0].tiers]


def test_a_bound_that_no_unit_fits_is_named_in_full(overlay):
    """Rounded it would name another tier."""
    tiers = 'tiers = [{ up_to = 1500, input = "1", output = "2" }, { input = "3", output = "4" }]'
    offer = overlay(OFFER + PRICE + tiers).offer("proxy", "qwen3.6-plus")
    assert [tier.label for tier in offer.prices[0].tiers] == ["≤1500", ">1500"]


def test_no_tier_is_cheaper_than_the_one_below():
    """Every rate rises with the tiers: the sum of a call is monotone in its tokens."""
    fallen = [
        (offer.gateway, offer.model.id, rate)
        for offer in PriceBook.bundled().offers.values()
        for price in offer.prices
        for low, high in pairwise(price.tiers)
        for rate in get_args(Rate)
        if getattr(high, rate) < getattr(low, rate)
    ]
    assert fallen == []


def test_every_figure_was_checked_and_says_where():
    """Every row has a source, and none was checked later than today (clocks differ by a day)."""
    book, tomorrow = PriceBook.bundled(), datetime.now(UTC).date() + timedelta(days=1)
    rows = [*book.models.values(), *(p for o in book.offers.values() for p in o.prices)]
    assert [row for row in rows if len(row.source) < 5 or row.checked > tomorrow] == []


def test_the_models_of_the_brief_all_have_rows():
    """All five Qwen3.6 models and their elders are in the catalogue."""
    elders = "qwen3.5-plus qwen3.5-plus-20260420 qwen3.5-flash qwen3-max qwen-plus qwen-flash"
    coders = "qwen3-coder-plus qwen3-coder-flash qwen3-coder-next qwq-plus qwen-long"
    new = "qwen3.6-plus qwen3.6-flash qwen3.6-max-preview qwen3.6-27b qwen3.6-35b-a3b"
    assert [name for name in f"{new} {elders} {coders}".split() if not find_model(name)] == []


class TestProfile:
    """LangChain's profile of a model."""

    def test_holds_keys_of_langchain_only(self):
        """No key is our own: LangChain warns of those."""
        assert set(profile_of(find_model("qwen3.6-plus"))) <= set(get_type_hints(ModelProfile))

    def test_of_a_snapshot_is_that_of_its_model(self):
        """A dated name is not downgraded to an empty profile."""
        assert profile_of(find_model("qwen3.6-plus-2026-04-02"))["max_input_tokens"] == 983_616

    def test_takes_the_window_where_no_input_limit_is_known(self):
        """Summarising middleware needs a number to take fractions of."""
        assert profile_of(find_model("qwen3.6-flash"))["max_input_tokens"] == 1_000_000

    @pytest.mark.parametrize("works", [True, False])
    def test_offers_structured_output_only_where_the_caller_says_so(self, works):
        """AutoStrategy reads this key: a wrong True is an error from the server."""
        profile = profile_of(find_model("qwen3-max"), structured_output=works)
        assert works == profile["structured_output"]

    def test_says_what_the_text_model_cannot_see(self):
        """qwen3.6-max-preview reads text only."""
        profile = profile_of(find_model("qwen3.6-max-preview"))
        assert (
            profile["text_inputs"],
            profile["image_inputs"],
            profile["video_inputs"],
        ) == (True, False, False)

    def test_leaves_out_what_is_not_known(self):
        """Whether qwen-long calls tools no source says."""
        assert "tool_calling" not in profile_of(find_model("qwen-long"))

    def test_of_an_unknown_model_is_empty(self):
        """Nothing is claimed of a model without a row."""
        assert profile_of(find_model("gpt-4o")) == {}


OFFER = """
[[offer]]
gateway = "proxy"
model = "qwen3.6-plus"
"""
PRICE = """
[[offer.price]]
currency = "EUR"
source = "our contract"
checked = 2026-11-21
"""
FLAT = 'tiers = [{ input = "1", output = "2" }]\n'


@pytest.fixture
def overlay(tmp_path: Path):
    """Write a user's file and read it as a price book."""

    def read(text: str) -> PriceBook:
        path = tmp_path / "prices.toml"
        path.write_text(text, "utf-8")
        return PriceBook.from_toml(path)

    return read


class TestOverlay:
    """A user's own rows over the bundled ones."""

    def test_adds_an_offer_of_a_known_model(self, overlay):
        """A price of the user's own proxy is found by any name of the model."""
        offer = overlay(OFFER + PRICE + FLAT).offer("proxy", "qwen/qwen3.6-plus")
        assert (offer.prices[0].currency, str(offer.prices[0].tiers[0].input)) == ("EUR", "1")

    def test_replaces_a_bundled_offer_whole(self, overlay):
        """The user's row is the only one of its gateway and model."""
        book = overlay(OFFER.replace("proxy", "apiyi") + PRICE + FLAT)
        assert [price.currency for price in book.offer("apiyi", "qwen3.6-plus").prices] == ["EUR"]

    def test_leaves_the_other_rows_and_the_bundled_book_alone(self, overlay):
        """An overlay is a new book."""
        book = overlay(OFFER.replace("proxy", "apiyi") + PRICE + FLAT)
        assert book.offer("apiyi", "qwen3.6-27b") == find_offer("apiyi", "qwen3.6-27b")
        assert find_offer("apiyi", "qwen3.6-plus").prices[0].currency == "USD"

    def test_may_bring_a_model_of_its_own(self, overlay):
        """A model newer than the package is a row in the user's file."""
        model = (
            '[[model]]\nid = "qwen4-plus"\naliases = ["Q4"]\nthinking = "on"\ninputs = ["text"]\n'
            'open_weights = false\nsource = "a page"\nchecked = 2026-11-21\n'
        )
        book = overlay(model + OFFER.replace("qwen3.6-plus", "qwen4-plus") + PRICE + FLAT)
        assert book.offer("proxy", "q4").model.id == "qwen4-plus"

    def test_fills_in_what_caching_costs_never_too_low(self, overlay):
        """With no word on caching a hit costs the input rate and a write 5/4 of it, derived."""
        tier = overlay(OFFER + PRICE + FLAT).offer("proxy", "qwen3.6-plus").prices[0].tiers[0]
        assert tuple(
            str(rate) for rate in (tier.cache_read, tier.cache_read_explicit, tier.cache_write)
        ) == ("1", "1", "1.25")
        assert tier.derived == {"cache_read", "cache_write", "cache_read_explicit"}

    def test_works_out_cache_rates_from_factors_where_none_is_printed(self, overlay):
        """A factor fills a gap and is marked; a printed rate stands as it is."""
        text = OFFER + PRICE + 'cache = { cache_read = "0.2", cache_read_explicit = "0.1" }\n'
        tiers = 'tiers = [{ input = "4", output = "2", cache_read = "3" }]\n'
        tier = overlay(text + tiers).offer("proxy", "qwen3.6-plus").prices[0].tiers[0]
        assert (str(tier.cache_read), str(tier.cache_read_explicit)) == ("3", "0.4")
        assert tier.derived == {"cache_read_explicit", "cache_write"}

    @pytest.mark.parametrize(
        "again",
        [
            pytest.param(copy.deepcopy, id="deepcopy"),
            pytest.param(lambda book: pickle.loads(pickle.dumps(book)), id="pickle"),  # noqa: S301
        ],
    )
    def test_survives_being_copied(self, overlay, again):
        """A model that carries a book may be pickled and deep-copied."""
        book = overlay(OFFER + PRICE + FLAT)
        assert book.offer("proxy", "qwen3.6-plus") == again(book).offer("proxy", "qwen3.6-plus")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("offer = [", ["prices.toml"], id="no-toml"),
        pytest.param("[prices]\nx = 1", ["`prices`", "unknown field"], id="unknown-table"),
        pytest.param("[offer]\nx = 1", ["`offer`", "expected a list"], id="table-for-a-list"),
        pytest.param(
            OFFER + 'vendor = "x"', ["offer 1 (proxy qwen3.6-plus)", "`vendor`"], id="key"
        ),
        pytest.param(
            OFFER.replace("plus", "pro"), ["qwen3.6-pro", "no [[model]] has this id"], id="model"
        ),
        pytest.param(
            OFFER + 'thinking = "maybe"', ["`thinking` = 'maybe'", "always"], id="literal"
        ),
        pytest.param(OFFER + PRICE, ["price 1", "`tiers` is missing"], id="no-tiers"),
        pytest.param(
            OFFER + PRICE.replace("EUR", "euro") + FLAT, ["`currency` = 'euro'"], id="cur"
        ),
        pytest.param(OFFER + PRICE.replace("source", "origin") + FLAT, ["`source`"], id="missing"),
        pytest.param(
            OFFER + PRICE.replace("2026-11-21", '"today"') + FLAT, ["`checked`", "date"], id="date"
        ),
        pytest.param(
            OFFER + PRICE + FLAT.replace('"1"', "1.0"), ["tiers 1", "`input` = 1.0"], id="float"
        ),
        pytest.param(
            OFFER + PRICE + FLAT.replace('"1"', '"-1"'),
            ["tiers 1", "`input` = '-1'"],
            id="negative",
        ),
        pytest.param(OFFER + PRICE + FLAT.replace('"1"', '"abc"'), ["`input` = 'abc'"], id="words"),
        pytest.param(OFFER + PRICE + FLAT.replace('"1"', '"NaN"'), ["`input` = 'NaN'"], id="nan"),
        pytest.param(OFFER + PRICE + FLAT.replace('"1"', '"inf"'), ["`input` = 'inf'"], id="inf"),
        pytest.param(
            OFFER + PRICE + FLAT.replace("output", "up_to = true, output"), ["`up_to`"], id="bool"
        ),
        pytest.param(
            OFFER + PRICE + FLAT.replace("}", ', derived = ["tax"] }'),
            ["`derived`"],
            id="rate-name",
        ),
        pytest.param(OFFER + PRICE + 'batch = "0"\n' + FLAT, ["`batch` = '0'"], id="zero-factor"),
        pytest.param(
            OFFER
            + PRICE
            + 'tiers = [{ up_to = 9, input = "1", output = "2" },'
            + ' { up_to = 9, input = "1", output = "2" }]',
            ["price 1", "tiers 2", "must rise"],
            id="tiers-do-not-rise",
        ),
        pytest.param(
            OFFER + PRICE + FLAT.replace("]", ', { input = "1", output = "2" }]'),
            ["tiers 2", "only the last may lack it"],
            id="two-open-tiers",
        ),
        pytest.param(
            OFFER + (PRICE + FLAT) * 2, ["offer 1 (proxy", "one price a day"], id="same-day-twice"
        ),
        pytest.param(
            OFFER
            + (PRICE + "valid_from = 2026-02-01\n" + FLAT)
            + (PRICE + "valid_from = 2026-01-01\n" + FLAT),
            ["`valid_from`", "must rise"],
            id="dates-fall",
        ),
        pytest.param(
            '[[model]]\nid = "x"\nthinking = "on"\ninputs = ["smell"]\nopen_weights = true\n'
            'source = "page"\nchecked = 2026-11-21\n',
            ["model 1 (x)", "`inputs`"],
            id="modality",
        ),
        pytest.param(
            '[[model]]\nid = "x"\nthinking = "on"\ninputs = "text"\n',
            ["model 1 (x)", "`inputs`", "expected a list"],
            id="text-for-a-list",
        ),
        pytest.param(
            '[[model]]\nid = "x"\nthinking = "on"\ninputs = ["text"]\nopen_weights = "yes"\n'
            'source = "page"\nchecked = 2026-11-21\n',
            ["model 1 (x)", "`open_weights`", "expected true or false"],
            id="text-for-a-flag",
        ),
        pytest.param(
            '[[model]]\nid = ""\nthinking = "on"\n',
            ["model 1", "`id`", "expected a text"],
            id="empty-text",
        ),
        pytest.param(
            (OFFER + PRICE + FLAT) * 2, ["offer 2 (proxy qwen3.6-plus)", "already"], id="row-twice"
        ),
        pytest.param(
            OFFER + 'id = "qwen3.6-flash"\n' + PRICE + FLAT, ["means both"], id="name-of-another"
        ),
    ],
)
def test_a_file_that_is_wrong_names_its_row_and_field(overlay, text, parts):
    """The error says which file, row and field, and what was expected there."""
    with pytest.raises(CatalogError) as caught:
        overlay(text)
    assert [part for part in parts if part not in str(caught.value)] == []
