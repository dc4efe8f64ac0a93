"""Run `bulk run --batch`: the rows of a run in batch jobs, in the journal of live runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_qwen36._transport import backoff
from langchain_qwen36.bulk.batch.actions import adrive
from langchain_qwen36.bulk.batch.core import JobCore, JobSetup
from langchain_qwen36.bulk.batch.lines import batch_body, encode_line, mode_of
from langchain_qwen36.bulk.batch.outcomes import outcome_of
from langchain_qwen36.bulk.batch.part_files import PartWriter
from langchain_qwen36.bulk.batch.planning import check_model, new_part, prepare_request
from langchain_qwen36.bulk.batch.polling import Polling
from langchain_qwen36.bulk.runner import Progress
from langchain_qwen36.bulk.task import ModelTask, error_record
from langchain_qwen36.bulk.types import Outcome, Turn
from langchain_qwen36.errors import BudgetExceededError, BulkInputError, MessageError
from langchain_qwen36.pricing.money import sum_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_core.messages import AIMessage

    from langchain_qwen36._request.types import Request
    from langchain_qwen36.bulk.batch.store import Part
    from langchain_qwen36.bulk.journal import Journal
    from langchain_qwen36.bulk.row_queue import Item, RowQueue
    from langchain_qwen36.bulk.task import Task
    from langchain_qwen36.bulk.types import Run
    from langchain_qwen36.errors import QwenError
    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend import SpendLedger


class BatchRunner:
    """Puts the rows of a queue into batches and waits for their results.

    Rows in batches of an earlier run are waited for as well, and not sent again. A run without
    batches continues with the rows that a batch did not answer.
    """

    def __init__(
        self,
        queue: RowQueue,
        task: Task,
        journal: Journal,
        run: Run,
        *,
        ledgers: Sequence[SpendLedger] = (),
        window: str = "24h",
        polling: Polling | None = None,
        on_tick: Callable[[Any], None] | None = None,
    ) -> None:
        """Store the parts of a run, and check that it can run in batches.

        Args:
            queue: The queue of rows.
            task: Builds the request of one row.
            journal: The journal of the run.
            run: The run.
            ledgers: The spend ledgers in which a batch is reserved before it is sent.
            window: How long a batch may take.
            polling: Intervals between two requests for the state.
            on_tick: Called after each reading of the state, to show the progress.

        Raises:
            BulkInputError: The rows are not single calls of a `ChatQwen36`.
            UnsupportedSettingError: The gateway runs no batches, as far as is known.
        """
        if not isinstance(task, ModelTask):
            raise BulkInputError(
                "Batches run a `ChatQwen36`, with or without bound tools or a schema, not a chain."
            )
        self.queue = queue
        self.progress = Progress()
        self._task, self._run = task, run
        self._polling, self._on_tick = polling or Polling(), on_tick
        setup = JobSetup.of(task.runnable)
        self._core = JobCore(setup, journal, window, self._outcome, ledgers)
        self._has_ledgers = bool(ledgers)
        self._expected: dict[str, Money | None] = {}
        """Estimated cost of the rows in the open files."""
        self._refusal: BudgetExceededError | None = None
        self._fields: dict[str, Mapping[str, Any]] = {}
        """Inputs of the rows in the open files: the dead letters show them."""
        self._first: Request | None = None

    @property
    def in_flight(self) -> int:
        """Number of rows in batches whose results are to come."""
        return sum(part.rows for part in self._core.store.parts() if part.is_running)

    async def run(self) -> None:
        """Send all rows, and wait until their results are in the journal.

        Raises:
            QwenError: The gateway refuses, or cannot be reached for long; a later run continues.
        """
        self._core.check_gateway()
        self._core.store.remove_strays()
        await self._drive(self._core.read_listed_price())
        await self._plan()
        if self.queue.stop_reason is not None:
            return
        await self._drive(self._core.submit_planned())
        await self._drive(
            self._core.finish(
                None,
                self._polling,
                is_stopped=lambda: self.queue.stop_reason is not None,
                on_look=self._tick,
            )
        )
        if self._refusal is not None:
            self.queue.stop(str(self._refusal))

    async def _drive(self, steps: Any) -> None:
        await adrive(steps, self._core.client, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the run is to stop."""
        if backoff.waits():
            await self.queue.sleep(seconds)

    def _tick(self) -> None:
        if self._on_tick is not None:
            self._on_tick(self)

    # Rows to parts.

    async def _plan(self) -> None:
        store = self._core.store
        store.folder.mkdir(parents=True, exist_ok=True)
        writer = PartWriter(store.folder, self._core.service, self._new_part, self._add)
        try:
            while self._refusal is None and (item := await self.queue.take()):
                await asyncio.to_thread(self._write, item, writer)
            if self.queue.stop_reason is not None:
                writer.discard()  # its rows stay pending
                return
            await asyncio.to_thread(writer.close)
        except BaseException:
            writer.discard()
            raise

    def _write(self, item: Item, writer: PartWriter) -> None:
        try:
            request = self._request(item)
            line = encode_line(item.key, batch_body(request), self._core.service)
        except MessageError as error:
            outcome = Outcome(
                key=item.key, state="failed", error=error_record(error), fields=item.row.fields
            )
            self._core.store.journal.apply([Turn(outcome)])
            self.progress.failed += 1
            return
        self._fields[item.key] = item.row.fields
        writer.add(item.key, line, mode_of(request))

    def _request(self, item: Item) -> Request:
        core = self._core
        messages = core.chain.messages(item.request)
        request = prepare_request(core.chain, core.endpoint, messages)
        if self._has_ledgers:
            self._expected[item.key] = core.price(request, messages)
        if self._first is None:
            check_model(core.service, request, allow_unlisted=False)
            self._first = request
        return request

    def _new_part(self, mode: tuple[str, bool | None]) -> Part:
        core = self._core
        return new_part(self._run, core.endpoint, mode, self._first, core.listed_price)

    def _add(self, part: Part, keys: list[str]) -> None:
        inputs = {key: self._fields.pop(key) for key in keys}
        if not self._has_ledgers:
            self._core.store.add(part, keys, inputs)
            return
        prices = [self._expected.pop(key) for key in keys]
        try:
            self._core.spending.reserve(part, _sum(prices))
        except BudgetExceededError as error:
            self._refusal = error
            self._core.store.remove_files(part)
        else:
            self._core.store.add(part, keys, inputs)

    # Results.

    def _outcome(
        self, key: str, ending: AIMessage | QwenError, fields: Mapping[str, Any] | None
    ) -> Outcome:
        outcome = outcome_of(key, ending, fields, parse=self._core.chain.parse)
        self.progress.count(outcome)
        self.progress.done += outcome.state == "done"
        self.progress.failed += outcome.state == "failed"
        return outcome


def _sum(prices: Sequence[Money | None]) -> Money | None:
    """Add the estimated costs of rows; None if a price is not known."""
    known = [price for price in prices if price is not None]
    if not known or len(known) < len(prices):
        return None
    return sum_of(known)
