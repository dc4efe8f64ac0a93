"""Reserve each call's estimated cost before it is sent, and settle its cost after, in memory."""

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

_FORGOTTEN_AT_ONCE = 10
"""The part of the records that are dropped together, since adding them up takes time: one in
ten."""


class SpendBook(Protocol):
    """A book of the spending of calls: in memory here, in a database in `SpendLedger`.

    All three methods may be called from any thread or task, and twice for one call.
    """

    def reserve(self, call: PendingCall) -> None:
        """Hold the estimated cost of a call.

        Raises:
            BudgetExceededError: A limit would be passed, so the call must not be sent.
        """
        ...

    def settle(self, record: CallRecord) -> bool:
        """Replace a call's hold by its cost; return False if its end is already recorded."""
        ...

    def release(self, run_id: UUID) -> None:
        """Release the hold of a call that was not sent."""
        ...


class Balance:
    """The amounts that one account spent and holds, by currency: integers of 10⁻¹² under one lock.

    Copies and pickles include the sums, without calls in flight.
    """

    def __init__(self, spent: Mapping[str, Decimal | str] | None = None) -> None:
        """Start with sums by currency."""
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
        """The amount held for calls in flight, by currency."""
        with self._lock:
            return {currency: amount_of(units) for currency, units in self._sum_held().items()}

    @property
    def unpriced(self) -> str | None:
        """Model and gateway of a call that ended without a known price."""
        return self._unpriced

    def reserve(self, call: PendingCall, budget: Budget | None) -> None:
        """Hold the estimated cost of a call, if the budget allows it.

        Raises:
            BudgetExceededError: The call does not fit the budget.
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
        """Charge a request of a call and keep the hold, for the next request.

        Raises:
            BudgetExceededError: The next request does not fit the budget.
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
        """Charge a call's cost in place of its hold and of earlier charges.

        If the cost is not known, the hold stays charged: what a budget cannot count must not
        enlarge it.

        Args:
            record: The record of the call.
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
        """Release the hold of a call that was not sent."""
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
    """The in-memory `SpendBook`: a record for each call, and the balance of the handler's budget.

    Only dictionary operations run under the lock. Copies and pickles include the records.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        balance: Balance | None = None,
        *,
        max_records: int | None = None,
    ) -> None:
        """Create an empty ledger.

        Args:
            budget: The most that calls may cost; None: any amount.
            balance: The account that is charged; a new one by default.
            max_records: Number of newest records that are kept, or up to a tenth more; older ones
                are only in the sums of `summary()`. None: all.
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
        """Hold the estimated cost of a call.

        Raises:
            BudgetExceededError: The call does not fit the budget.
        """
        self.balance.reserve(call, self.budget)

    def next_request(self, run_id: UUID, billed: BilledAttempt, model: str) -> None:
        """Charge a request of a call that sends another one.

        Raises:
            BudgetExceededError: The next request does not fit the budget.
        """
        self.balance.next_request(run_id, billed, model, self.budget)

    def release(self, run_id: UUID) -> None:
        """Release the hold of a call that was not sent."""
        self.balance.release(run_id)

    def settle(self, record: CallRecord) -> bool:
        """Store a record and charge it; return False if its run already has a final one.

        A run comes twice when two callback managers report it, or when it was recorded as
        abandoned and ends after all: the real end then replaces the estimate.
        """
        with self._lock:
            old = self._records.get(record.run_id)
            if old is not None and old.ending in ("ok", "error"):
                return False
            self._records[record.run_id] = record
            self.balance.settle(record, provisional=record.ending not in ("ok", "error"))
            if (most := self._max_records) is not None:
                surplus = len(self._records) - most
                if surplus >= max(1, most // _FORGOTTEN_AT_ONCE):
                    self._forget(surplus)
        return True

    def _forget(self, number: int) -> None:
        """Keep only the sums of the oldest records; many at once, since adding takes time."""
        oldest = [self._records.pop(key) for key in list(self._records)[:number]]
        self._older = self._older + summarize(oldest)

    @property
    def spent(self) -> dict[str, Decimal]:
        """The amount paid so far, by currency; updated per call, since a budget reads it often."""
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
        """Return the sums by key; a record counts under each of its keys."""
        groups: defaultdict[K, list[CallRecord]] = defaultdict(list)
        for record in self.records:
            for key in keys(record):
                groups[key].append(record)
        return {key: summarize(records) for key, records in groups.items()}


def runs_of(record: CallRecord) -> list[UUID]:
    """Return the call's own run and every run in which it was made."""
    return [record.run_id, *(parent.run_id for parent in record.parents)]
