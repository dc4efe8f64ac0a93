"""Convert sums of days to charges of FOCUS, the FinOps Open Cost and Usage Specification.

https://focus.finops.org/focus-specification/ has the versions. A column is written if the version
has it and a ledger can fill it truthfully: one row has input and output tokens at several rates, so
that it has no unit price.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from langchain_qwen36.pricing.units import amount_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_qwen36.spend.rows import Row

FocusVersion = Literal["1.0", "1.2", "1.3"]

_1_2 = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SubAccountId",
    "SubAccountName",
    "Tags",
)
_UNIT_PRICES = ("ContractedUnitPrice", "ListUnitPrice", "RegionId", "SkuPriceId")
"""Columns that are empty here; 1.0 had them from the first release on."""
_LATER_THAN_1_0 = frozenset({"InvoiceId", "ResourceType", "ServiceSubcategory", "SkuMeter"})

COLUMNS: Mapping[FocusVersion, tuple[str, ...]] = {
    "1.0": tuple(sorted({*_1_2, *_UNIT_PRICES} - _LATER_THAN_1_0)),
    "1.2": _1_2,
    "1.3": tuple(sorted({*_1_2, "HostProviderName", "ServiceProviderName"})),
}
"""Columns of each version, in the order of their names, as the specification asks."""
NEWEST: FocusVersion = "1.3"
_TAGS = {"user": "user_id", "team": "team", "agent": "agent", "tool": "tool"}


def charges(rows: Iterable[Row]) -> Iterable[dict[str, Any]]:
    """Convert sums of days to charges, by day, model, user, team, agent and tool."""
    for row in rows:
        cost, tokens = _digits(row["cost"]), row["input_tokens"] + row["output_tokens"]
        # If a gateway reported what it charged, the price list has another amount.
        listed = _digits(row["cost"] - row["reported_cost"] + row["listed_cost"])
        gateway, model, team = row["gateway"] or "unknown", row["model"] or None, row["team"]
        yield {
            **_periods(date.fromisoformat(row["day"])),
            "BilledCost": cost,
            "BillingAccountId": gateway,
            "BillingCurrency": row["currency"] or None,
            "ChargeCategory": "Usage",
            "ChargeDescription": f"{row['calls']} calls of {model or 'an unknown model'}",
            "ChargeFrequency": "Usage-Based",
            "ConsumedQuantity": tokens,
            "ConsumedUnit": "Tokens",
            "ContractedCost": cost,
            "EffectiveCost": cost,
            "HostProviderName": gateway,
            "InvoiceIssuerName": gateway,
            "ListCost": listed,
            "PricingCategory": "Standard",
            "PricingQuantity": tokens,
            "PricingUnit": "Tokens",
            "ProviderName": gateway,
            "PublisherName": "Alibaba Cloud",
            "ResourceId": model,
            "ResourceName": model,
            "ResourceType": "Model" if model else None,
            "ServiceCategory": "AI and Machine Learning",
            "ServiceName": "Qwen",
            "ServiceProviderName": gateway,
            "ServiceSubcategory": "Generative AI",
            "SkuId": model,
            "SkuMeter": "Tokens" if model else None,
            "SubAccountId": team or None,
            "SubAccountName": team or None,
            "Tags": json.dumps({kind: row[c] for kind, c in _TAGS.items() if row[c]}),
        }


def _periods(day: date) -> dict[str, str]:
    first = day.replace(day=1)
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return {
        "BillingPeriodStart": _midnight(first),
        "BillingPeriodEnd": _midnight(following),
        "ChargePeriodStart": _midnight(day),
        "ChargePeriodEnd": _midnight(day + timedelta(days=1)),
    }


def _digits(units: int) -> str:
    return f"{amount_of(units).normalize():f}"


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat().replace("+00:00", "Z")
