"""Book calls: reserve what each may cost before it is sent, settle what it cost after."""

from __future__ import annotations

import threading
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from langchain_qwen36.callbacks.holds import AnswerLengths
from langchain_qwen36.callbacks.records import BilledAttempt, CallRecord, Summary, summarize
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.pricing.units import amount_of, units_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from uuid import UUID

    from langchain_qwen36.callbacks.budget import Budget
    from langchain_qwen36.callbacks.holds import PendingCall

K = TypeVar("K")


class SpendBook(Protocol):
    """What keeps the spending of calls: in memory here, in a database in `SpendLedger`.

    All three may be called from any thread or task, and twice for one call.
    """

    def reserve(self, call: PendingCall) -> None:
        """Hold what a call may cost.

        Raises:
            BudgetExceededError: A limit would be passed, so the call must not be sent.
        """
        ...

    def settle(self, record: CallRecord) -> bool:
        """Charge what a call cost in place of its hold; False where its end is booked already."""
        ...

    def release(self, run_id: UUID) -> None:
        """Drop the hold of a call that was not sent."""
        ...


class Balance:
    """What one account spent and holds, per currency: integers of 10⁻¹² under one lock.

    Copies and pickles take the sums along; calls that are running are not part of them.
    """

    def __init__(self, spent: Mapping[str, Decimal | str] | None = None) -> None:
        """Begin with sums by currency."""
        self._lock = threading.Lock()
        self._spent = {name: units_of(Decimal(s)) for name, s in (spent or {}).items()}
        self._held: dict[UUID, tuple[str, int]] = {}
        self._charged: dict[UUID, list[tuple[str, int]]] = {}
        """Charges that a later end replaces: abandoned calls, requests before the last."""
        self._unpriced: str | None = None
        self.lengths = AnswerLengths()

    def __getstate__(self) -> dict[str, Any]:
        return {"spent": self.spent}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Balance.__init__(self, state["spent"])

    @property
    def spent(self) -> dict[str, Decimal]:
        """The sum of each currency."""
        with self._lock:
            return {currency: amount_of(units) for currency, units in self._spent.items()}

    @property
    def held(self) -> dict[str, Decimal]:
        """What the calls in flight hold, per currency."""
        with self._lock:
            return {currency: amount_of(units) for currency, units in self._sum_held().items()}

    @property
    def unpriced(self) -> str | None:
        """A model and gateway whose call ended without a known price."""
        return self._unpriced

    def reserve(self, call: PendingCall, budget: Budget | None) -> None:
        """Hold what a call may cost, where the budget allows it.

        Raises:
            BudgetExceededError: The budget cannot bear the call.
        """
        with self._lock:
            if call.run_id in self._held:
                return
            hold = call.hold.likely if call.hold else None
            if budget is not None:
                held = {currency: amount_of(n) for currency, n in self._sum_held().items()}
                spent = {currency: amount_of(n) for currency, n in self._spent.items()}
                try:
                    hold = budget.admit(call, spent, held, self._unpriced)
                except BudgetExceededError as error:
                    error.balance = self  # type: ignore[attr-defined]  # for who handles it
                    raise
            self._held[call.run_id] = (
                (hold.currency, units_of(hold.amount, round_up=True)) if hold else ("", 0)
            )

    def next_request(
        self, run_id: UUID, billed: BilledAttempt, model: str, budget: Budget | None
    ) -> None:
        """Charge a request of a call, beside the hold, which is for the next request.

        Raises:
            BudgetExceededError: The budget cannot bear the next request.
        """
        with self._lock:
            held = self._held.get(run_id, ("", 0))
            if billed.cost is None:
                self._add(held, 1)  # the call's own cost will not hold it
            else:
                charge = (billed.currency or "", units_of(billed.cost))
                self._add(charge, 1)
                self._charged.setdefault(run_id, []).append(charge)
            if budget is not None:
                holds = {name: amount_of(units) for name, units in self._sum_held().items()}
                spent = {name: amount_of(units) for name, units in self._spent.items()}
                try:
                    budget.check_next(model, spent, holds)
                except BudgetExceededError as error:
                    error.balance = self  # type: ignore[attr-defined]  # for who handles it
                    raise

    def settle(self, record: CallRecord, *, provisional: bool) -> None:
        """Charge what a call cost in place of its hold, and of what was charged before its end.

        A cost that is not known leaves the hold charged: no budget opens by what it cannot count.

        Args:
            record: The call.
            provisional: Whether a later end of the call replaces this charge.
        """
        with self._lock:
            held = self._held.pop(record.run_id, ("", 0))
            charges = earlier = self._charged.pop(record.run_id, [])
            if record.cost is None:
                charges = [*earlier, held]
                if not any(units for _, units in charges):
                    self._unpriced = f"{record.model} at {record.gateway or 'an unknown gateway'}"
            else:
                charges = [(record.currency or "", units_of(record.cost))]
            for charge in earlier:
                self._add(charge, -1)
            for charge in charges:
                self._add(charge, 1)
            if provisional:
                self._charged[record.run_id] = charges

    def release(self, run_id: UUID) -> None:
        """Drop the hold of a call that was not sent."""
        with self._lock:
            self._held.pop(run_id, None)

    def _add(self, charge: tuple[str, int], sign: int) -> None:
        currency, units = charge
        if currency and units:
            self._spent[currency] = self._spent.get(currency, 0) + sign * units

    def _sum_held(self) -> dict[str, int]:
        sums: defaultdict[str, int] = defaultdict(int)
        for currency, units in self._held.values():
            if currency:
                sums[currency] += units
        return dict(sums)


class Ledger:
    """The in-memory `SpendBook`: a record per call, and the balance of the handler's budget.

    Nothing is done under the lock but dictionary work. Copies and pickles take the records along.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        balance: Balance | None = None,
        *,
        max_records: int | None = None,
    ) -> None:
        """Keep an empty book.

        Args:
            budget: What the calls may cost; None: any amount.
            balance: The account that is charged; a new one by default.
            max_records: How many of the newest records are kept; older ones are in the sums of
                `summary()` alone. None: all.
        """
        self._max_records = max_records
        self._older = summarize(())
        self.budget = budget
        self.balance = balance or Balance()
        self._lock = threading.Lock()
        self._records: dict[UUID, CallRecord] = {}

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return {**self.__dict__, "_records": dict(self._records), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def reserve(self, call: PendingCall) -> None:
        """Hold what a call may cost.

        Raises:
            BudgetExceededError: The budget cannot bear the call.
        """
        self.balance.reserve(call, self.budget)

    def next_request(self, run_id: UUID, billed: BilledAttempt, model: str) -> None:
        """Charge a request of a call that goes on with another one.

        Raises:
            BudgetExceededError: The budget cannot bear the next request.
        """
        self.balance.next_request(run_id, billed, model, self.budget)

    def release(self, run_id: UUID) -> None:
        """Drop the hold of a call that was not sent."""
        self.balance.release(run_id)

    def settle(self, record: CallRecord) -> bool:
        """Write a record down and charge it; False where its run already has a final one.

        A run comes twice when two callback managers report it, or when it was recorded as
        abandoned and ends after all: the real end then replaces the estimate.
        """
        with self._lock:
            old = self._records.get(record.run_id)
            if old is not None and old.ending in ("ok", "error"):
                return False
            self._records[record.run_id] = record
            self.balance.settle(record, provisional=record.ending not in ("ok", "error"))
            if self._max_records is not None and len(self._records) > self._max_records:
                oldest = self._records.pop(next(iter(self._records)))
                self._older = self._older + summarize((oldest,))
        return True

    @property
    def spent(self) -> dict[str, Decimal]:
        """What was paid so far, per currency; kept as it grows, for a budget reads it often."""
        return self.balance.spent

    @property
    def records(self) -> tuple[CallRecord, ...]:
        """All records, in the order in which their calls ended."""
        with self._lock:
            return tuple(self._records.values())

    def summary(self, run_id: UUID | None = None) -> Summary:
        """Return the sums of all calls, or of those made as or inside one run."""
        with self._lock:
            records, older = tuple(self._records.values()), self._older
        if run_id is not None:
            return summarize(record for record in records if run_id in runs_of(record))
        return older + summarize(records)

    def group(self, keys: Callable[[CallRecord], Iterable[K]]) -> dict[K, Summary]:
        """Return the sums per key; a record counts under each of its keys."""
        groups: defaultdict[K, list[CallRecord]] = defaultdict(list)
        for record in self.records:
            for key in keys(record):
                groups[key].append(record)
        return {key: summarize(records) for key, records in groups.items()}


def runs_of(record: CallRecord) -> list[UUID]:
    """Return the call's own run and every run it was made in."""
    return [record.run_id, *(parent.run_id for parent in record.parents)]
