"""The command `prices check`: our lists beside those that others keep."""

from __future__ import annotations

import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import langchain_qwen36
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.catalog.parse import read
from langchain_qwen36.catalog.price_lists import compare, genai_prices, litellm, models_dev
from langchain_qwen36.cli import main

DAY = date(2026, 11, 28)
OFFERS = Path(langchain_qwen36.__file__).parent / "data" / "offers"


def row(**rates: object) -> dict[str, object]:
    """Return a row of LiteLLM's JSON for OpenRouter."""
    return {"litellm_provider": "openrouter", "mode": "chat", **rates}


@pytest.mark.parametrize(
    ("key", "rates", "verdict"),
    [
        pytest.param(
            "openrouter/qwen/qwen3.6-plus",
            {"input_cost_per_token": 3.25e-07, "output_cost_per_token": 1.95e-06},
            "agrees",
            id="same",
        ),
        pytest.param(
            "openrouter/qwen/qwen3.6-plus",
            {"input_cost_per_token": 4e-07, "output_cost_per_token": 1.95e-06},
            "differs",
            id="another-input-rate",
        ),
        pytest.param(
            "openrouter/qwen/qwen9",
            {"input_cost_per_token": 1e-07, "output_cost_per_token": 1e-06},
            "unknown model",
            id="a-model-we-do-not-know",
        ),
        pytest.param(
            "openrouter/qwen/qwen-mt-plus",
            {"input_cost_per_token": 1e-07, "output_cost_per_token": 1e-06},
            "no price here",
            id="a-model-without-a-price-here",
        ),
    ],
)
def test_a_price_of_litellm_is_compared_exactly(key, rates, verdict):
    """Floats mean the number that was printed: 3.25e-07 is 0.325 per million."""
    [found] = compare(PriceBook.bundled(), litellm({key: row(**rates)}, "LiteLLM"), DAY)
    assert verdict == found.verdict


def test_models_dev_is_read_by_provider_and_model():
    """Its prices are per million already."""
    data = {
        "openrouter": {"models": {"qwen/qwen3.6-plus": {"cost": {"input": 0.325, "output": 1.95}}}}
    }
    [found] = compare(PriceBook.bundled(), models_dev(data, "models.dev"), DAY)
    assert (found.verdict, found.listed.output) == ("agrees", Decimal("1.95"))


@pytest.fixture
def dear(tmp_path):
    """Return a folder of offers, and a file of LiteLLM's in which one price differs."""
    (tmp_path / "openrouter.toml").write_text(
        (OFFERS / "openrouter.toml").read_text("utf-8"), "utf-8"
    )
    rates = {"input_cost_per_token": 9e-07, "output_cost_per_token": 9e-06}
    file = tmp_path / "litellm.json"
    file.write_text(json.dumps({"openrouter/qwen/qwen3.6-plus": row(**rates)}), "utf-8")
    return tmp_path, file


def test_a_difference_is_printed_as_a_diff_and_nothing_is_written(dear, capsys):
    """The proposal is reviewed first: the file stays as it is."""
    folder, file = dear
    before = (folder / "openrouter.toml").read_text("utf-8")
    assert main(["prices", "check", "--litellm", str(file), "--data", str(folder)]) == 1
    out = capsys.readouterr().out
    assert '+tiers = [{ up_to = 256_000, input = "0.9", output = "9" }]' in out
    assert before == (folder / "openrouter.toml").read_text("utf-8")


def test_write_appends_a_dated_price_that_reads_back(dear):
    """The older price stays for the bills of its time, and the file is still a catalogue."""
    folder, file = dear
    main(["prices", "check", "--litellm", str(file), "--data", str(folder), "--write"])
    text = (folder / "openrouter.toml").read_text("utf-8")
    offers = read(text, "openrouter.toml").offers(PriceBook.bundled().models)
    offer = next(offer for offer in offers if offer.model.id == "qwen3.6-plus")
    assert [str(price.tiers[0].input) for price in offer.prices] == ["0.325", "0.9"]


def test_without_any_list_it_says_how_to_get_one(monkeypatch, capsys):
    """Nothing that was compared is no success."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert main(["prices", "check"]) == 2
    assert "`pip install genai-prices`" in capsys.readouterr().err


# What the installed package says otherwise, by model: its list is older than ours there.
OLDER_IN_GENAI_PRICES = 15


def test_the_installed_genai_prices_differs_where_its_list_is_older():
    """A new difference, or one that is gone, is to be looked at: `prices check` prints it."""
    found = compare(PriceBook.bundled(), genai_prices(DAY), DAY)
    differing = [each for each in found if each.verdict == "differs"]
    assert len(differing) <= OLDER_IN_GENAI_PRICES, [each.listed for each in differing]
    assert sum(each.verdict == "agrees" for each in found) >= 40
