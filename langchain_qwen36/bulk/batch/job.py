"""`BatchJob`: requests that a gateway runs within a day, mostly at half the price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from langchain_qwen36.bulk.batch.actions import adrive, drive
from langchain_qwen36.bulk.batch.core import JobCore, SubmitOptions
from langchain_qwen36.bulk.batch.outcomes import BatchResult
from langchain_qwen36.bulk.batch.polling import Polling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    from langchain_qwen36.bulk.batch.status import BatchStatus
    from langchain_qwen36.catalog.batch_services import BatchService
    from langchain_qwen36.pricing import Money


class BatchJob:
    """Requests that a gateway runs as batches, recorded in a journal.

        with BatchJob.submit(model, ["One", "Two"], state="job.journal") as job:
            job.wait()
            for result in job.results():
                print(result.id, result.message.text if result.message else result.error)

    A job outlives its process: `BatchJob.attach(model, "job.journal")` continues it, and so does
    another `submit` of the same inputs, which sends none of them again. The id of a batch is on the
    disk before anything else is done, and a batch is never created twice: after a failure it is
    searched for by its input file first.

    Every method that calls the gateway has an async twin: `asubmit`, `astatus`, `await_end`,
    `aresults`, `acancel`.
    """

    def __init__(self, core: JobCore) -> None:
        """Use `submit` or `attach`."""
        self._core = core

    @classmethod
    def submit(
        cls,
        model: Any,
        inputs: Iterable[Any],
        *,
        state: str | Path,
        ids: Iterable[str] | None = None,
        window: str = "24h",
        budget: str | Money | None = None,
        service: BatchService | None = None,
        allow_unlisted: bool = False,
    ) -> Self:
        """Write the requests of all inputs into files and create batches of them.

        Args:
            model: A `ChatQwen36`, with tools or a schema bound or not, or a sequence with one in
                it, such as `prompt | model | parser`.
            inputs: Inputs of the model or sequence; any number: they become as many batches as
                needed.
            state: The journal's file; created if there is none.
            ids: Names of the inputs, in their order; None: their numbers, from 1.
            window: How long the gateway may take, `24h` to `14d`.
            budget: An amount such as `"5 USD"`; rows that may cost more are not sent.
            service: How the gateway takes batches, if this package does not know it.
            allow_unlisted: Whether to send a model that the gateway does not list for batches.

        Raises:
            UnsupportedSettingError: the gateway or the model runs no batches, as far as is known,
                or a setting cannot be sent.
            BudgetExceededError: the rows may cost more than the budget, or their price is not
                known; nothing was sent.
            JournalError: the journal cannot be written, or another process is writing it.
            QwenError: the gateway refuses, or cannot be reached; `attach` goes on from there.
        """
        core = JobCore.open(model, state, window=window, service=service)
        options = SubmitOptions(ids, budget, allow_unlisted)
        with core.closed_on_error():
            drive(core.submit(inputs, options), core.client)
        return cls(core)

    @classmethod
    async def asubmit(
        cls,
        model: Any,
        inputs: Iterable[Any],
        *,
        state: str | Path,
        ids: Iterable[str] | None = None,
        window: str = "24h",
        budget: str | Money | None = None,
        service: BatchService | None = None,
        allow_unlisted: bool = False,
    ) -> Self:
        """`submit`, async; inputs are read in a thread."""
        core = JobCore.open(model, state, window=window, service=service)
        options = SubmitOptions(ids, budget, allow_unlisted)
        with core.closed_on_error():
            await adrive(core.submit(inputs, options), core.client)
        return cls(core)

    @classmethod
    def attach(cls, model: Any, state: str | Path, *, service: BatchService | None = None) -> Self:
        """Continue the job of a journal, in another process or after a crash; sends nothing yet.

        Args:
            model: The model as it was submitted: its key and its parser are not in the journal.
            state: The journal's file.
            service: The service as it was submitted.

        Raises:
            JournalError: There is no such journal, or another process is writing it.
            UnsupportedSettingError: The batches are at another gateway than the model's.
        """
        core = JobCore.open(model, state, service=service)
        with core.closed_on_error():
            core.check_gateway()
        return cls(core)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal; the gateway continues the job."""
        self._core.close()

    def status(self) -> BatchStatus:
        """Read the state of the batches from the gateway; fetches no results.

        Raises:
            QwenError: The gateway refuses, or cannot be reached.
        """
        return drive(self._core.look(), self._core.client)

    async def astatus(self) -> BatchStatus:
        """`status`, async."""
        return await adrive(self._core.look(), self._core.client)

    def wait(self, *, timeout: float | None = None, polling: Polling | None = None) -> BatchStatus:
        """Wait for the end of all batches, and store their results in the journal.

        Files at the gateway are deleted as soon as their contents are in the journal.

        Args:
            timeout: Most seconds to wait; None: as long as it takes.
            polling: Intervals between two requests for the state.

        Raises:
            TimeoutError: The time ran out; the job continues at the gateway.
            QwenError: The gateway refuses, or cannot be reached for long.
        """
        return drive(self._core.finish(timeout, polling or Polling()), self._core.client)

    async def await_end(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as `wait`: it is no cancellation
        polling: Polling | None = None,
    ) -> BatchStatus:
        """`wait`, async."""
        return await adrive(self._core.finish(timeout, polling or Polling()), self._core.client)

    def results(self, *, polling: Polling | None = None) -> Iterator[BatchResult]:
        """Wait for the end, and yield the result of each row, in the order of the inputs.

        Raises:
            QwenError: The gateway refuses, or cannot be reached for long.
        """
        self.wait(polling=polling)
        yield from self._rows()

    async def aresults(self, *, polling: Polling | None = None) -> AsyncIterator[BatchResult]:
        """`results`, async."""
        await self.await_end(polling=polling)
        for result in self._rows():
            yield result

    def cancel(self) -> BatchStatus:
        """Request the end of all batches; answers made by then are billed and kept.

        `wait` continues until they have ended. Rows that were not run say so.

        Raises:
            UnsupportedSettingError: The gateway cannot cancel batches.
            QwenError: The gateway refuses, or cannot be reached.
        """
        return drive(self._core.cancel(), self._core.client)

    async def acancel(self) -> BatchStatus:
        """`cancel`, async."""
        return await adrive(self._core.cancel(), self._core.client)

    def _rows(self) -> Iterator[BatchResult]:
        return (BatchResult.of(row) for row in self._core.store.journal.rows())
