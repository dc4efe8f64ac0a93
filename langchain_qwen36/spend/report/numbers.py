"""Numbers as a reader wants them: few digits, and never more than are known."""

from __future__ import annotations

from decimal import Decimal

from langchain_qwen36.pricing.units import amount_of

_CENT = Decimal("0.01")


def money(units: int, currency: str) -> str:
    """`1,234.56 USD`; below one cent with two digits that are not 0."""
    return digits(amount_of(units)) + f" {currency}"


def digits(amount: Decimal) -> str:
    """Two decimals, or two digits that are not 0 where it is less than a cent."""
    if amount == 0 or abs(amount) >= _CENT:
        return f"{amount:,.2f}"
    return f"{amount:.{1 - amount.adjusted()}f}"


def count(number: int) -> str:
    """`1,234`, `1.2M`, `3.4B`."""
    for size, letter in ((10**9, "B"), (10**6, "M")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return f"{number:,}"


def percent(share: float) -> str:
    """`12 %`; `<1 %` for what is more than nothing."""
    return "<1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")  # noqa: PLR2004


def change(share: float | None) -> str:
    """`+12 %`, `-3 %`; empty where nothing was before."""
    if share is None:
        return ""
    return f"{share:+.0%}".replace("%", " %") if abs(share) >= 0.005 else "0 %"  # noqa: PLR2004
