"""Money as whole numbers of 10⁻¹² of its currency, which no database rounds."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from langchain_qwen36.pricing.money import Money

UNIT = Decimal(1).scaleb(-12)
_LARGEST = 2**63 - 1
"""What a column of 64 bits holds: 9.2 million of the currency."""


def units_of(amount: Decimal, *, round_up: bool = False) -> int:
    """Turn an amount of a currency into units; what is smaller than one is rounded.

    Raises:
        ValueError: The amount is beyond what a column of 64 bits holds.
    """
    rounding = ROUND_CEILING if round_up else ROUND_HALF_EVEN
    units = int((amount / UNIT).to_integral_value(rounding=rounding))
    if abs(units) > _LARGEST:
        raise ValueError(f"{amount:f} is more than a ledger can hold ({_LARGEST * UNIT:,.0f})")
    return units


def amount_of(units: int) -> Decimal:
    """Turn units into an amount of the currency."""
    return units * UNIT


def money_in(units: int, currency: str) -> Money:
    """Turn units into money."""
    return Money(amount_of(units), currency)
