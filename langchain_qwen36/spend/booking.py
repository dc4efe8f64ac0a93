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
from langchain_qwen36.spend.limits import (
    Balance,
    BalanceKey,
    Rule,
    Rules,
    is_in_window,
    oldest_window,
    rules_for,
)
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
    accounts: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each call that is to be put on balances: kind to account."""
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    limited: dict[str, list[BalanceKey]] = field(default_factory=dict)
    """Of each account, the balances that have a limit."""
    currencies: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    """Of each window, those that it has a balance in."""
    inserted: dict[str, Row] = field(default_factory=dict)
    updated: dict[str, Row] = field(default_factory=dict)
    rollups: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    def run(self, operations: Sequence[Operation]) -> None:
        """Decide and write the operations, in their order."""
        ids = sorted({operation.start.id for operation in operations})
        self.calls = statements.lock_calls(self.connection, ids)
        self.accounts = {
            op.start.id: _accounts_of(op.start)
            for op in operations
            if op.start.id not in self.calls or (isinstance(op, Reserve) and op.start.limits)
        }
        self._lock_balances(operations)
        for operation in operations:
            match operation:
                case Reserve():
                    self._reserve(operation)
                case Settle():
                    self._settle(operation)
        self._write()

    def expire(self, limit: int = 500) -> int:
        """Charge holds whose lease is over; return how many there were."""
        self.calls = statements.lock_overdue(self.connection, self.now, limit)
        self._load_balances(())
        for row in list(self.calls.values()):
            self._release(row)
            self._charge(expired(row, self.now))
        self._write()
        return len(self.calls)

    def _lock_balances(self, operations: Sequence[Operation]) -> None:
        """Lock the balances that the group may touch, and open those that are not there."""
        starts = {op.start.id: op.start for op in operations if op.start.id in self.accounts}
        in_ledger = Rules(statements.read_budgets(self.connection, self.accounts.values()))
        self.rules = {
            id_: rules_for(self.accounts[id_], self.limits, Rules.of(start.limits), in_ledger)
            for id_, start in starts.items()
        }
        limits = {
            rule.key(starts[id_].started): rule
            for id_, group in self.rules.items()
            for rule in group
        }
        accounts = {name for of_call in self.accounts.values() for name in of_call.values()}
        self._load_balances(accounts)
        if missing := sorted(limits.keys() - self.balances.keys()):
            statements.open_balances(self.connection, missing, sorted(starts))
            self._load_balances(accounts)
        for key, rule in limits.items():
            self.balances[key].limit = rule.amount
        for key, balance in self.balances.items():
            if balance.limit is not None:
                self.limited.setdefault(key.account, []).append(key)

    def _load_balances(self, accounts: Iterable[str]) -> None:
        known = {key for row in self.calls.values() for key in keys_of(row)}
        oldest = min({key.window_start for key in known} | {oldest_window(self.now)})
        names = {key.account for key in known} | set(accounts)
        self.balances = statements.lock_balances(self.connection, names, oldest)
        for key in self.balances:
            self.currencies.setdefault(key[:4], set()).add(key.currency)

    def _keys(self, start: Start) -> set[BalanceKey]:
        """Return the balances that count a call: those of its limits, and those that others opened.

        A process that knows no limit of an account charges it all the same.
        """
        keys = {rule.key(start.started) for rule in self.rules.get(start.id, ())}
        for account in self.accounts.get(start.id, {}).values():
            keys.update(
                key for key in self.limited.get(account, ()) if is_in_window(key, start.started)
            )
        return keys

    def _reserve(self, operation: Reserve) -> None:
        start = operation.start
        row = self.calls.get(start.id)
        if row is not None and row["state"] != "open":
            return
        known = set() if row is None else set(keys_of(row))
        added = self._keys(start) - known
        if row is None:
            row = open_row(start, self.owner, self.now + self.lease)
        refusals = (
            self._refusal(rule, row, start, is_held=rule.key(start.started) in known)
            for rule in self.rules.get(start.id, ())
        )
        operation.refusal = next(filter(None, refusals), None)
        if operation.refusal is not None and not operation.forced:
            return
        if added or start.id not in self.calls:
            for key in added:
                self._add(key, held=row["held"])
            self._put(with_charges(row, known | added))

    def _refusal(self, rule: Rule, row: Row, start: Start, *, is_held: bool) -> Refusal | None:
        """Why a limit refuses an attempt; None: it has room for it."""
        key = rule.key(start.started)
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
        """Currencies that were spent in a window and that its limit cannot count."""
        others = self.currencies.get(key[:4], set()) - {key.currency}
        return {name for name in others if self.balances[key._replace(currency=name)].spent}

    def _settle(self, operation: Settle) -> None:
        start, end = operation.start, operation.end
        row = self.calls.get(start.id)
        if row is None:
            row = with_charges({**open_row(start, self.owner, 0), "held": 0}, self._keys(start))
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
        """Return the balance in the currency that was paid; other limits cannot count it."""
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


def _accounts_of(start: Start) -> dict[str, str]:
    """Return the accounts of a call: those it is attributed to, and those of its own limits."""
    return start.attribution.accounts() | {limit.account: limit.account for limit in start.limits}


def _has_room(used: int, limit: int, hold: int, start: Start) -> bool:
    if used >= limit:
        return False
    if not used and start.certain is not None:
        return units_of(start.certain.amount, round_up=True) <= limit
    return used + hold <= limit
