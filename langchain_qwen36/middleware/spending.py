"""Spending accounts of runs, threads and users, and blocks that charge calls to them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_qwen36.callbacks import QwenCostCallbackHandler
from langchain_qwen36.callbacks.context import counting_in, current_handler
from langchain_qwen36.callbacks.ledger import Balance

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from langchain_qwen36.errors import BudgetExceededError


class SpendingAccount(Balance):
    """What was spent on one run, thread or user, and what its calls in flight hold.

    `SpendingAccount({"USD": "0.25"})` begins with a sum. It pickles, without the calls in flight.
    """

    def saved(self) -> dict[str, str]:
        """Return the sums as texts, for a checkpoint or a file of your own."""
        return {currency: format(s.normalize(), "f") for currency, s in self.spent.items()}


class UserAccounts:
    """The accounts of users in a mapping that may be on disk and hand out copies.

    The calls in flight are in this process, so one object per user is kept as long as the mapping
    holds the sums that were written last; who writes other sums there resets the account.
    """

    def __init__(self, stored: MutableMapping[str, SpendingAccount]) -> None:
        self._stored = stored
        self._live: dict[str, tuple[SpendingAccount, dict[str, str]]] = {}

    def open(self, user: str) -> SpendingAccount:
        """Return a user's account; a new one where the mapping has none."""
        stored = self._stored.get(user)
        live, saved = self._live.get(user, (None, {}))
        if live is not None and (stored is live or (stored and stored.saved() == saved)):
            return live
        account = SpendingAccount() if stored is None else stored
        self.save(user, account)
        return account

    def save(self, user: str, account: SpendingAccount) -> None:
        """Write an account to the mapping."""
        self._live[user] = (account, account.saved())
        self._stored[user] = account


@contextmanager
def track_spending(account: SpendingAccount, **settings: Any) -> Iterator[None]:
    """Charge every call made inside the block to an account; its budget may refuse them.

    An account that an enclosing block charges already is left to that: no call is charged twice.

    Args:
        account: The account.
        **settings: Keywords of `QwenCostCallbackHandler`.
    """
    outer = current_handler()
    if outer is not None and outer.charges(account):
        yield
        return
    handler = QwenCostCallbackHandler(**settings)
    handler.charge_to(account)
    with counting_in(handler):
        yield


def is_refused_by(error: BudgetExceededError, account: SpendingAccount) -> bool:
    """Return whether an account's own budget refused a call, not one around it."""
    return getattr(error, "balance", None) is account
