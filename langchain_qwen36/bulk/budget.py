"""Reserve each call of a bulk run in a spend ledger before it is sent."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_qwen36.callbacks import QwenCostCallbackHandler
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import Limit, SpendLedger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from langchain_core.callbacks import BaseCallbackHandler


@contextmanager
def open_ledgers(
    state: Path, budget: str | Money | None, ledger: SpendLedger | None
) -> Iterator[list[SpendLedger]]:
    """Open the ledgers in which a run's calls are reserved.

    The budget is kept in a ledger beside the journal, so that it applies to all runs with this
    journal; what calls that a crash cut off may have cost stays held, and is charged.

    Args:
        state: The journal's path.
        budget: An amount such as `"5 USD"`; None: no limit for this run.
        ledger: Your own ledger, which machines may share; its limits apply too.

    Raises:
        ValueError: The amount cannot be read.
        LedgerError: The extra `ledger` is not installed, or the ledger cannot be opened.
    """
    own = _own_ledger(state, budget) if budget is not None else None
    try:
        yield [each for each in (own, ledger) if each is not None]
    finally:
        if own is not None:
            own.close()
        if ledger is not None:
            ledger.flush()


def budget_handlers(
    ledgers: Sequence[SpendLedger], reserve: str | Money
) -> list[BaseCallbackHandler]:
    """Return the handlers that reserve each call, and refuse it if a limit would be passed.

    Args:
        ledgers: The ledgers in which calls are reserved.
        reserve: What to hold for a call: `likely`, `worst`, or an amount.
    """
    return [QwenCostCallbackHandler(ledger=each, reserve=reserve) for each in ledgers]


def _own_ledger(state: Path, budget: str | Money) -> SpendLedger:
    limit = Limit("all", Money.of(budget))
    return SpendLedger(f"sqlite:///{state}.spend", limits=[limit])
