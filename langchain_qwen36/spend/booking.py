"""Decide and write a group of operations, reserve and settle, in one transaction.

The rows that a group touches are locked first, calls before balances and each in the order of their
keys, so that two groups never wait for each other. Admission is then decided here, and written with
it: the write that admits a call is the one that is durable.

On SQLite, where a transaction has the database for itself, calls that this process reserved are not
read again: their rows are remembered, and written only if the database still has them unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from langchain_qwen36.pricing.units import units_of
from langchain_qwen36.spend import statements
from langchain_qwen36.spend.counting import Counting, Countings
from langchain_qwen36.spend.limits import NO_LIMIT, Balance, BalanceKey, Rule, Rules, oldest_window
from langchain_qwen36.spend.operations import Operation, Reserve, Settle
from langchain_qwen36.spend.refusal import Refusal
from langchain_qwen36.spend.rows import (
    Row,
    expired,
    keys_of,
    open_row,
    rollup_key,
    rollup_sums,
    settled,
    with_charges,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from langchain_qwen36.spend.alerts import Crossed
    from langchain_qwen36.spend.entries import End, Start

PROVISIONAL = frozenset({"cancelled", "abandoned"})
"""Endings that a later, real end replaces."""


@dataclass(slots=True)
class Group:
    """Operations that are decided and written together."""

    connection: Connection
    owner: str
    now: int
    lease: int
    """Length of a hold's lease in microseconds."""
    limits: Rules = field(default_factory=Rules)
    calls: dict[str, Row] = field(default_factory=dict)
    balances: dict[BalanceKey, Balance] = field(default_factory=dict)
    countings: Countings = field(init=False)
    currencies: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    """The currencies of the balances, by window."""
    inserted: dict[str, Row] = field(default_factory=dict)
    updated: dict[str, Row] = field(default_factory=dict)
    ended: dict[str, Row] = field(default_factory=dict)
    """Calls of `remembered` that ended."""
    remembered: Mapping[str, Row] = field(default_factory=dict)
    """Open calls of this process, with the rows that it wrote."""
    unread: set[str] = field(default_factory=set)
    """Calls that are assumed to be new."""
    rollups: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    crossed: list[Crossed] = field(default_factory=list)
    """Balances that expired holds raised."""

    def __post_init__(self) -> None:
        self.countings = Countings(self.limits)

    def run(
        self, operations: Sequence[Operation], remembered: Mapping[str, Row] | None = None
    ) -> None:
        """Decide and write the operations, in their order.

        Args:
            operations: The operations.
            remembered: The open calls that this process wrote; of other calls, those that are
                reserved are assumed to be new. None: nothing is assumed.

        Raises:
            IntegrityError: A call was not new.
            StaleRowsError: A call's row was not the remembered one.
        """
        self._lock_calls(operations, remembered)
        for op in operations:
            if op.start.id not in self.calls or (isinstance(op, Reserve) and op.start.limits):
                self.countings.add(op.start)
        self._lock_balances()
        for operation in operations:
            if isinstance(operation, Reserve):
                self._reserve(operation)
            else:
                self._settle(operation)
        self._write()

    def expire(self, limit: int = 500) -> int:
        """Charge holds whose lease is over; return how many there were."""
        self.calls = statements.lock_overdue(self.connection, self.now, limit)
        self._load_balances(())
        for row in list(self.calls.values()):
            self._release(row)
            self.crossed += self._charge(expired(row, self.now))
        self._write()
        return len(self.calls)

    def _lock_calls(
        self, operations: Sequence[Operation], remembered: Mapping[str, Row] | None
    ) -> None:
        """Lock the rows of calls, or use the remembered ones."""
        ids = {operation.start.id for operation in operations}
        if remembered is not None and not any(
            isinstance(op, Reserve) and op.start.id in remembered for op in operations
        ):
            self.remembered = {id_: row for id_ in ids if (row := remembered.get(id_))}
            ids -= self.remembered.keys()
            self.unread = {op.start.id for op in operations if isinstance(op, Reserve)} & ids
            ids -= self.unread
        self.calls = statements.lock_calls(self.connection, sorted(ids)) if ids else {}
        self.calls.update(self.remembered)

    def _lock_balances(self) -> None:
        """Lock the balances that the group may touch, and create missing ones."""
        names = self.countings.wanted()
        in_ledger = Rules(statements.read_budgets(self.connection, names)) if names else Rules()
        limits = self.countings.choose(in_ledger)
        accounts = self.countings.accounts()
        self._load_balances(accounts)
        if missing := sorted(limits.keys() - self.balances.keys()):
            statements.open_balances(self.connection, missing, self.countings.ids())
            self._load_balances(accounts)
        for key, rule in limits.items():
            self.balances[key].limit = rule.amount
        self.countings.find(key for key, row in self.balances.items() if row.limit is not None)

    def _load_balances(self, accounts: Iterable[str]) -> None:
        known = {key for row in self.calls.values() for key in keys_of(row)}
        oldest = min({key.window_start for key in known} | {oldest_window(self.now)})
        names = {key.account for key in known} | set(accounts)
        self.balances = statements.lock_balances(self.connection, names, oldest)
        for key in self.balances:
            self.currencies.setdefault(key[:4], set()).add(key.currency)

    def _reserve(self, operation: Reserve) -> None:
        start = operation.start
        row = self.calls.get(start.id)
        if row is not None and row["state"] != "open":
            return
        counting = self.countings.of(start)
        if row is None:
            known: tuple[BalanceKey, ...] = ()
            row = open_row(start, self.owner, self.now + self.lease)
        else:
            known = keys_of(row)
        operation.refusal = self._first_refusal(counting, row, start, known)
        if operation.refusal is not None and not operation.forced:
            if self._is_there(start.id):
                self._reserve(operation)
            return
        added = [key for key in counting.keys if key not in known]
        if added or start.id not in self.calls:
            for key in added:
                self._add(key, held=row["held"])
            self._put(with_charges(row, (*known, *added)))

    def _is_there(self, id_: str) -> bool:
        """Return whether a call that a limit would refuse has a row already, so that it is held."""
        if id_ not in self.unread:
            return False
        self.unread.discard(id_)
        found = statements.lock_calls(self.connection, [id_])
        self.calls.update(found)
        return bool(found)

    def _first_refusal(
        self, counting: Counting, row: Row, start: Start, known: tuple[BalanceKey, ...]
    ) -> Refusal | None:
        for rule, key in counting.rules:
            if refusal := self._refusal(rule, key, row, start, is_held=key in known):
                return refusal
        return None

    def _refusal(
        self, rule: Rule, key: BalanceKey, row: Row, start: Start, *, is_held: bool
    ) -> Refusal | None:
        """Return why a limit refuses an attempt; None: the attempt fits."""
        balance = self.balances[key]
        others = balance.held - (row["held"] if is_held else 0)
        limit = rule.amount + balance.topped_up
        foreign = self._foreign(key)
        if row["held"] and row["currency"] != key.currency:
            foreign.add(row["currency"])
        unpriced = start.hold is None and start.refuse_unpriced
        if not (foreign or unpriced) and _has_room(
            balance.spent + others, limit, row["held"], start
        ):
            return None
        return Refusal(
            key=key,
            limit=limit,
            spent=balance.spent,
            held=others,
            hold=row["held"],
            resets_at=rule.window(start.started).ends,
            foreign=tuple(sorted(foreign)),
            unpriced=f"{start.model or 'an unnamed model'} at {start.gateway or 'a gateway'}"
            if unpriced
            else "",
        )

    def _foreign(self, key: BalanceKey) -> set[str]:
        """Return currencies that were spent in a window and that its limit cannot count."""
        others = self.currencies[key[:4]]
        if len(others) == 1:
            return set()
        others = others - {key.currency}
        return {name for name in others if self.balances[key._replace(currency=name)].spent}

    def _settle(self, operation: Settle) -> None:
        start, end = operation.start, operation.end
        row = self.calls.get(start.id)
        reported: dict[BalanceKey, int] = {}
        if row is None:
            counting = self.countings.of(start)
            row = with_charges({**open_row(start, self.owner, 0), "held": 0}, counting.keys)
        elif row["state"] == "open":
            self._release(row)
        elif row["state"] == "settled" and not self._replaces(row, end):
            return
        else:
            reported = self._uncharge(row)
        operation.crossed = self._charge(settled(row, end), reported)

    @staticmethod
    def _replaces(row: Row, end: End) -> bool:
        return row["ending"] in PROVISIONAL and end.ending not in PROVISIONAL

    def _release(self, row: Row) -> None:
        """Remove a hold from its balances."""
        for key in keys_of(row):
            self._add(key, held=-row["held"])

    def _charge(
        self, row: Row, reported: Mapping[BalanceKey, int] = MappingProxyType({})
    ) -> list[Crossed]:
        """Add the cost of a call to its balances and to the rollup.

        Args:
            row: The row of the call.
            reported: What was spent with the charge that this one replaces, up to which alerts were
                sent.
        """
        crossed = []
        for key in keys_of(row):
            before, balance = self._add(self._paid_in(key, row), spent=row["charged"])
            before = max(before, reported.get(key, before))
            if balance.limit is not None and balance.limit != NO_LIMIT:
                limit = balance.limit + balance.topped_up
                crossed.append((key, before, balance.spent, limit))
        self._roll_up(row, 1)
        self._put(row)
        return crossed

    def _put(self, row: Row) -> None:
        """Mark a row to be written: as a new one if it was not there before."""
        id_ = row["id"]
        if id_ in self.remembered:
            rows = self.ended
        elif id_ not in self.calls or id_ in self.inserted:
            rows = self.inserted
        else:
            rows = self.updated
        self.calls[id_] = rows[id_] = row

    def _uncharge(self, row: Row) -> dict[BalanceKey, int]:
        """Take the charge of a call back; return what was spent on each balance with it."""
        self._roll_up(row, -1)
        return {
            key: self._add(self._paid_in(key, row), spent=-row["charged"])[0]
            for key in keys_of(row)
        }

    @staticmethod
    def _paid_in(key: BalanceKey, row: Row) -> BalanceKey:
        """Return the balance in the currency that was paid; other limits cannot count it."""
        if row["currency"] in ("", key.currency):
            return key
        return key._replace(currency=row["currency"])

    def _add(self, key: BalanceKey, *, spent: int = 0, held: int = 0) -> tuple[int, Balance]:
        balance = self.balances.get(key)
        if balance is None:
            balance = self.balances[key] = Balance(is_new=True)
            self.currencies.setdefault(key[:4], set()).add(key.currency)
        before = balance.spent
        balance.spent += spent
        balance.held += held
        balance.changed = True
        return before, balance

    def _roll_up(self, row: Row, sign: int) -> None:
        key, sums = rollup_key(row), rollup_sums(row, sign)
        old = self.rollups.get(key)
        self.rollups[key] = sums if old is None else [a + b for a, b in zip(old, sums, strict=True)]

    def _write(self) -> None:
        statements.end_calls(self.connection, self.ended)
        statements.insert_calls(self.connection, self.inserted)
        statements.update_calls(self.connection, self.updated)
        statements.write_balances(self.connection, self.balances)
        statements.add_to_rollup(self.connection, self.rollups)


def _has_room(used: int, limit: int, hold: int, start: Start) -> bool:
    if used >= limit:
        return False
    if not used and start.certain is not None:
        return units_of(start.certain.amount, round_up=True) <= limit
    return used + hold <= limit
