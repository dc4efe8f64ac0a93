"""Our prices against the audit of 2026-11-28, figure by figure.

Sources: pi-ai 1.6.0 (a copy of the gateways' lists of 2026-11-20), litellm 1.110.2, and
@llmgateway/models 1.324.0 (2026-09-23), which checked the regions of Model Studio's price page.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from langchain_qwen36.catalog import find_offer

if TYPE_CHECKING:
    from decimal import Decimal

DAY = date(2026, 11, 28)

# gateway, model: input/output of each tier with its upper bound, then cache hit and write.
AUDIT = {
    ("dashscope-intl", "qwen3.6-35b-a3b"): "0.375/2.25",
    ("dashscope-us", "qwen3.6-plus"): "0.276/1.651 256000, 1.101/6.602 1000000",
    ("dashscope-eu", "qwen3.6-plus"): "0.276/1.651 256000, 1.101/6.602 1000000",
    ("dashscope-us", "qwen3.6-flash"): "0.165/0.99 256000, 0.66/3.961 1000000",
    ("dashscope-eu", "qwen3.6-flash"): "0.165/0.99 256000, 0.66/3.961 1000000",
    ("dashscope-us", "qwen3.6-35b-a3b"): "0.248/1.485",
    ("dashscope-us", "qwen-plus"): "0.115/0.287 256000, 0.345/0.861 1000000",
    ("dashscope-us", "qwen-flash"): "0.05/0.4 256000, 0.25/2 1000000",
    ("dashscope", "qwen3.5-397b-a17b"): "1.2/7.2 128000, 3/18 256000",
    ("dashscope", "qwen3-coder-flash"): "1/4 32000, 1.5/6 128000, 2.5/10 256000, 5/25 1000000",
    ("dashscope", "qwen3.6-flash"): "1.2/7.2 256000, 4.8/28.8 1000000",
    ("dashscope", "qwen3.6-35b-a3b"): "1.8/10.8",
    ("dashscope", "qwen3.7-plus"): "2/8 256000, 6/24 1000000",
    ("dashscope", "qwen3.7-flash"): "0.2/0.8 32000, 0.6/2.4 256000, 1.2/4.8 1000000",
    ("dashscope", "qwen3.8-max"): "12/36 1000000",
    ("dashscope", "qwen3.8-flash"): "0.8/2.7 1000000",
    ("openrouter", "qwen3.6-27b"): "0.32/3.2",
    ("openrouter", "qwen3.6-35b-a3b"): "0.1/0.9; 0.025",
    ("openrouter", "qwen3.5-27b"): "0.26/2.6",
    ("openrouter", "qwen3.5-35b-a3b"): "0.14/1; 0.05",
    ("openrouter", "qwen3.5-397b-a17b"): "0.45/3; 0.22",
    ("openrouter", "qwen3.7-max"): "1.475/4.425; 0.295 1.84375",
    ("openrouter", "qwen3.7-plus"): "0.32/1.28 256000, 0.96/3.84; 0.064 0.4",
    ("openrouter", "qwen4-max"): "1.425/4.275; 0.07125 1.78125",
    ("openrouter", "qwen3.8-27b"): "0.06/2.2; 0.059",
    ("vercel", "qwen3.6-plus"): "0.5/3 256000, 2/6 1000000; 0.05 0.625",
    ("vercel", "qwen3.6-35b-a3b"): "0.375/2.25",
    ("vercel", "qwen3-coder-next"): "0.5/1.2",
    ("vercel", "qwen3-max-thinking"): "1.2/6 32000, 2.4/12 128000, 3/15",
    ("vercel", "qwen4-max"): "1.5/4.5; 0.075 1.875",
    ("dashscope-intl", "qwen3.7-max"): "2.5/7.5 1000000; 0.5 3.125",
    ("dashscope-intl", "qwen3.7-plus"): "0.4/1.6 256000, 1.2/4.8 1000000; 0.08 0.5",
    ("dashscope-intl", "qwen3.7-flash"): "0.03/0.13 32000, 0.1/0.4 256000, 0.2/0.8 1000000; 0.006",
    ("dashscope-intl", "qwen3.8-max"): "2/6 1000000; 0.25 2.5",
    ("dashscope-intl", "qwen3.8-flash"): "0.15/0.47 1000000; 0.016 0.2",
    ("dashscope-intl", "qwen3-vl-plus"): "0.2/1.6 32000, 0.3/2.4 128000, 0.6/4.8 262144",
    ("deepinfra", "qwen3.6-27b"): "0.32/3.2",
    ("together", "qwen3.6-plus"): "0.5/3",
    ("novita", "qwen3.6-35b-a3b"): "0.248/1.485",
    ("siliconflow", "qwen3.6-35b-a3b"): "0.2/1.6",
    ("huggingface", "qwen3.6-27b"): "0.47/3.19",
    ("wandb", "qwen3.6-27b"): "0.6/3.6; 0.12",
    ("scaleway", "qwen3.6-35b-a3b"): "0.25/1.5",
    ("chutes", "qwen3.6-27b"): "0.3/2; 0.15",
}


def printed(gateway: str, model: str, wanted: str) -> str:
    """Our price of the day in the notation of the table, as far as the table goes."""
    price = find_offer(gateway, model).price_at(DAY)
    rates = ", ".join(
        f"{plain(tier.input)}/{plain(tier.output)}" + (f" {tier.up_to}" if tier.up_to else "")
        for tier in price.tiers
    )
    first = price.tiers[0]
    count = len(wanted.partition("; ")[2].split())
    cache = " ".join(plain(rate) for rate in (first.cache_read, first.cache_write)[:count])
    return f"{rates}; {cache}" if cache else rates


def plain(rate: Decimal) -> str:
    """Without zeros at the end."""
    return f"{rate.normalize():f}"


@pytest.mark.parametrize(("key", "wanted"), AUDIT.items(), ids=[" ".join(key) for key in AUDIT])
def test_a_price_is_the_audited_figure(key, wanted):
    """Every tier, its bound, and the cache rates that the audit gives."""
    assert wanted == printed(*key, wanted)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param(datetime(2026, 8, 14, 15, 59, tzinfo=UTC), "0.248", id="before"),
        pytest.param(datetime(2026, 8, 14, 16, 0, tzinfo=UTC), "0.375", id="midnight-in-china"),
        pytest.param(date(2026, 8, 15), "0.375", id="a-day-is-the-vendor's"),
    ],
)
def test_a_vendors_day_begins_at_its_own_midnight(moment, expected):
    """Model Studio's day begins at UTC+8: a price from the 15th holds from 16:00 UTC on."""
    price = find_offer("dashscope-intl", "qwen3.6-35b-a3b").price_at(moment)
    assert expected == str(price.tiers[0].input)


def test_a_price_in_doubt_says_so():
    """Where sources disagree the doubt stands in the row."""
    for model in ("qwen3-max", "qwen3.5-plus", "qwen3.5-flash"):
        assert "doubt" in find_offer("dashscope", model).price_at(DAY).note
