"""Round numbers for display; never show more precision than the data has."""

from __future__ import annotations

from decimal import Decimal

from langchain_qwen36.pricing.units import amount_of

_CENT = Decimal("0.01")


def money(units: int, currency: str) -> str:
    """Return `1,234.56 USD`; an amount below one cent gets two significant digits."""
    return digits(amount_of(units)) + f" {currency}"


def digits(amount: Decimal) -> str:
    """Return the amount with two decimals, or two significant digits below one cent."""
    if amount == 0 or abs(amount) >= _CENT:
        return f"{amount:,.2f}"
    return f"{amount:.{1 - amount.adjusted()}f}"


def count(number: int) -> str:
    """Return `1,234`, `1.2M`, `3.4B`."""
    for size, letter in ((10**9, "B"), (10**6, "M")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return f"{number:,}"


def percent(share: float) -> str:
    """Return `12 %`; `<1 %` for a share above 0 and below 1 %."""
    return "<1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")  # noqa: PLR2004


def change(share: float | None) -> str:
    """Return `+12 %`, `-3 %`; an empty text if there is nothing to compare with."""
    if share is None:
        return ""
    return f"{share:+.0%}".replace("%", " %") if abs(share) >= 0.005 else "0 %"  # noqa: PLR2004
