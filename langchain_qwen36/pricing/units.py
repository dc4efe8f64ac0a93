"""Convert money to whole numbers of 10⁻¹² of its currency, which no database rounds, and back."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from langchain_qwen36.pricing.money import Money

UNIT = Decimal(1).scaleb(-12)
_LARGEST = 2**63 - 1
"""The largest number in a column of 64 bits: 9.2 million of the currency."""


def units_of(amount: Decimal, *, round_up: bool = False) -> int:
    """Convert an amount of a currency to units; a fraction of a unit is rounded.

    Raises:
        ValueError: The amount does not fit a column of 64 bits.
    """
    rounding = ROUND_CEILING if round_up else ROUND_HALF_EVEN
    units = int((amount / UNIT).to_integral_value(rounding=rounding))
    if abs(units) > _LARGEST:
        raise ValueError(f"{amount:f} is more than a ledger can hold ({_LARGEST * UNIT:,.0f})")
    return units


def amount_of(units: int) -> Decimal:
    """Convert units to an amount of the currency."""
    return units * UNIT


def money_in(units: int, currency: str) -> Money:
    """Convert units to money."""
    return Money(amount_of(units), currency)
