"""Spending accounts of runs, threads and users, and blocks that charge calls to them."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from langgraph.config import get_config

from langchain_qwen36.callbacks import QwenCostCallbackHandler
from langchain_qwen36.callbacks.context import counting_in, current_handler
from langchain_qwen36.callbacks.ledger import Balance
from langchain_qwen36.pricing.units import units_of
from langchain_qwen36.spend import Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping

    from langchain_qwen36.errors import BudgetExceededError
    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend import SpendLedger
    from langchain_qwen36.spend.windows import Per as Window


class SpendingAccount(Balance):
    """The money that one run, thread or user has spent, and that is reserved for calls in flight.

    `SpendingAccount({"USD": "0.25"})` starts with a sum. It pickles, without the calls in flight.
    """

    ledger_account: str | None = None
    """The account's name in a `SpendLedger`, which then keeps its limit."""

    def saved(self) -> dict[str, str]:
        """Return the sums as texts, for a checkpoint or a file of your own."""
        return {currency: format(s.normalize(), "f") for currency, s in self.spent.items()}

    def count_at_least(self, spent: Mapping[str, str]) -> None:
        """Raise the sums to a checkpoint's; an older one, as of a fork, gives nothing back."""
        with self._lock:
            for currency, amount in spent.items():
                units = units_of(Decimal(amount))
                self._spent[currency] = max(units, self._spent.get(currency, 0))


class ThreadAccounts:
    """The accounts of the threads, or runs, that ran last, by id, beside their checkpoints.

    A checkpoint holds what was spent when it was written, so that another process can continue with
    it; this process remembers what was spent since, whichever checkpoint a run starts from.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._accounts: dict[str, SpendingAccount] = {}

    def open(self, thread: str, spent: Mapping[str, str]) -> SpendingAccount:
        """Return a thread's account, with at least the sums of its checkpoint."""
        account = self._accounts.pop(thread, None) or SpendingAccount()
        account.count_at_least(spent)
        self._accounts[thread] = account
        if len(self._accounts) > self._limit:
            del self._accounts[next(iter(self._accounts))]
        return account

    def close(self, thread: str) -> None:
        """Drop an account, whose sums are in the state."""
        self._accounts.pop(thread, None)

    def __len__(self) -> int:
        return len(self._accounts)


class UserAccounts:
    """The accounts of users in a mapping, which may be on disk and return copies.

    The calls in flight are in this process, so one object per user is kept as long as the mapping
    holds the sums that were written last; other sums in the mapping reset the account.
    """

    def __init__(self, stored: MutableMapping[str, SpendingAccount]) -> None:
        self._stored = stored
        self._live: dict[str, tuple[SpendingAccount, dict[str, str]]] = {}

    def open(self, user: str) -> SpendingAccount:
        """Return a user's account; a new one if the mapping has none."""
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
def track_spending(
    account: SpendingAccount, new_handler: Callable[[], QwenCostCallbackHandler]
) -> Iterator[None]:
    """Charge every call made inside the block to an account; its budget may refuse them.

    If an enclosing block already charges the account, this one does not: no call is charged twice.

    Args:
        account: The account.
        new_handler: Makes the handler that charges the account.
    """
    outer = current_handler()
    if outer is not None and outer.charges(account):
        yield
        return
    with counting_in(new_handler()):
        yield


def charging_handler(account: SpendingAccount, **settings: Any) -> QwenCostCallbackHandler:
    """Make a handler that charges calls to an account.

    Args:
        account: The account.
        **settings: Keywords of `QwenCostCallbackHandler`.
    """
    handler = QwenCostCallbackHandler(**settings)
    handler.charge_to(account)
    return handler


def is_refused_by(error: BudgetExceededError, account: SpendingAccount) -> bool:
    """Return whether an account's own budget refused a call, not an enclosing one."""
    if account.ledger_account is not None:
        return getattr(error, "account", None) == account.ledger_account
    return getattr(error, "balance", None) is account


def ledger_settings(
    ledger: SpendLedger, account: SpendingAccount, limit: Money | None, window: Window, zone: str
) -> dict[str, Any]:
    """Return the handler's settings that keep an account and its limit in a ledger."""
    name = account.ledger_account or ""
    limits = () if limit is None else (Limit(name, limit, per=window, zone=zone),)
    return {"ledger": ledger, "limits": limits}


def thread_id() -> str | None:
    """Return the thread that the config names, if any."""
    thread = get_config().get("configurable", {}).get("thread_id")
    return None if thread is None else str(thread)


def configured_thread() -> str:
    """Return the thread that the config names.

    Raises:
        ValueError: The config names no thread.
    """
    thread = thread_id()
    if thread is None:
        raise ValueError(
            "A budget per thread in a ledger needs the thread: pass "
            'config={"configurable": {"thread_id": …}}.'
        )
    return f"thread:{thread}"


def configured_user(_runtime: Any) -> str:
    """Return the user that the config names.

    Raises:
        ValueError: The config names no user.
    """
    user = get_config().get("configurable", {}).get("user_id")
    if user is None:
        raise ValueError(
            'A budget per user needs the user: pass config={"configurable": {"user_id": …}}, '
            "or give the middleware `user_of=`."
        )
    return str(user)
