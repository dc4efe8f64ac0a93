"""A sum of money that calls may cost, and the refusal of the call after it is spent (P47)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Budget:
    """So much money of one currency, and the share of it at which to warn."""

    limit: Money
    warn_at: float | None = None

    def __post_init__(self) -> None:
        if self.limit.amount <= 0:
            raise ValueError(f"`budget={str(self.limit)!r}` must be above 0: no call could be made")
        if self.warn_at is not None and not 0 < self.warn_at <= 1:
            raise ValueError(
                f"`warn_at={self.warn_at!r}` must be a share of the budget, above 0 and at most 1"
            )

    @classmethod
    def of(cls, budget: str | Money | None, warn_at: float | None) -> Budget | None:
        """Read a handler's `budget=` and `warn_at=`.

        Raises:
            ValueError: They are no amount and share, or there is a share of nothing.
        """
        if budget is None:
            if warn_at is not None:
                raise ValueError("`warn_at=` is a share of `budget=`, which is missing")
            return None
        return cls(Money.parse(budget) if isinstance(budget, str) else budget, warn_at)

    def warns(self, spent: Mapping[str, Decimal]) -> bool:
        """Whether so much is spent that a warning is due."""
        return self.warn_at is not None and self._spent(spent) >= self.limit.amount * Decimal(
            str(self.warn_at)
        )

    def check(self, spent: Mapping[str, Decimal]) -> None:
        """Refuse the next call when the budget is spent, or cannot be held.

        Money of another currency cannot be counted, and a limit that leaks is none: from then
        on calls are refused too.

        Raises:
            BudgetExceededError: The next call must not be made.
        """
        currency = self.limit.currency
        others = {name: cost for name, cost in spent.items() if cost and name != currency}
        foreign = [str(Money(cost, name)) for name, cost in others.items()]
        if foreign:
            raise BudgetExceededError(
                f"Calls cost {' and '.join(foreign)}, which a budget in {currency} cannot count; "
                "the call was not made. Give the budget in the currency that the gateway charges."
            )
        if self._spent(spent) >= self.limit.amount:
            raise BudgetExceededError(
                f"The budget of {self.limit} is spent ({Money(self._spent(spent), currency)}); "
                "the call was not made. Use a handler with a larger `budget=` to go on."
            )

    def _spent(self, spent: Mapping[str, Decimal]) -> Decimal:
        return spent.get(self.limit.currency, Decimal(0))
