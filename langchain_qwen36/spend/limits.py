"""Choose the limits that apply to a call, and the balance in which each is counted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, cast

from langchain_qwen36.pricing.units import money_in, units_of
from langchain_qwen36.spend.windows import Window, window_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend.accounts import Limit
    from langchain_qwen36.spend.windows import Per


class BalanceKey(NamedTuple):
    """The key of the database row that sums an account's spending in a window."""

    account: str
    per: str
    zone: str
    window_start: str
    currency: str


NO_LIMIT = -1
"""In place of a balance's limit that was removed: its window counts on, for a later limit."""
_LONGEST_WINDOW = timedelta(days=33)
"""A month, plus the largest difference of time zones."""


def oldest_window(now: int) -> str:
    """Return the earliest start that a window of now, in microseconds since 1970, may have."""
    return (datetime.fromtimestamp(now / 1_000_000, UTC) - _LONGEST_WINDOW).date().isoformat()


def is_in_window(key: BalanceKey, moment: datetime) -> bool:
    """Return whether a call begun at that moment counts in a balance."""
    return window_at(cast("Per", key.per), key.zone, moment).start == key.window_start


@dataclass(slots=True)
class Balance:
    """The sums of a window, in units."""

    spent: int = 0
    held: int = 0
    topped_up: int = 0
    limit: int | None = None
    is_new: bool = False
    changed: bool = False
    """Whether it must be written."""


class Rule(NamedTuple):
    """A limit as it applies to one account."""

    account: str
    per: Per
    zone: str
    amount: int
    """The amount in units of the currency."""
    currency: str

    @property
    def money(self) -> Money:
        """The amount of the limit."""
        return money_in(self.amount, self.currency)

    def window(self, moment: datetime) -> Window:
        """Return the window in which a call begun at that moment counts."""
        return window_at(self.per, self.zone, moment)

    def key(self, moment: datetime) -> BalanceKey:
        """Return the key of the balance that the limit counts."""
        start = self.window(moment).start
        return BalanceKey(self.account, self.per, self.zone, start, self.currency)


class Rules:
    """Limits by the account for which they are set, `user:u1` or `user:*`."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._by_account: defaultdict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            self._by_account[rule.account].append(rule)

    @classmethod
    def of(cls, limits: Iterable[Limit]) -> Rules:
        """Convert limits that are set in code."""
        return cls(
            Rule(limit.account, limit.per, limit.zone, units_of(money.amount), money.currency)
            for limit in limits
            for money in (limit.money,)
        )

    def __bool__(self) -> bool:
        return bool(self._by_account)

    def choose(self, accounts: Mapping[str, str], chosen: dict[tuple[str, str, str], Rule]) -> None:
        """Add the limits of these accounts, in place of those for the same window and zone.

        An account's own limit wins over the limit of each account of its kind.
        """
        for kind, account in accounts.items():
            for name in (f"{kind}:*", account):
                for rule in self._by_account.get(name, ()):
                    chosen[account, rule.per, rule.zone] = rule._replace(account=account)


def wanted_accounts(accounts: Mapping[str, str]) -> list[str]:
    """Return the names for which limits of a call may be set."""
    return [*accounts.values(), *(f"{kind}:*" for kind in accounts)]


def rules_for(accounts: Mapping[str, str], *layers: Rules) -> list[Rule]:
    """Return the limits of a call, in a fixed order; later layers win over earlier ones."""
    chosen: dict[tuple[str, str, str], Rule] = {}
    for rules in layers:
        if rules:
            rules.choose(accounts, chosen)
    return sorted(chosen.values())
