"""What was spent on a run, thread or user, and the refusal of the calls after that."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

from langchain_qwen36.callbacks import get_qwen_cost_callback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from langchain_qwen36.callbacks import CallRecord
    from langchain_qwen36.callbacks.budget import Budget
    from langchain_qwen36.callbacks.pricer import PriceOf


class SpendingAccount:
    """What was spent on one run, thread or user; calls in many threads and tasks may book."""

    def __init__(self, spent: Mapping[str, str] | None = None) -> None:
        """Begin with sums by currency, as `saved` gives them."""
        self._lock = threading.Lock()
        self._spent = defaultdict(Decimal, {name: Decimal(s) for name, s in (spent or {}).items()})
        self._abandoned: dict[UUID, Decimal] = {}

    def add(self, record: CallRecord) -> None:
        """Book a call; the real end of one that was given up replaces its estimate."""
        if record.cost is None or record.currency is None:
            return
        with self._lock:
            self._spent[record.currency] += record.cost - self._abandoned.pop(record.run_id, 0)
            if record.ending in ("cancelled", "abandoned"):
                self._abandoned[record.run_id] = record.cost

    @property
    def spent(self) -> dict[str, Decimal]:
        """The sum of each currency."""
        with self._lock:
            return dict(self._spent)

    def saved(self) -> dict[str, str]:
        """The sums as texts, for a checkpoint or a file of your own."""
        return {currency: str(amount) for currency, amount in self.spent.items()}


class BudgetGate(BaseCallbackHandler):
    """Refuses the next call of any model below it once a budget is spent."""

    run_inline = True
    raise_error = True

    def __init__(
        self, budget: Budget | None, account: SpendingAccount, outer: BudgetGate | None
    ) -> None:
        self.account = account
        self._budget = budget
        self._outer = outer

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        """Ask this budget and those around it."""
        for gate in self.chain():
            if gate._budget is not None:  # noqa: SLF001 - the same class
                gate._budget.check(gate.account.spent)  # noqa: SLF001 - the same class

    def chain(self) -> Iterator[BudgetGate]:
        """This gate and those around it."""
        gate: BudgetGate | None = self
        while gate is not None:
            yield gate
            gate = gate._outer  # noqa: SLF001 - the same class


_gate: ContextVar[BudgetGate | None] = ContextVar("langchain_qwen36_budget_gate", default=None)
# Once for the process: a hook can never be taken away again (T30).
register_configure_hook(_gate, inheritable=True)


@contextmanager
def track_spending(
    account: SpendingAccount, budget: Budget | None, price_of: PriceOf | None
) -> Iterator[None]:
    """Book every call made inside, and refuse those after the budget is spent.

    An account that is being counted around us already is left to that: nothing is booked twice.
    """
    outer = _gate.get()
    if outer is not None and any(gate.account is account for gate in outer.chain()):
        yield
        return
    token = _gate.set(BudgetGate(budget, account, outer))
    try:
        with get_qwen_cost_callback(on_record=account.add, price_of=price_of):
            yield
    finally:
        _gate.reset(token)
