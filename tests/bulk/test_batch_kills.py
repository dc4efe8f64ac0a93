"""Processes that are killed at any step of a batch: the next one goes on; nothing is paid twice."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import batch_worker
import forked
import pytest
from loopback.batch import BatchGateway, Trouble

from langchain_qwen36.bulk import Journal

if TYPE_CHECKING:
    from multiprocessing import Process
    from multiprocessing.connection import Connection
    from pathlib import Path

PATIENCE = 120
"""Seconds for a process to come to a step, on a busy machine."""
ANSWERS = [
    ["1", "You wrote: a", 0.000192],
    ["2", "You wrote: b", 0.000192],
    ["3", "You wrote: c", 0.000192],
]


def start(gateway: BatchGateway, journal: Path) -> tuple[Process, Connection]:
    """Start a process that submits the job, or goes on with it; return where its answers come."""
    return forked.start_piped(batch_worker.main, gateway.base_url, gateway.key, str(journal))


def kill_at(gateway: BatchGateway, journal: Path, endpoint: Any, *, after: bool) -> None:
    """Kill a process by SIGKILL while it waits for the answer of an endpoint.

    Args:
        gateway: Holds the answer back.
        journal: Of the job.
        endpoint: The step.
        after: Whether the gateway has done by then what it was asked for.
    """
    came = threading.Event()
    gateway.trouble(endpoint, Trouble(hold=came, after=after))
    process, answers = start(gateway, journal)
    try:
        assert came.wait(PATIENCE)
    finally:
        process.kill()
        process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    with answers, pytest.raises(EOFError):
        answers.recv()


def finish(gateway: BatchGateway, journal: Path) -> Any:
    """Let a process go on to the end; return the answers that it sent."""
    process, answers = start(gateway, journal)
    with answers:
        assert answers.poll(PATIENCE)
        found = answers.recv()
    process.join(PATIENCE)
    assert process.exitcode == 0
    return found


@pytest.mark.timeout(4 * PATIENCE)
@pytest.mark.parametrize(
    ("endpoint", "after"),
    [
        pytest.param("upload", False, id="before-the-upload", marks=pytest.mark.long),
        pytest.param("upload", True, id="after-the-upload"),
        pytest.param("create", False, id="before-the-batch-is-made", marks=pytest.mark.long),
        pytest.param("create", True, id="after-the-batch-is-made"),
        pytest.param("status", True, id="while-it-runs", marks=pytest.mark.long),
        pytest.param("content", True, id="in-the-download"),
        pytest.param("delete", True, id="in-the-deletion", marks=pytest.mark.long),
    ],
)
def test_a_kill_at_any_step_ends_with_one_job_and_one_bill(
    endpoint: str, after: bool, tmp_path: Path
) -> None:
    """`kill -9`, then the same program again: every answer, in order, each priced once."""
    journal = tmp_path / "job.db"
    with BatchGateway() as gateway:
        kill_at(gateway, journal, endpoint, after=after)
        assert finish(gateway, journal) == ANSWERS
        assert gateway.jobs_made == 1
        assert sorted(gateway.bills.values()) == [1, 1, 1]
    with Journal(journal, read_only=True) as read:
        costs = [row.amount for row in read.rows()]
    assert [float(cost or 0) for cost in costs] == [0.000192] * 3


@pytest.mark.long
@pytest.mark.timeout(6 * PATIENCE)
def test_kills_at_every_step_in_a_row_end_with_one_job_and_one_bill(tmp_path: Path) -> None:
    """One process after another dies a step later than the one before."""
    journal = tmp_path / "job.db"
    with BatchGateway(polls=2) as gateway:
        for endpoint in ("upload", "create", "status", "content", "delete"):
            kill_at(gateway, journal, endpoint, after=True)
        assert finish(gateway, journal) == ANSWERS
        assert gateway.jobs_made == 1
        assert sorted(gateway.bills.values()) == [1, 1, 1]
