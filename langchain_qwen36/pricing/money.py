"""Exact amounts of a currency; dollars and yuan are never added (docs/quirks.md#currencies)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class CurrencyError(ValueError):
    """Amounts of two currencies were to be added or compared."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency."""

    amount: Decimal
    """The amount in units of the currency, not in cents."""
    currency: str
    """The currency's code, such as `USD`."""

    @classmethod
    def parse(cls, text: str) -> Money:
        """Parse an amount such as `"0.50 USD"`.

        Raises:
            ValueError: The text is no amount with a currency.
        """
        match str(text).split():  # a bare number is told what is missing
            case [amount, currency] if currency.isalpha() and currency.isupper():
                if (value := parse_decimal(amount)) is not None:
                    return cls(value, currency)
        raise ValueError(f'{text!r} is no amount of money; write it like "0.50 USD"')

    @classmethod
    def of(cls, value: str | Money) -> Money:
        """Return an amount as it is, or parse it; a number without its currency is refused.

        Raises:
            ValueError: The value is no amount with a currency.
        """
        return value if isinstance(value, Money) else cls.parse(value)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._like(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._like(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._like(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._like(other)

    def __str__(self) -> str:
        """Return plain digits, never an exponent, without trailing zeros: `0.000345 USD`."""
        return f"{self.amount.normalize():f} {self.currency}"

    def _like(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise CurrencyError(
                f"{self} and {other} cannot be added or compared: keep a sum per currency, "
                "as `totals` does"
            )
        return other.amount


def parse_decimal(value: object) -> Decimal | None:
    """Parse a number or a decimal text as it prints, so 0.85 is 0.85; None: no finite number."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def sum_of(amounts: Iterable[Money]) -> Money:
    """Add amounts of one currency; there must be at least one.

    Raises:
        CurrencyError: The amounts are of several currencies.
    """
    return reduce(add, amounts)


def totals(amounts: Iterable[Money]) -> dict[str, Decimal]:
    """Return the sum of each currency; an empty dict for no amounts."""
    sums: dict[str, Decimal] = {}
    for money in amounts:
        sums[money.currency] = sums.get(money.currency, Decimal(0)) + money.amount
    return sums
