"""Decide by a budget whether a call may be sent, and refuse it if not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NoReturn

from langchain_qwen36.callbacks.holds import Hold
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing import Money
from langchain_qwen36.pricing.units import units_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36.callbacks.holds import PendingCall

Unpriced = str
"""What a budget does with a call whose cost cannot be known: `refuse` it, `allow` it uncounted, or
charge it an amount such as `"0.02 USD"`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount of money in one currency, and the share of it at which to warn."""

    limit: Money
    warn_at: float | None = None
    unpriced: Literal["refuse", "allow"] | Money = "refuse"

    def __post_init__(self) -> None:
        if self.limit.amount <= 0:
            raise ValueError(f"`budget={str(self.limit)!r}` must be above 0: no call could be made")
        units_of(self.limit.amount)  # raises if the amount is too large to count
        if self.warn_at is not None and not 0 < self.warn_at <= 1:
            raise ValueError(
                f"`warn_at={self.warn_at!r}` must be a share of the budget, above 0 and at most 1"
            )
        if isinstance(self.unpriced, Money) and self.unpriced.currency != self.limit.currency:
            raise ValueError(
                f"`unpriced={str(self.unpriced)!r}` must be in {self.limit.currency}, as `budget=`"
            )

    @classmethod
    def of(
        cls,
        budget: str | Money | None,
        warn_at: float | None,
        unpriced: Unpriced | Money = "refuse",
    ) -> Budget | None:
        """Parse a handler's `budget=`, `warn_at=` and `unpriced=`.

        Raises:
            ValueError: A value has the wrong form, or there is a share without a budget.
        """
        treatment = _parse_unpriced(unpriced)
        if budget is None:
            if warn_at is not None:
                raise ValueError("`warn_at=` is a share of `budget=`, which is missing")
            return None
        return cls(Money.of(budget), warn_at, treatment)

    def warns(self, spent: Mapping[str, Decimal]) -> bool:
        """Return whether the spent amount calls for a warning."""
        return self.warn_at is not None and self._in(spent) >= self.limit.amount * Decimal(
            str(self.warn_at)
        )

    def check(self, spent: Mapping[str, Decimal]) -> None:
        """Refuse the next call if the budget is spent, or cannot be checked.

        Money of another currency cannot be counted, so once some was spent calls are refused too.

        Raises:
            BudgetExceededError: The next call must not be made.
        """
        currency = self.limit.currency
        others = {name: cost for name, cost in spent.items() if cost and name != currency}
        if others:
            self._refuse_foreign(
                " and ".join(str(Money(cost, name)) for name, cost in others.items())
            )
        if self._in(spent) >= self.limit.amount:
            raise BudgetExceededError(
                f"The budget of {self.limit} is spent ({Money(self._in(spent), currency)}); "
                "the call was not made. Use a larger `budget=` to go on."
            )

    def admit(
        self,
        call: PendingCall,
        spent: Mapping[str, Decimal],
        held: Mapping[str, Decimal],
        unpriced_before: str | None = None,
    ) -> Money | None:
        """Decide whether a call may be sent, and how much to hold for it.

        Args:
            call: The call, with its estimated cost.
            spent: Cost of ended calls, by currency.
            held: Amounts held for calls in flight, by currency.
            unpriced_before: A model whose call ended without a known price.

        Returns:
            The amount to hold; None: nothing can be held, but the call may be sent.

        Raises:
            BudgetExceededError: The call must not be sent; the message names the model and the fix.
        """
        self.check(spent)
        hold = call.hold
        if hold is None and isinstance(self.unpriced, Money):
            hold = Hold(self.unpriced, self.unpriced)
        left = self.limit.amount - self._in(spent) - self._in(held)
        if hold is None:
            if self.unpriced == "refuse" and (unpriced_before or not call.is_reported):
                raise BudgetExceededError(_unpriced_message(call, self.limit))
            if left <= 0:
                raise BudgetExceededError(self._full_message(call, None, spent, held))
            return None
        if hold.likely.amount and hold.likely.currency != self.limit.currency:
            self._refuse_foreign(f"about {hold.likely}")
        is_untouched = left == self.limit.amount
        if hold.likely.amount > left and not (is_untouched and hold.certain.amount <= left):
            raise BudgetExceededError(self._full_message(call, hold.likely, spent, held))
        return Money(min(hold.likely.amount, left), self.limit.currency)

    def check_next(
        self, model: str, spent: Mapping[str, Decimal], held: Mapping[str, Decimal]
    ) -> None:
        """Refuse another request of a running call; `held` includes the call's hold.

        Raises:
            BudgetExceededError: The hold of the request does not fit beside what was spent.
        """
        self.check(spent)
        if self._in(spent) + self._in(held) > self.limit.amount:
            raise BudgetExceededError(
                f"The budget of {self.limit} cannot bear another request of the call of {model} "
                f"({Money(self._in(spent), self.limit.currency)} spent, "
                f"{Money(self._in(held), self.limit.currency)} held), which was not sent. "
                "Use a larger `budget=`, or fewer calls at once."
            )

    def _in(self, sums: Mapping[str, Decimal]) -> Decimal:
        return sums.get(self.limit.currency, Decimal(0))

    def _refuse_foreign(self, amount: str) -> NoReturn:
        raise BudgetExceededError(
            f"Calls cost {amount}, which a budget in {self.limit.currency} cannot count; "
            "the call was not made. Give the budget in the currency that the gateway charges."
        )

    def _full_message(
        self,
        call: PendingCall,
        likely: Money | None,
        spent: Mapping[str, Decimal],
        held: Mapping[str, Decimal],
    ) -> str:
        currency = self.limit.currency
        used = f"{Money(self._in(spent), currency)} spent"
        if self._in(held):
            used += f" and {Money(self._in(held), currency)} held by calls that are running"
        needs = f"; a call of {call.model} may cost {likely}" if likely else ""
        return (
            f"The budget of {self.limit} cannot bear the call ({used}{needs}), which was not made. "
            "Use a larger `budget=`, a smaller `max_tokens=`, or fewer calls at once."
        )


def _unpriced_message(call: PendingCall, limit: Money) -> str:
    name = f"{call.model or 'a model without a name'} at {call.gateway or 'an unknown gateway'}"
    return (
        f"No price is known for {name}, so the budget of {limit} cannot count its calls; the call "
        "was not made. Give its price with `price_of=`, `price_as=` or `book=`, or say what to do "
        'with `unpriced=`: "allow", or an amount per call such as "0.02 USD".'
    )


def _parse_unpriced(value: Unpriced | Money) -> Literal["refuse", "allow"] | Money:
    if isinstance(value, Money) or value in ("refuse", "allow"):
        return value  # type: ignore[return-value]
    try:
        return Money.parse(value)
    except (ValueError, AttributeError):
        raise ValueError(
            f'`unpriced={value!r}` must be "refuse", "allow", or an amount such as "0.02 USD"'
        ) from None
