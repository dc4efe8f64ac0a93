"""Charge the calls that a graph's other nodes make, such as a summary, to the budgets of its run.

A node has a context of its own, so a context variable cannot carry a budget into it. The run's
state names its open accounts, and LangChain calls a hook at the start of each call, inside the
node: the hook reads the state and adds a handler that charges the accounts.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from langchain_core.runnables.config import var_child_runnable_config

from langchain_qwen36.callbacks.context import current_handler
from langchain_qwen36.middleware.budget_state import STATE_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar

    from langchain_qwen36.callbacks import QwenCostCallbackHandler
    from langchain_qwen36.middleware.spending import SpendingAccount

_READ_KEY = "__pregel_read"
"""LangGraph's config key of the function that reads the state of the graph around a node."""
_MOST_RUNS = 100_000
"""Most runs that are remembered; a run that ends by an error is never removed."""


class _Budget(NamedTuple):
    account: SpendingAccount
    new_handler: Callable[[], QwenCostCallbackHandler]


_budgets: dict[str, _Budget] = {}
"""The budget of each run's account, by its id in the state."""
_handlers: dict[tuple[str, ...], QwenCostCallbackHandler] = {}
_lock = threading.Lock()


def watch(
    id_: str, account: SpendingAccount, new_handler: Callable[[], QwenCostCallbackHandler]
) -> None:
    """Charge calls of the graph whose state names this account by its id.

    Args:
        id_: The account's id in the state.
        account: The account; calls that a block already charges to it are left alone.
        new_handler: Makes the handler that charges the account.
    """
    _register_hook()
    with _lock:
        _budgets[id_] = _Budget(account, new_handler)
        if len(_budgets) > _MOST_RUNS:
            _drop(next(iter(_budgets)))


def unwatch(id_: str) -> None:
    """Drop an account whose run has ended."""
    with _lock:
        _drop(id_)


def _drop(id_: str) -> None:
    _budgets.pop(id_, None)
    for ids in [ids for ids in _handlers if id_ in ids]:
        del _handlers[ids]


class _BudgetsOfTheGraph:
    """A stand-in for a context variable, for LangChain's hook: its value depends on the node."""

    def get(self) -> QwenCostCallbackHandler | None:
        """Return the handler for the accounts of the graph that is running, if it has any."""
        if not _budgets:
            return None
        ids = _open_accounts()
        current = current_handler()
        uncharged = tuple(
            id_ for id_ in ids if current is None or not current.charges(_budgets[id_].account)
        )
        return _handler_for(uncharged) if uncharged else None


def _open_accounts() -> list[str]:
    config = var_child_runnable_config.get()
    read = ((config or {}).get("configurable") or {}).get(_READ_KEY)
    if read is None:
        return []
    try:
        entries: dict[str, Any] = read(STATE_KEY) or {}
    except KeyError:  # a graph without a budget
        return []
    return [id_ for entry in entries.values() if (id_ := entry["id"]) in _budgets]


def _handler_for(ids: tuple[str, ...]) -> QwenCostCallbackHandler:
    """Return one handler for these accounts: the same for nested runs, which inherit it."""
    with _lock:
        if ids not in _handlers:
            first, *others = [_budgets[id_].new_handler() for id_ in ids]
            inner = first
            for handler in others:
                inner.set_parent(handler)
                inner = handler
            _handlers[ids] = first
        return _handlers[ids]


@cache
def _register_hook() -> None:
    """Register the hook with LangChain; once, since a hook cannot be removed."""
    from langchain_core.tracers.context import register_configure_hook  # noqa: PLC0415 - slow

    register_configure_hook(cast("ContextVar[Any]", _BudgetsOfTheGraph()), inheritable=True)
