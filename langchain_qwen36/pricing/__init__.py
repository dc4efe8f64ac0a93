"""Convert usage to money: exact, explained, and None if a price is not known."""

from __future__ import annotations

from langchain_qwen36.pricing.cost_record import CostRecord, cost_record, money_of, sum_records
from langchain_qwen36.pricing.list_price import (
    BilledTokens,
    Cost,
    UsageError,
    cache_type_of,
    cost,
    plugin_calls_of,
)
from langchain_qwen36.pricing.money import CurrencyError, Money, totals
from langchain_qwen36.pricing.next_tier import NextTier, next_tier
from langchain_qwen36.pricing.price_call import price_call
from langchain_qwen36.pricing.reported_cost import Reported, reported_cost

__all__ = [
    "BilledTokens",
    "Cost",
    "CostRecord",
    "CurrencyError",
    "Money",
    "NextTier",
    "Reported",
    "UsageError",
    "cache_type_of",
    "cost",
    "cost_record",
    "money_of",
    "next_tier",
    "plugin_calls_of",
    "price_call",
    "reported_cost",
    "sum_records",
    "totals",
]
