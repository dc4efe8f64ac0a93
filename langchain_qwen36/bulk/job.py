"""`bulk.run` and `bulk.arun`: call a model for each row of an input, with a journal."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from langchain_qwen36.bulk.budget import budget_handlers, open_ledgers
from langchain_qwen36.bulk.check import Checked, IdRegister, check
from langchain_qwen36.bulk.concurrency import Concurrency, concurrency_of
from langchain_qwen36.bulk.export import export, write_dead_letters
from langchain_qwen36.bulk.journal import Journal
from langchain_qwen36.bulk.progress import open_progress
from langchain_qwen36.bulk.prompt import Prompt, RowPrompt
from langchain_qwen36.bulk.row_queue import RowQueue, Shard
from langchain_qwen36.bulk.runner import Runner
from langchain_qwen36.bulk.setting_checks import (
    AUTO,
    USUAL_WINDOW,
    check_counts,
    check_money,
    check_paths,
    check_window,
)
from langchain_qwen36.bulk.settings import RunSettings  # noqa: TC001 - users resolve it
from langchain_qwen36.bulk.source import Input, Source
from langchain_qwen36.bulk.task import Task, task_of
from langchain_qwen36.bulk.types import BulkReport, Run
from langchain_qwen36.errors import BulkInputError
from langchain_qwen36.pricing.units import amount_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from langchain_core.runnables import Runnable

    from langchain_qwen36.bulk.batch.runner import BatchRunner
    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend import SpendLedger

COMPLETE = "complete"
"""The ending, in the journal, of a run that came to the end of its input."""


@dataclass(slots=True, kw_only=True)
class Job:
    """A bulk run whose settings were checked; nothing has been sent."""

    task: Task
    source: Source
    prompt: RowPrompt
    state: Path
    output: Path | None
    shard: Shard
    max_concurrency: int | Literal["auto"]
    max_attempts: int
    budget: str | Money | None
    reserve: str | Money
    ledger: SpendLedger | None
    skip_bad_rows: bool
    retry_failed: bool
    batch: bool
    batch_window: str
    progress: bool | None
    note: Mapping[str, Any] = field(default_factory=dict)
    """The settings with which `bulk retry` begins again."""
    total: int | None = None
    """Number of rows of the input; None: not known."""

    def __post_init__(self) -> None:
        check_counts(self.max_concurrency, self.max_attempts)
        check_money(self.budget, self.reserve)
        check_window(self.batch_window)
        check_paths(self.source.path, self.output, self.state)

    @classmethod
    def of(
        cls,
        model_or_chain: Runnable[Any, Any],
        input: Input,  # noqa: A002
        *,
        output: str | Path | None = None,
        prompt: Prompt = None,
        id: str = "id",  # noqa: A002
        schema: Any = None,
        budget: str | Money | None = None,
        reserve: str | Money = "likely",
        max_concurrency: int | Literal["auto"] = AUTO,
        state: str | Path | None = None,
        shard: str | None = None,
        ledger: SpendLedger | None = None,
        max_attempts: int = 5,
        skip_bad_rows: bool = False,
        retry_failed: bool = False,
        batch: bool = False,
        batch_window: str = USUAL_WINDOW,
        progress: bool | None = None,
        note: Mapping[str, Any] | None = None,
    ) -> Job:
        """Check the settings of a run, as `run` takes them.

        Raises:
            BulkInputError: A setting is invalid, or a file is missing.
        """
        task = task_of(model_or_chain, schema)
        target = None if output is None else Path(output)
        if target is None and state is None:
            raise BulkInputError("Give `output=`, or `state=` for the journal alone.")
        return cls(
            task=task,
            source=Source(input, id),
            prompt=RowPrompt(prompt, for_chain=task.model is None),
            state=Path(state) if state is not None else Path(f"{target}.journal"),
            output=target,
            shard=Shard.parse(shard),
            max_concurrency=max_concurrency,
            max_attempts=max_attempts,
            budget=budget,
            reserve=reserve,
            ledger=ledger,
            skip_bad_rows=skip_bad_rows,
            retry_failed=retry_failed,
            batch=batch,
            batch_window=batch_window,
            progress=progress,
            note=note or {},
        )

    @property
    def fingerprint(self) -> str:
        """Return a hash of all that decides the output: runs with the same hash go together."""
        parts = (self.source.identity, self.prompt.identity, self.task.identity, repr(self.shard))
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

    def check(self) -> None:
        """Check all rows of an input that can be read twice, before anything is sent.

        Raises:
            BulkInputError: Rows cannot be sent, and `skip_bad_rows` is not set.
        """
        if self.source.can_be_checked:
            checked: Checked = check(self.source, self.prompt)
            self.total = checked.rows
            if not self.skip_bad_rows:
                checked.raise_if_bad()

    def concurrency(self) -> Concurrency:
        """Return the limit of calls at once: shared by the runs of a key, or fixed."""
        model = self.task.model
        if isinstance(self.max_concurrency, int):
            return Concurrency(
                self.max_concurrency, first=self.max_concurrency, watch_latency=False
            )
        if model is None:
            return Concurrency()
        endpoint = model._endpoint  # noqa: SLF001
        key = repr((endpoint.base_url, endpoint.key, model.api_key, model.model_name))
        digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        return concurrency_of(digest, watch_latency=model.rate_limiter is None)


async def arun(
    model_or_chain: Runnable[Any, Any],
    input: Input,  # noqa: A002
    **settings: Unpack[RunSettings],
) -> BulkReport:
    """Call a model or chain for each row of an input; `run`, async.

    Cancelling it cancels the calls in flight; a later run continues.
    """
    return await arun_job(Job.of(model_or_chain, input, **settings))


def run(
    model_or_chain: Runnable[Any, Any],
    input: Input,  # noqa: A002
    **settings: Unpack[RunSettings],
) -> BulkReport:
    """Call a model or chain for each row of an input, and lose no answer that was paid.

        report = run(model, "in.jsonl", output="out.jsonl", prompt="Translate: {text}")

    Running it again continues where an earlier run ended, however that ended. Ctrl-C waits for the
    calls in flight; a second one cancels them.

    Args:
        model_or_chain: A `ChatQwen36`, with or without bound tools, or any runnable.
        input: A `.jsonl`, `.csv`, `.tsv` or `.parquet` file, or an iterable of mappings or texts
            (a text is the field `text`).
        **settings: The keys of `RunSettings`: `output`, `prompt`, `budget`, …

    Raises:
        BulkInputError: The input or a setting is invalid; nothing was sent.
        JournalError: The journal cannot be read or written.
    """
    return run_job(Job.of(model_or_chain, input, **settings))


def run_job(job: Job) -> BulkReport:
    """Run a job; in a notebook, where this thread has an event loop already, in another thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(arun_job(job))
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(arun_job(job))).result()


async def arun_job(job: Job) -> BulkReport:
    """Check the input, then call all its rows."""
    await asyncio.to_thread(job.check)
    began = time.monotonic()
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(job.state))
        ledgers = stack.enter_context(open_ledgers(job.state, job.budget, job.ledger))
        ids = IdRegister()
        stack.callback(ids.close)
        run = await asyncio.to_thread(journal.begin_run, job.fingerprint, job.note)
        queue = RowQueue(
            rows=iter(job.source),
            prompt=job.prompt,
            task=job.task,
            journal=journal,
            run=run,
            ids=ids,
            shard=job.shard,
            retry_failed=job.retry_failed,
        )
        view = open_progress(job.progress)
        if view is not None:
            stack.callback(view.close)
        on_tick = None if view is None else partial(_show, view, job.total)
        runner = _runner(job, queue, run, ledgers, on_tick)
        with _draining(queue):
            await runner.run()
        return await asyncio.to_thread(_end, job, journal, run, runner, began)


def _runner(
    job: Job,
    queue: RowQueue,
    run: Run,
    ledgers: list[SpendLedger],
    on_tick: Callable[[Any], None] | None,
) -> Runner | BatchRunner:
    """Create the runner for live calls or for batches."""
    if job.batch:
        from langchain_qwen36.bulk.batch.runner import BatchRunner  # noqa: PLC0415

        return BatchRunner(
            queue,
            job.task,
            queue.journal,
            run,
            ledgers=ledgers,
            window=job.batch_window,
            on_tick=on_tick,
        )
    return Runner(
        queue,
        job.task,
        queue.journal,
        job.concurrency(),
        callbacks=budget_handlers(ledgers, job.reserve),
        max_attempts=job.max_attempts,
        on_tick=on_tick,
    )


def _show(view: Any, total: int | None, runner: Runner | BatchRunner) -> None:
    view.update(runner, total)


def _end(
    job: Job, journal: Journal, run: Run, runner: Runner | BatchRunner, began: float
) -> BulkReport:
    """Finish a run: record its end, write output and dead letters, and report."""
    queue = runner.queue
    if queue.input_error is not None:
        queue.stop(queue.input_error)
    is_whole = queue.is_exhausted and queue.stop_reason is None
    journal.end_run(run, queue.stop_reason or COMPLETE, read_whole_input=is_whole)
    letters = None
    if job.output is not None:
        export(journal, job.output)
        letters = write_dead_letters(journal, job.output)
    return report_of(
        journal,
        rows=queue.read if is_whole or job.total is None or job.shard.count > 1 else job.total,
        reused=queue.reused,
        calls=runner.progress.calls,
        paid_again=run.paid_again,
        seconds=time.monotonic() - began,
        stopped=queue.stop_reason,
        output=job.output,
        dead_letters=letters,
    )


def report_of(journal: Journal, *, rows: int | None = None, **facts: Any) -> BulkReport:
    """Return the report of a journal's newest run; `facts` are values that only the run knows."""
    counts, totals = journal.counts(), journal.totals()
    done, failed = counts.get("done", 0), counts.get("failed", 0)
    total = sum(counts.values()) if rows is None else rows
    return BulkReport(
        rows=total,
        done=done,
        failed=failed,
        pending=max(total - done - failed, 0),
        usage=totals.usage,
        cost={name: amount_of(units) for name, units in totals.cost.items()},
        unpriced=totals.unpriced,
        state=journal.path,
        **facts,
    )


@contextmanager
def _draining(queue: RowQueue) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end the queue, and the second cancel calls in flight."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        if queue.stop_reason is not None and task is not None:
            task.cancel()
        queue.stop("interrupted; the same command goes on from here")

    watched = []
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
        except (NotImplementedError, ValueError):  # Windows: Ctrl-C cancels
            continue
        watched.append(number)
    try:
        yield
    finally:
        for number in watched:
            loop.remove_signal_handler(number)
