"""Send alerts: a share of a budget is spent, a price is unknown, a day costs more than usual."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from langchain_qwen36._logging import logger_for
from langchain_qwen36.pricing.units import money_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend.limits import BalanceKey

logger = logger_for(__name__)

JUMP_FACTOR = 2
"""A day that costs this many times the same weekday's cost in the four weeks before is a jump."""
_JUMP_SECONDS = 300.0
"""Seconds between two comparisons of the day."""
_WEEKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An event that somebody should know about."""

    kind: Literal["share", "unpriced", "jump"]
    """A share of a budget is spent, a price is unknown, or a day costs far more than usual."""
    message: str
    """The event, as a sentence."""
    account: str = ""
    """The account of the budget."""
    share: float = 0.0
    """The share of the budget that is spent now, one of `alert_at`."""
    spent: Money | None = None
    """The amount that the account has spent in its window; for a jump, the cost of the day."""
    limit: Money | None = None
    """The budget; for a jump, the usual cost of the day."""
    model: str = ""
    """The model whose price is unknown."""
    gateway: str = ""
    """The gateway at which its price is unknown."""


OnAlert = Callable[[Alert], Awaitable[None] | None]
Crossed = tuple["BalanceKey", int, int, int]
"""A balance that was raised: key, spent before and after, limit."""


class Alerts:
    """Calls `on_alert` in a thread of its own, so that no call waits for it.

    A share is reported by the one process that crossed it; an unknown price and a jump once by each
    process.
    """

    def __init__(self, on_alert: OnAlert, shares: Sequence[float]) -> None:
        if not all(0 < share <= 1 for share in shares):
            raise ValueError(f"alert_at={shares!r} must be shares above 0 and at most 1")
        self._on_alert = on_alert
        self._shares = sorted(shares)
        self._unpriced: set[tuple[str, str]] = set()
        self._days: set[tuple[str, str]] = set()
        self._compare_at = 0.0
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def crossed(self, balances: Iterable[Crossed]) -> None:
        """Report the highest share that each balance has just passed."""
        for key, before, after, limit in balances:
            passed = [share for share in self._shares if before < share * limit <= after]
            if passed:
                self._put(_share_alert(key, passed[-1], after, limit))

    def unpriced(self, model: str, gateway: str) -> None:
        """Report a model whose price is unknown, once."""
        if (model, gateway) not in self._unpriced:
            self._unpriced.add((model, gateway))
            name = f"{model or 'a model without a name'} at {gateway or 'an unknown gateway'}"
            message = f"No price is known for {name}: its calls are charged as held."
            self._put(Alert(kind="unpriced", message=message, model=model, gateway=gateway))

    def compare_days(self, daily: Callable[[str, str], dict[tuple[str, str], int]]) -> None:
        """Compare today to the same weekdays before, at intervals.

        Args:
            daily: Returns the cost of each day and currency from a first to a last day.
        """
        if time.monotonic() >= self._compare_at:
            self._compare_at = time.monotonic() + _JUMP_SECONDS
            self._start().put(lambda: self._compare(daily))

    def close(self) -> None:
        """Send the queued alerts, and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            if self._thread is not threading.current_thread():  # `on_alert` may close the ledger
                self._thread.join(timeout=10)
            self._thread = None

    def forget_thread(self) -> None:
        """Start again in a child process, which lacks the thread."""
        self._thread, self._queue = None, SimpleQueue()

    def _compare(self, daily: Callable[[str, str], dict[tuple[str, str], int]]) -> None:
        today = datetime.now(UTC).date()
        days = [(today - timedelta(weeks=n)).isoformat() for n in range(_WEEKS + 1)]
        costs = daily(days[-1], days[0])
        for currency in {currency for _, currency in costs}:
            before = [costs.get((day, currency), 0) for day in days[1:]]
            usual, cost = sum(before) // _WEEKS, costs.get((days[0], currency), 0)
            if usual and cost > JUMP_FACTOR * usual and (days[0], currency) not in self._days:
                self._days.add((days[0], currency))
                self._tell(_jump_alert(currency, cost, usual))

    def _put(self, alert: Alert) -> None:
        self._start().put(lambda: self._tell(alert))

    def _start(self) -> SimpleQueue[Callable[[], None] | None]:
        if self._thread is None:
            name = "langchain-qwen36-alerts"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            thread.start()
            self._thread = thread
        return self._queue

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                task()
            except Exception:
                logger.exception("An alert failed")

    def _tell(self, alert: Alert) -> None:
        result: Any = self._on_alert(alert)
        if inspect.isawaitable(result):
            asyncio.run(_await(result))


async def _await(result: Awaitable[None]) -> None:
    await result


def _share_alert(key: BalanceKey, share: float, units: int, limit_units: int) -> Alert:
    spent, limit = money_in(units, key.currency), money_in(limit_units, key.currency)
    per = "" if key.per == "ever" else f" a {key.per}"
    message = f"{key.account} has spent {share:.0%} of {limit}{per}: {spent}."
    return Alert(
        kind="share", message=message, account=key.account, share=share, spent=spent, limit=limit
    )


def _jump_alert(currency: str, cost: int, usual: int) -> Alert:
    spent, limit = money_in(cost, currency), money_in(usual, currency)
    message = f"Today costs {spent} so far; this weekday usually costs {limit}."
    return Alert(kind="jump", message=message, spent=spent, limit=limit)
