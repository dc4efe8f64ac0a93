"""Find which limits apply to the calls of a group, and on which balances each call counts."""

from __future__ import annotations

from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from langchain_qwen36.spend.accounts import KINDS
from langchain_qwen36.spend.limits import (
    BalanceKey,
    Rule,
    Rules,
    is_in_window,
    rules_for,
    wanted_accounts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_qwen36.spend.accounts import Limit
    from langchain_qwen36.spend.entries import Start

Signature = tuple[object, ...]
"""Values that are equal for calls with the same limits and balances."""

_dimensions_of = attrgetter(*KINDS)


class Counting:
    """The limits and balances of calls that are charged to the same accounts in the same minute."""

    __slots__ = ("accounts", "keys", "limits", "rules", "started")

    def __init__(
        self, accounts: dict[str, str], limits: tuple[Limit, ...], started: datetime
    ) -> None:
        """Store what the calls have in common.

        Args:
            accounts: Accounts by kind.
            limits: The callers' own limits.
            started: Start of the calls, to the minute.
        """
        self.accounts = accounts | {limit.account: limit.account for limit in limits}
        self.limits = limits
        self.started = started
        self.rules: list[tuple[Rule, BalanceKey]] = []
        """The limits that apply, each with the balance that it counts."""
        self.keys: tuple[BalanceKey, ...] = ()
        """All balances that count the calls, sorted: those of the limits, and those that others
        opened. A process that knows no limit of an account charges the account all the same."""

    def choose(self, for_all: Rules, in_ledger: Rules) -> None:
        """Find the limits that apply."""
        rules = rules_for(self.accounts, for_all, Rules.of(self.limits), in_ledger)
        self.rules = [(rule, rule.key(self.started)) for rule in rules]

    def find(self, limited: dict[str, list[BalanceKey]]) -> None:
        """Find the balances that count the calls.

        Args:
            limited: The balances with a limit, by account.
        """
        keys = {key for _, key in self.rules}
        for account in self.accounts.values():
            keys.update(key for key in limited.get(account, ()) if is_in_window(key, self.started))
        self.keys = tuple(sorted(keys))


class Countings:
    """The countings of a group's calls, computed once for all calls that count alike."""

    def __init__(self, limits: Rules) -> None:
        """Store the limits for all calls."""
        self._limits = limits
        self._all: dict[Signature, Counting] = {}
        self._by_id: dict[str, Counting] = {}

    def add(self, start: Start) -> None:
        """Add a call that is to be put on balances."""
        signature = _signature(start)
        counting = self._all.get(signature)
        if counting is None:
            counting = Counting(start.attribution.accounts(), start.limits, start.started)
            self._all[signature] = counting
        self._by_id[start.id] = counting

    def of(self, start: Start) -> Counting:
        """Return the counting of a call; a call that was not added counts nowhere."""
        return self._by_id.get(start.id) or _NOWHERE

    def ids(self) -> list[str]:
        """Return the ids of the calls, sorted."""
        return sorted(self._by_id)

    def accounts(self) -> set[str]:
        """Return all accounts."""
        return {name for each in self._all.values() for name in each.accounts.values()}

    def wanted(self) -> list[str]:
        """Return the names for which limits of the calls may be set, sorted."""
        return sorted({n for each in self._all.values() for n in wanted_accounts(each.accounts)})

    def choose(self, in_ledger: Rules) -> dict[BalanceKey, Rule]:
        """Find the limits that apply, given those that are set in the ledger."""
        for each in self._all.values():
            each.choose(self._limits, in_ledger)
        return {key: rule for each in self._all.values() for rule, key in each.rules}

    def find(self, limited: Iterable[BalanceKey]) -> None:
        """Find the balances that count the calls, given those that have a limit."""
        by_account: dict[str, list[BalanceKey]] = {}
        for key in limited:
            by_account.setdefault(key.account, []).append(key)
        for each in self._all.values():
            each.find(by_account)


_NOWHERE = Counting({}, (), datetime.min.replace(tzinfo=UTC))


def _signature(start: Start) -> Signature:
    """Return the values by which calls count alike; no window begins within a minute."""
    attribution = start.attribution
    own = tuple(attribution.own.items()) if attribution.own else ()
    return (*_dimensions_of(attribution), own, start.limits, start.started.timestamp() // 60)
