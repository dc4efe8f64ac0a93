"""Run a bulk run on a Ray cluster: a stage of Ray Data whose actors run many calls at once."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from langchain_qwen36.bulk.export import record_of, table_of
from langchain_qwen36.bulk.job import arun
from langchain_qwen36.bulk.journal import Journal
from langchain_qwen36.bulk.prompt import canonical
from langchain_qwen36.errors import BulkInputError, JournalError

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable
    from pyarrow import Table
    from ray.data import Dataset

    from langchain_qwen36.bulk.settings import RunSettings

_ROWS = 1000
"""Rows that an actor runs at once; a batch that Ray repeats continues in its journal."""


class BulkStage:
    """An actor of `map_batches`: runs each batch, and returns its rows with their answers.

    Each batch has a journal of its own in `state_dir`, named by its rows: if Ray repeats a batch
    because its actor died, paid answers are not paid again, as long as the folder is the same, on
    the same node.
    """

    def __init__(
        self, model_or_chain: Runnable[Any, Any], state_dir: str, settings: RunSettings
    ) -> None:
        self._runnable = model_or_chain
        self._folder = Path(state_dir)
        self._settings = settings
        self._folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, batch: Table) -> Table:
        """Run the rows of a batch.

        Raises:
            JournalError: The run stopped early, as for a wrong key or a spent budget.
        """
        rows = batch.to_pylist()
        state = self._folder / f"{hashlib.blake2b(canonical(rows), digest_size=12).hexdigest()}.db"
        settings: RunSettings = {"skip_bad_rows": True, **self._settings, "progress": False}
        settings |= {"state": state, "note": {"pid": os.getpid()}}
        report = asyncio.run(arun(self._runnable, rows, **settings))
        if report.stopped is not None:
            raise JournalError(f"The batch stopped: {report.stopped}")
        with Journal(state, read_only=True) as journal:
            return table_of([record_of(row) for row in journal.rows()])


def run_stage(
    dataset: Dataset,
    model_or_chain: Runnable[Any, Any],
    *,
    state_dir: str | Path,
    actors: int = 2,
    batch_size: int = _ROWS,
    actor_options: dict[str, Any] | None = None,
    **settings: Unpack[RunSettings],
) -> Dataset:
    """Add a stage to a dataset that calls a model for each row; it runs when it is consumed.

        rows = ray.data.read_parquet("in")
        answers = run_stage(rows, model, state_dir="/tmp/journals", prompt="Translate: {text}")
        answers.write_parquet("out")

    Limits for all nodes together are the model's own (`SharedRateLimiter` on Redis) and those of a
    `SpendLedger` on Postgres, given as `ledger=`.

    Args:
        dataset: The rows.
        model_or_chain: The model or chain to call; it is pickled for the actors.
        state_dir: A folder for journals on each node; rows that Ray repeats there are not paid
            again. Delete it when the dataset has been written.
        actors: Number of actors.
        batch_size: Rows that an actor runs at once.
        actor_options: More keywords of `map_batches`, such as `num_cpus`.
        **settings: The settings of `bulk.run`, except `output` and `state`.

    Raises:
        BulkInputError: A setting that the stage sets by itself.
    """
    if mine := {"output", "state", "budget", "shard"} & settings.keys():
        raise BulkInputError(
            f"{', '.join(sorted(mine))}: not for a stage. Ray writes the output and "
            "shares the rows out; a budget of all actors is a limit of a `ledger=` on Postgres."
        )
    from ray.data import ActorPoolStrategy  # noqa: PLC0415 - the extra `ray`

    return dataset.map_batches(
        BulkStage,
        fn_constructor_args=(model_or_chain, str(state_dir), settings),
        batch_size=batch_size,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=actors),
        **(actor_options or {}),
    )
