"""The book of calls: each run is written once, exactly, whatever thread or task it ended in."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_qwen36.callbacks.records import CallRecord, Summary, summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal
    from uuid import UUID

K = TypeVar("K")


class Ledger:
    """Records by run id, and what was spent, under one lock (P46).

    Nothing is done under the lock but dictionary work. Copies and pickles take the records along
    and make a lock of their own (P66).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[UUID, CallRecord] = {}
        self._spent: dict[str, Decimal] = {}

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            return {"_records": dict(self._records), "_spent": dict(self._spent)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def book(self, record: CallRecord) -> bool:
        """Write a record down; False where its run already has a final one.

        A run comes twice when two paths tell of it (nested managers), or when it was given up
        and ends after all (an abandoned v3 stream's producer, langchain.md §3): the real end
        then replaces the estimate.
        """
        with self._lock:
            old = self._records.get(record.run_id)
            if old is not None and old.ending in ("ok", "error"):
                return False
            if old is not None:
                self._spend(old, -1)
            self._records[record.run_id] = record
            self._spend(record, 1)
            return True

    def _spend(self, record: CallRecord, sign: int) -> None:
        if record.cost and record.currency:
            spent = self._spent.get(record.currency)
            self._spent[record.currency] = sign * record.cost + (spent or 0)

    @property
    def spent(self) -> dict[str, Decimal]:
        """What was paid so far, per currency; kept as it grows, for a budget asks at each call."""
        with self._lock:
            return dict(self._spent)

    @property
    def records(self) -> tuple[CallRecord, ...]:
        """All records, in the order in which their calls ended."""
        with self._lock:
            return tuple(self._records.values())

    def summary(self, run_id: UUID | None = None) -> Summary:
        """The sums of all calls, or of those made as or inside one run."""
        records: Iterable[CallRecord] = self.records
        if run_id is not None:
            records = [record for record in records if run_id in runs_of(record)]
        return summarize(records)

    def group(self, keys: Callable[[CallRecord], Iterable[K]]) -> dict[K, Summary]:
        """The sums per key; a record counts under each of its keys."""
        groups: defaultdict[K, list[CallRecord]] = defaultdict(list)
        for record in self.records:
            for key in keys(record):
                groups[key].append(record)
        return {key: summarize(records) for key, records in groups.items()}


def runs_of(record: CallRecord) -> list[UUID]:
    """The call's own run and every run it was made in."""
    return [record.run_id, *(parent.run_id for parent in record.parents)]
