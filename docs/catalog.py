"""Write models.md, prices.md and the table of gateways.md from the catalogue.

Run with: python docs/catalog.py [LiteLLM's JSON of model prices]
"""

# ruff: noqa: INP001 (a program beside the pages)
from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.catalog.price_lists import compare, genai_prices, litellm
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_qwen36.catalog import Model, Offer
    from langchain_qwen36.catalog.price_lists import Comparison

HERE = Path(__file__).parent
_RULE = "|---|---|---|---|---|"
DAY = date(2026, 11, 28)
"""The day of the lists that are compared."""
VERDICTS = ("agrees", "differs", "no price here", "unknown model")
UNCONFIRMED = {
    *("deepinfra", "together", "novita", "siliconflow", "siliconflow-cn", "huggingface", "wandb"),
    *("scaleway", "modelscope", "chutes", "lmstudio"),
}
"""Gateways of which no response was recorded, and none could be called."""
RUNS = HERE.parent / "tests" / "servers" / "seen.json"
"""What real servers did in the tests' last kept run: tests/servers/server_table.py."""
CONFIRMED = {"vllm": "vllm-xml", "llamacpp": "llamacpp-xml"}
"""Gateways that are servers, and the run that confirmed them."""


def models_page() -> str:
    """Write which families are served, and every model of them."""
    families: dict[str, list[Model]] = defaultdict(list)
    for model in PriceBook.bundled().models.values():
        families[model.family or "other"].append(model)
    lines = [
        "# Models",
        "",
        "`ChatQwen36` is named after Qwen3.6, for which it was begun; it serves these families. A",
        "model that is not here goes through as it is written, without profile and price.",
        "`ChatQwen36.list_models(gateway=…)` asks the gateway itself.",
        "",
        "A retired model still prices old bills; a call of it is logged once with its successor.",
    ]
    for family in sorted(families, reverse=True):
        lines += [
            "",
            f"## {family}",
            "",
            "| model | context | takes | thinking | |",
            _RULE,
        ]
        lines += [_model_row(model) for model in families[family]]
    return "\n".join(lines) + "\n"


def _model_row(model: Model) -> str:
    window = f"{model.context_window:,}" if model.context_window else ""
    notes = "open weights" if model.open_weights else ""
    if model.retired:
        notes = f"retired {model.retired}: {model.successor}"
    return f"| `{model.id}` | {window} | {', '.join(model.inputs)} | {model.thinking} | {notes} |"


def prices_page(litellm_counts: str) -> str:
    """Write how our lists compare with others, and the price of every offer."""
    book = PriceBook.bundled()
    genai = compare(book, genai_prices(DAY), DAY)
    lines = [
        "# Prices",
        "",
        "Rates of the first tier per 1M tokens on 2026-11-28; tiers, cache rates, sources and the",
        "day on which each was checked stand in `langchain_qwen36/data/offers/`.",
        "`python -m langchain_qwen36 prices check` compares them with `genai-prices` as installed,",
        "and with LiteLLM's or models.dev's JSON that you give it; it prints a diff to review and",
        "writes only with `--write`.",
        "",
        "## Compared with other lists",
        "",
        "| list | agrees | differs | no price here | unknown model |",
        _RULE,
        counts_row("genai-prices 0.2.3", genai),
        litellm_counts,
        "",
        "Prices of genai-prices that differ are of an older list of the same gateway; the newest",
        "that was read is booked.",
    ]
    offers: dict[str, list[Offer]] = defaultdict(list)
    for offer in book.offers.values():
        offers[offer.gateway].append(offer)
    for gateway, sold in offers.items():
        lines += ["", f"## {gateway}", "", "| model | in | out | cache hit | |", _RULE]
        lines += filter(None, map(_price_row, sold))
    return "\n".join(lines) + "\n"


def counts_row(name: str, found: Iterable[Comparison]) -> str:
    """Write how many prices of a list agree with ours, and how many do not."""
    counts = Counter(comparison.verdict for comparison in found)
    return f"| {name} | " + " | ".join(str(counts[verdict]) for verdict in VERDICTS) + " |"


def _price_row(offer: Offer) -> str | None:
    price = offer.price_at(DAY)
    if price is None:
        return None
    tier = price.tiers[0]
    notes = [f"{len(price.tiers)} tiers" if len(price.tiers) > 1 else "", price.note or ""]
    if "input" in tier.derived:
        notes.insert(0, "derived")
    hit = "" if "cache_read" in tier.derived else f"{tier.cache_read:f}"
    rates = f"{tier.input:f} | {tier.output:f} {price.currency} | {hit}"
    return f"| `{offer.model.id}` | {rates} | {'; '.join(filter(None, notes))} |"


def gateway_table() -> str:
    """Write the table of gateways.md: key, base URL variable, and the switch for thinking."""
    lines = [
        "| `gateway=` | key | base URL, if not its own | thinking is sent as | |",
        _RULE,
    ]
    runs = json.loads(RUNS.read_text("utf-8"))
    for gateway in GATEWAYS.values():
        key = " or ".join(f"`{name}`" for name in gateway.key_env[:1]) or "none"
        if gateway.key_env and not gateway.needs_key:
            key += ", if it has one"
        notes = {"plan": "a plan: no price in money", "batch": "half price, within an hour"}
        note = notes.get(gateway.billing, "")
        if gateway.name in UNCONFIRMED:
            note = "not confirmed live"
        if run := runs.get(CONFIRMED.get(gateway.name, "")):
            note = f"[confirmed](servers.md) by {run['version']}, {run['date']}"
        variables = " or ".join(f"`{name}`" for name in gateway.base_url_env[:1])
        switch = "not known" if gateway.thinking == "unsupported" else f"`{gateway.thinking}`"
        lines.append(f"| `{gateway.name}` | {key} | {variables} | {switch} | {note} |")
    return "\n".join(lines)


def main() -> None:
    """Write the pages; LiteLLM's row is kept where its file is not given."""
    (HERE / "models.md").write_text(models_page(), "utf-8")
    path = HERE / "prices.md"
    if len(sys.argv) > 1:
        data = json.loads(Path(sys.argv[1]).read_text("utf-8"))
        row = counts_row(
            "LiteLLM 1.110.2", compare(PriceBook.bundled(), litellm(data, "LiteLLM"), DAY)
        )
    else:
        row = litellm_row(path.read_text("utf-8"))
    path.write_text(prices_page(row), "utf-8")
    page = HERE / "gateways.md"
    table = re.compile(r"^\| `gateway=`.*?\n(?=\n)", re.MULTILINE | re.DOTALL)
    text = table.sub(lambda _: gateway_table() + "\n", page.read_text("utf-8"), count=1)
    page.write_text(text, "utf-8")


def litellm_row(page: str) -> str:
    """Return LiteLLM's counts as the page has them: its file is not in the repository."""
    return next(line for line in page.splitlines() if line.startswith("| LiteLLM"))


if __name__ == "__main__":
    main()
