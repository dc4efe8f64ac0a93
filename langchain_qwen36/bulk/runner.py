"""Run the rows of an input: workers, retries, and a stop that loses no answer."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from langchain_qwen36.bulk.group_commit import GroupCommit
from langchain_qwen36.bulk.task import may_retry
from langchain_qwen36.bulk.types import Turn
from langchain_qwen36.errors import (
    AuthenticationError,
    BudgetExceededError,
    EngineError,
    LedgerError,
    MissingKeyError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.callbacks import BaseCallbackHandler

    from langchain_qwen36.bulk.concurrency import Concurrency
    from langchain_qwen36.bulk.journal import Journal
    from langchain_qwen36.bulk.row_queue import Item, RowQueue
    from langchain_qwen36.bulk.task import Answer, Task
    from langchain_qwen36.bulk.types import Outcome

_STOPPING = (
    AuthenticationError,
    PaymentRequiredError,
    MissingKeyError,
    LedgerError,
    EngineError,
)
"""Errors that every row would meet: the run stops, and the row is not to blame."""
_STOPPING_AT_FIRST = (PermissionDeniedError, NotFoundError)
"""Errors that stop the run as long as no row had an answer; later they are the row's own."""
_TICK = 0.2
"""Seconds between two checks of the workers and the progress."""
_BACK_OFF = 0.1
_LONGEST_BACK_OFF = 30.0
_LONGEST_RETRY_AFTER = 120.0
_OVERLOAD = frozenset({429, 503, 529})
"""Statuses that ask for fewer calls at once."""


@dataclass(slots=True)
class Progress:
    """The progress of a run."""

    started: float = field(default_factory=time.monotonic)
    calls: int = 0
    done: int = 0
    """Answers of this run."""
    failed: int = 0
    """Dead letters of this run."""
    tokens: int = 0
    cost: dict[str, int] = field(default_factory=dict)
    """Cost of this run, in units of 10^-12 by currency."""
    last_answer: float = field(default_factory=time.monotonic)

    def count(self, ended: Answer | Outcome) -> None:
        """Add the usage and the cost of an attempt."""
        self.calls += 1
        self.tokens += (ended.usage or {}).get("total_tokens", 0)
        if ended.cost:
            self.cost[ended.currency] = self.cost.get(ended.currency, 0) + ended.cost


class Runner:
    """Calls the rows of a queue, as many at once as the concurrency allows."""

    def __init__(
        self,
        queue: RowQueue,
        task: Task,
        journal: Journal,
        concurrency: Concurrency,
        *,
        callbacks: Sequence[BaseCallbackHandler] = (),
        max_attempts: int = 5,
        stall_seconds: float = 600.0,
        on_tick: Callable[[Runner], None] | None = None,
    ) -> None:
        """Choose what runs.

        Args:
            queue: The queue of rows.
            task: Calls one row.
            journal: Where answers are written.
            concurrency: Limits the calls at once.
            callbacks: Callbacks of each call, such as the handler of a budget.
            max_attempts: Calls of a row that may fail before it is a dead letter; 429s are not
                counted.
            stall_seconds: Seconds without an answer, because of 429s, after which the run stops.
            on_tick: Called a few times a second, to show the progress.
        """
        self.queue = queue
        self.concurrency = concurrency
        self.progress = Progress()
        self._task = task
        self._callbacks = callbacks
        self._max_attempts = max_attempts
        self._stall_seconds = stall_seconds
        self._on_tick = on_tick
        self._commits = GroupCommit(journal, lambda error: queue.stop(str(error)))
        self._workers: set[asyncio.Task[None]] = set()
        self._refusal: BudgetExceededError | None = None
        """The budget's last refusal, until a call ends and frees its hold."""
        self._room: int | None = None
        """How many workers may start while the budget is nearly spent; None: no limit."""

    @property
    def in_flight(self) -> int:
        """Number of workers of this run."""
        return len(self._workers)

    async def run(self) -> None:
        """Call all rows; return when the last answer is durable.

        Raises:
            JournalError: Answers could not be written.
        """
        try:
            while self._grow() or self._workers:
                await self._wait()
                self._collect()
                if self._on_tick is not None:
                    self._on_tick(self)
        finally:
            await self._cancel_workers()
            await self.queue.close()
            await self._commits.close()

    async def _wait(self) -> None:
        if not self._workers:  # other runs of the same key have all the slots
            await asyncio.sleep(_TICK)
            return
        await asyncio.wait(self._workers, timeout=_TICK, return_when=asyncio.FIRST_COMPLETED)

    def _grow(self) -> bool:
        """Start workers up to the limit; return whether there is more for them to do."""
        if self._refusal is not None and not self._workers:
            self.queue.stop(f"the budget bears no further call: {self._refusal}")
        while self.queue.has_more and self._room != 0 and self.concurrency.try_enter():
            self._room = None if self._room is None else self._room - 1
            slot = Slot(self.concurrency)
            worker = asyncio.create_task(self._work(slot))
            worker.add_done_callback(slot.leave)  # even if it is cancelled before it begins
            self._workers.add(worker)
        return self.queue.has_more

    def _collect(self) -> None:
        """Remove workers that have ended; raise the error that ended one."""
        ended = {worker for worker in self._workers if worker.done()}
        self._workers -= ended
        for worker in ended:
            if not worker.cancelled() and (error := worker.exception()):
                raise error

    async def _cancel_workers(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()

    async def _work(self, slot: Slot) -> None:
        """Call row after row; each next one only when the last one's answer is durable."""
        item = await self._begin_next()
        while item is not None:
            item = await self._turn(item, slot)
            self._grow()

    async def _begin_next(self) -> Item | None:
        if item := await self.queue.take():
            await self._commits.commit(Turn(begun=item.key))
        return item

    async def _turn(self, item: Item, slot: Slot) -> Item | None:
        """Call a row, make its end durable, and begin the next; None: the worker is to end."""
        began = time.monotonic()
        answer = await self._task.call(item.request, self._callbacks)
        verdict = self._judge(item, answer, began)
        goes_on = verdict.goes_on and not slot.leave_if_too_many()
        following = self.queue.take_now() if goes_on and not verdict.nap else None
        await self._commits.commit(Turn(verdict.outcome, following.key if following else None))
        if verdict.is_put_back:
            self.queue.put_back(item, verdict.nap)
        if verdict.nap and goes_on:
            await self.queue.sleep(verdict.nap)
        return following or (await self._begin_next() if goes_on else None)

    # The outcome of an answer.

    def _judge(self, item: Item, answer: Answer, began: float) -> _Verdict:
        error = answer.error
        if isinstance(error, BudgetExceededError):
            return self._refused_by_budget(item, answer, error)
        self.progress.count(answer)
        self._refusal = None
        self._room = None if self._room is None else self._room + 2
        if error is None or answer.message is not None:
            self.progress.last_answer = time.monotonic()
            self.concurrency.succeeded(self.progress.last_answer - began)
        if error is None:
            self.progress.done += 1
            return _Verdict(answer.outcome(item.key))
        if self._stops(error):
            self.queue.stop(f"{type(error).__name__}: {error}")
            return _Verdict(answer.outcome(item.key, is_final=False), goes_on=False)
        if may_retry(error):
            return self._retry(item, answer, error)
        return self._failed(item, answer)

    def _refused_by_budget(
        self, item: Item, answer: Answer, error: BudgetExceededError
    ) -> _Verdict:
        """Put a row back until a call in flight has ended and freed its hold."""
        self._refusal, self._room = error, 0
        outcome = replace(answer.outcome(item.key, is_final=False), sent=False)
        return _Verdict(outcome, goes_on=False, is_put_back=True)

    def _stops(self, error: BaseException) -> bool:
        is_first = not self.progress.done and isinstance(error, _STOPPING_AT_FIRST)
        return is_first or (isinstance(error, _STOPPING) and not may_retry(error))

    def _retry(self, item: Item, answer: Answer, error: BaseException) -> _Verdict:
        if getattr(error, "status_code", None) in _OVERLOAD or isinstance(error, RateLimitError):
            self.concurrency.refused()
        if isinstance(error, RateLimitError):
            self._check_stall(error)
        else:
            item.failures += 1
        if item.failures >= self._max_attempts:
            return self._failed(item, answer)
        nap = self._pause(error, item)
        return _Verdict(answer.outcome(item.key, is_final=False), is_put_back=True, nap=nap)

    def _pause(self, error: BaseException, item: Item) -> float:
        """Return the seconds before another attempt, randomized so that clients come back apart."""
        if (seconds := getattr(error, "retry_after", None)) is not None:
            return float(min(seconds, _LONGEST_RETRY_AFTER) * random.uniform(1, 1.1))  # noqa: S311
        if isinstance(error, RateLimitError):
            return self.concurrency.pause()
        doubled: float = _BACK_OFF * 2.0 ** min(item.failures - 1, 10)
        return min(doubled, _LONGEST_BACK_OFF) * random.uniform(0.5, 1)  # noqa: S311 - no secret

    def _failed(self, item: Item, answer: Answer) -> _Verdict:
        self.progress.failed += 1
        return _Verdict(answer.outcome(item.key, fields=item.row.fields))

    def _check_stall(self, error: RateLimitError) -> None:
        if time.monotonic() - self.progress.last_answer > self._stall_seconds:
            self.queue.stop(f"no answer for {self._stall_seconds:.0f} seconds: {error}")


@dataclass(slots=True)
class _Verdict:
    """The decision about a row and its worker."""

    outcome: Outcome
    goes_on: bool = True
    is_put_back: bool = False
    nap: float = 0.0
    """Seconds before the row, and the worker, try again."""


class Slot:
    """One of the slots of a concurrency; given back once."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency: Concurrency | None = concurrency

    def leave(self, _: object = None) -> None:
        """Give the slot back."""
        if self._concurrency is not None:
            self._concurrency.leave()
            self._concurrency = None

    def leave_if_too_many(self) -> bool:
        """Give the slot back if fewer calls may be in flight by now."""
        if self._concurrency is not None and self._concurrency.leave_if_too_many():
            self._concurrency = None
        return self._concurrency is None
