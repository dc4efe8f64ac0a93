"""Reserving and settling: one transaction for a group of operations, the same on both databases.

The rows that a group touches are locked first, calls before balances and each in the order of
their keys, so that two groups never wait for each other. What is admitted is then decided here,
and written with it: the write that admits a call is the one that is durable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_qwen36.pricing.units import units_of
from langchain_qwen36.spend import statements
from langchain_qwen36.spend.limits import Balance, BalanceKey, Rule, Rules, rules_for
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
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from langchain_qwen36.spend.alerts import Crossed
    from langchain_qwen36.spend.entries import End, Start

PROVISIONAL = frozenset({"cancelled", "abandoned"})
"""Endings that a later, real end replaces."""


@dataclass(slots=True, eq=False)
class Reserve:
    """Admit an attempt, or refuse it."""

    start: Start
    forced: bool = False
    """Whether it is booked even past a limit: the call was made while the ledger was down."""
    refusal: Refusal | None = None
    """Set where it was refused."""


@dataclass(slots=True, eq=False)
class Settle:
    """Charge what an attempt cost; it need not have been reserved."""

    start: Start
    end: End
    crossed: list[Crossed] = field(default_factory=list)
    """Balances that it raised."""


Operation = Reserve | Settle


@dataclass(slots=True)
class Group:
    """Operations that are decided and written together."""

    connection: Connection
    owner: str
    now: int
    lease: int
    """Microseconds."""
    limits: Rules = field(default_factory=Rules)
    calls: dict[str, Row] = field(default_factory=dict)
    balances: dict[BalanceKey, Balance] = field(default_factory=dict)
    currencies: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    """Of each window, those that it has a balance in."""
    inserted: dict[str, Row] = field(default_factory=dict)
    updated: dict[str, Row] = field(default_factory=dict)
    rollups: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    def run(self, operations: Sequence[Operation]) -> None:
        """Decide and write the operations, in their order."""
        self.calls = statements.lock_calls(
            self.connection, sorted({operation.start.id for operation in operations})
        )
        rules = self._rules(operations)
        self._lock_balances(operations, rules)
        for operation in operations:
            match operation:
                case Reserve():
                    self._reserve(operation, rules.get(operation.start.id, []))
                case Settle():
                    self._settle(operation, rules.get(operation.start.id, ()))
        self._write()

    def expire(self, limit: int = 500) -> int:
        """Charge holds whose lease is over; return how many there were."""
        self.calls = statements.lock_overdue(self.connection, self.now, limit)
        keys = {key for row in self.calls.values() for key in keys_of(row)}
        self.balances = statements.lock_balances(self.connection, keys)
        for row in list(self.calls.values()):
            self._release(row)
            self._charge(expired(row, self.now))
        self._write()
        return len(self.calls)

    def _rules(self, operations: Sequence[Operation]) -> dict[str, list[Rule]]:
        """The limits of each call that has no row yet, or is reserved again with more of them."""
        new = {
            op.start.id: op.start
            for op in operations
            if op.start.id not in self.calls or (isinstance(op, Reserve) and op.start.limits)
        }
        accounts = {id_: start.attribution.accounts() for id_, start in new.items()}
        in_ledger = Rules(statements.read_budgets(self.connection, accounts.values()))
        return {
            id_: rules_for(accounts[id_], self.limits, Rules.of(start.limits), in_ledger)
            for id_, start in new.items()
        }

    def _lock_balances(self, operations: Sequence[Operation], rules: dict[str, list[Rule]]) -> None:
        starts = {op.start.id: op.start for op in operations}
        limits = {
            rule.key(starts[id_].started): rule for id_, group in rules.items() for rule in group
        }
        known = {key for row in self.calls.values() for key in keys_of(row)}
        self.balances = statements.lock_balances(self.connection, known | limits.keys())
        missing = sorted(limits.keys() - self.balances.keys())
        if missing:
            statements.open_balances(self.connection, missing, sorted(starts))
            self.balances = statements.lock_balances(self.connection, known | limits.keys())
        for key in self.balances:
            self.currencies.setdefault(key[:4], set()).add(key.currency)
        for key, rule in limits.items():
            self.balances[key].limit = rule.amount

    def _reserve(self, operation: Reserve, rules: Iterable[Rule]) -> None:
        start = operation.start
        row = self.calls.get(start.id)
        if row is not None and row["state"] != "open":
            return
        known = set() if row is None else set(keys_of(row))
        added = {key: rule for rule in rules if (key := rule.key(start.started)) not in known}
        if row is None:
            row = open_row(start, self.owner, self.now + self.lease)
        elif not added:
            return
        refusals = (self._refusal(rule, row, start) for rule in added.values())
        operation.refusal = next(filter(None, refusals), None)
        if operation.refusal is not None and not operation.forced:
            return
        for key in added:
            self._add(key, held=row["held"])
        self._put(with_charges(row, [*known, *added]))

    def _refusal(self, rule: Rule, row: Row, start: Start) -> Refusal | None:
        """Why a limit refuses an attempt; None: it has room for it."""
        key = rule.key(start.started)
        balance = self.balances[key]
        limit = rule.amount + balance.topped_up
        foreign = self._foreign(key)
        if row["held"] and row["currency"] != key.currency:
            foreign.add(row["currency"])
        unpriced = start.hold is None and start.refuse_unpriced
        if not (foreign or unpriced) and _has_room(balance, limit, row["held"], start):
            return None
        return Refusal(
            key=key,
            limit=limit,
            spent=balance.spent,
            held=balance.held,
            hold=row["held"],
            resets_at=rule.window(start.started).ends,
            foreign=tuple(sorted(foreign)),
            unpriced=f"{start.model or 'an unnamed model'} at {start.gateway or 'a gateway'}"
            if unpriced
            else "",
        )

    def _foreign(self, key: BalanceKey) -> set[str]:
        """Currencies that were spent in a window and that its limit cannot count."""
        others = self.currencies.get(key[:4], set()) - {key.currency}
        return {name for name in others if self.balances[key._replace(currency=name)].spent}

    def _settle(self, operation: Settle, rules: Iterable[Rule]) -> None:
        start, end = operation.start, operation.end
        row = self.calls.get(start.id)
        if row is None:
            keys = [rule.key(start.started) for rule in rules]
            row = with_charges({**open_row(start, self.owner, 0), "held": 0}, keys)
        elif row["state"] == "open":
            self._release(row)
        elif row["state"] == "settled" and not self._replaces(row, end):
            return
        else:
            self._uncharge(row)
        operation.crossed = self._charge(settled(row, end))

    @staticmethod
    def _replaces(row: Row, end: End) -> bool:
        return row["ending"] in PROVISIONAL and end.ending not in PROVISIONAL

    def _release(self, row: Row) -> None:
        """Give a hold back to its balances."""
        for key in keys_of(row):
            self._add(key, held=-row["held"])

    def _charge(self, row: Row) -> list[Crossed]:
        """Put what a call cost on its balances and into the rollup."""
        crossed = []
        for key in keys_of(row):
            before, balance = self._add(self._paid_in(key, row), spent=row["charged"])
            if balance.limit is not None:
                limit = balance.limit + balance.topped_up
                crossed.append((key, before, balance.spent, limit))
        self._roll_up(row, 1)
        self._put(row)
        return crossed

    def _put(self, row: Row) -> None:
        """Keep a row, to be written: as a new one where it was not there before."""
        id_ = row["id"]
        is_new = id_ not in self.calls or id_ in self.inserted
        self.calls[id_] = (self.inserted if is_new else self.updated)[id_] = row

    def _uncharge(self, row: Row) -> None:
        for key in keys_of(row):
            self._add(self._paid_in(key, row), spent=-row["charged"])
        self._roll_up(row, -1)

    @staticmethod
    def _paid_in(key: BalanceKey, row: Row) -> BalanceKey:
        """The balance of the currency that was paid; a limit in another one cannot count it."""
        return key._replace(currency=row["currency"]) if row["currency"] else key

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
        statements.insert_calls(self.connection, self.inserted)
        statements.update_calls(self.connection, self.updated)
        statements.write_balances(self.connection, self.balances)
        statements.add_to_rollup(self.connection, self.rollups)


def _has_room(balance: Balance, limit: int, held: int, start: Start) -> bool:
    used = balance.spent + balance.held
    if used >= limit:
        return False
    if not used and start.certain is not None:
        return units_of(start.certain.amount, round_up=True) <= limit
    return used + held <= limit
