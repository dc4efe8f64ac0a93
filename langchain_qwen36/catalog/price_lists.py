"""Read price lists of others, and compare ours with them.

Three lists are known: the installed `genai-prices`, LiteLLM's JSON and models.dev's JSON. Each
gives input, output and cache rates per 1M tokens, mostly of the first tier only, so that is
compared. A difference is a question, not an error: lists are read on different days.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from langchain_qwen36.catalog.models import Offer
    from langchain_qwen36.catalog.price import Tier
    from langchain_qwen36.catalog.price_book import PriceBook

Verdict = Literal["agrees", "differs", "no price here", "unknown model"]


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A model's rates at a gateway in another list, in USD per 1M tokens."""

    source: str
    gateway: str
    id: str
    """The model in that list's spelling."""
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A price of another list beside ours of the same day."""

    listed: ListedPrice
    offer: Offer | None
    tier: Tier | None
    verdict: Verdict


def compare(book: PriceBook, prices: Iterable[ListedPrice], day: date) -> list[Comparison]:
    """Compare our first tiers of a day with the prices of another list."""
    return [_compare(book, listed, day) for listed in prices]


def _compare(book: PriceBook, listed: ListedPrice, day: date) -> Comparison:
    offer = book.offer(listed.gateway, listed.id)
    price = offer.price_at(day) if offer else None
    if price is None or price.currency != "USD":
        known = book.model(listed.id) is not None
        return Comparison(listed, offer, None, "no price here" if known else "unknown model")
    tier = price.tiers[0]
    return Comparison(listed, offer, tier, "agrees" if _is_same(tier, listed) else "differs")


def _is_same(tier: Tier, listed: ListedPrice) -> bool:
    """Return whether the rates agree; a cache rate that one of the lists lacks is ignored."""
    hits = {tier.cache_read, tier.cache_read_explicit}
    cached = listed.cache_read is None or "cache_read" in tier.derived or listed.cache_read in hits
    return (tier.input, tier.output) == (listed.input, listed.output) and cached


def _gateways(price_list: str) -> dict[str, str]:
    """Return our gateways' names by a price list's names of providers."""
    text = (files("langchain_qwen36") / "data" / "price_lists.toml").read_text("utf-8")
    names: dict[str, str] = tomllib.loads(text)[price_list]
    return names


def genai_prices(day: date) -> Iterator[ListedPrice]:
    """Read the installed package `genai-prices`, at the prices of a day.

    Raises:
        ImportError: The package is not installed.
    """
    import genai_prices as package  # noqa: PLC0415 (a tool of the command line, not of a call)
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    gateways = _gateways("genai_prices")
    source = f"genai-prices {getattr(package, '__version__', '')}".strip()
    for provider in get_snapshot().providers:
        gateway = gateways.get(provider.id)
        for model in provider.models if gateway else ():
            if gateway and _is_qwen(model.id):
                yield from _genai_price(source, gateway, model, day)


def _genai_price(source: str, gateway: str, model: Any, day: date) -> Iterator[ListedPrice]:
    rates = model.prices
    if isinstance(rates, list):
        held = [
            each
            for each in rates
            if getattr(each.constraint, "start_date", None) is None
            or each.constraint.start_date <= day
        ]
        rates = held[-1].prices if held else None
    if rates is not None and rates.input_mtok is not None and rates.output_mtok is not None:
        yield ListedPrice(
            source,
            gateway,
            model.id,
            _base(rates.input_mtok) or Decimal(0),
            _base(rates.output_mtok) or Decimal(0),
            _base(rates.cache_read_mtok),
        )


def _base(rate: Any) -> Decimal | None:
    """Return a rate, or the first of its tiers."""
    return None if rate is None else Decimal(str(getattr(rate, "base", rate)))


def litellm(data: Mapping[str, Any], source: str) -> Iterator[ListedPrice]:
    """Read LiteLLM's `model_prices_and_context_window.json`."""
    gateways = _gateways("litellm")
    for key, row in data.items():
        gateway = gateways.get(row.get("litellm_provider", ""))
        tiers = row.get("tiered_pricing") or [{}]
        rates = {**row, **tiers[0]}
        if gateway and _is_qwen(key) and rates.get("input_cost_per_token"):
            yield ListedPrice(
                source,
                gateway,
                key.partition("/")[2],
                _per_million(rates["input_cost_per_token"]),
                _per_million(rates.get("output_cost_per_token") or 0),
                _maybe(rates.get("cache_read_input_token_cost"), _per_million),
            )


def models_dev(data: Mapping[str, Any], source: str) -> Iterator[ListedPrice]:
    """Read models.dev's `api.json`."""
    for name, gateway in _gateways("models_dev").items():
        for key, row in data.get(name, {}).get("models", {}).items():
            cost = row.get("cost") or {}
            if _is_qwen(key) and cost.get("input"):
                yield ListedPrice(
                    source,
                    gateway,
                    key,
                    _exact(cost["input"]),
                    _exact(cost.get("output") or 0),
                    _maybe(cost.get("cache_read"), _exact),
                )


def _is_qwen(name: str) -> bool:
    return "qwen" in name.lower() or "qwq" in name.lower()


def _maybe(value: Any, read: Any) -> Decimal | None:
    return None if value is None else read(value)


def _exact(value: Any) -> Decimal:
    return Decimal(str(value))


def _per_million(value: Any) -> Decimal:
    """Parse a JSON float such as 1.4850000000000002e-06 as the number that was printed."""
    return (Decimal(str(value)) * 1_000_000).quantize(Decimal("1.000000")).normalize()
