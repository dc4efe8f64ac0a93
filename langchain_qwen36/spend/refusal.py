"""Explain why a call was refused: the account, and what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing.units import money_in

if TYPE_CHECKING:
    from datetime import datetime

    from langchain_qwen36.spend.limits import BalanceKey


class Refusal(NamedTuple):
    """A limit that a call would have passed; amounts are in units of its currency."""

    key: BalanceKey
    limit: int
    spent: int
    held: int
    hold: int
    """The estimated cost of the call."""
    resets_at: datetime | None
    foreign: tuple[str, ...]
    """Currencies that the limit cannot count."""
    unpriced: str = ""
    """Model and gateway of a call whose cost cannot be known before it ends."""

    def error(self) -> BudgetExceededError:
        """Return the exception with the values of this refusal."""
        return LimitExceededError(self)


class LimitExceededError(BudgetExceededError):
    """A limit of the ledger refuses the call; it was not sent."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(_message(refusal))
        currency = refusal.key.currency
        self.account = refusal.key.account
        self.per = refusal.key.per
        self.limit = money_in(refusal.limit, currency)
        self.spent = money_in(refusal.spent, currency)
        self.held = money_in(refusal.held, currency)
        self.resets_at = refusal.resets_at
        self._refusal = refusal

    def __reduce__(self) -> tuple[type[LimitExceededError], tuple[Refusal]]:
        return type(self), (self._refusal,)


def _message(refusal: Refusal) -> str:
    key = refusal.key
    limit = money_in(refusal.limit, key.currency)
    name = f"The limit of {limit} of {key.account}" + ("" if key.per == "ever" else f" a {key.per}")
    if refusal.foreign:
        return (
            f"{name} cannot count calls in {' and '.join(refusal.foreign)}, so the call was not "
            "made. Set the limit in the currency that the gateway charges."
        )
    if refusal.unpriced:
        return (
            f"{name} cannot count a call of {refusal.unpriced}, of which no price is known, so "
            "the call was not made. Give the handler `price_of=`, `price_as=`, a `book=` with its "
            'price, or `unpriced="0.02 USD"`.'
        )
    used = f"{money_in(refusal.spent, key.currency)} spent"
    if refusal.held:
        used += f", {money_in(refusal.held, key.currency)} held by calls that are running"
    again = (
        f"; it begins anew at {refusal.resets_at:%Y-%m-%d %H:%M} UTC" if refusal.resets_at else ""
    )
    needs = f"the call may cost {money_in(refusal.hold, key.currency)}" if refusal.hold else ""
    return (
        f"{name} is reached ({'; '.join(filter(None, (used, needs)))}){again}. The call was not "
        f"made. `python -m langchain_qwen36 spend budgets top-up {key.account} AMOUNT` raises it."
    )
