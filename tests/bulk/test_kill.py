"""Runs that are killed at any moment: nothing is lost, doubled, or paid again without need."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from bulk_runs import model_of, numbered, read_rows, start_run, write_rows

from langchain_qwen36 import bulk
from langchain_qwen36.bulk import Journal

if TYPE_CHECKING:
    import multiprocessing
    from collections.abc import Callable
    from pathlib import Path

    from loopback import LoopbackGateway


def kill_when(
    process: multiprocessing.Process, server: LoopbackGateway, requests: int, delay: float
) -> None:
    """Kill a run soon after the server has had so many requests, unless it has ended."""
    while process.is_alive() and len(server.requests) < requests:
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    process.join()
    process.close()


def in_flight(state: Path) -> int:
    """Return how many calls a dead run has left under way."""
    if not state.exists():
        return 0
    with Journal(state, read_only=True) as journal:
        return journal.counts().get("sent", 0)


def kill_and_finish(
    server: LoopbackGateway, folder: Path, *, count: int, kills: int, seed: int
) -> tuple[int, int]:
    """Run rows, killed so often; check all answers; return rows paid again, and the bound."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    source, output = write_rows(folder / "in.jsonl", numbered(count)), folder / "out.jsonl"
    state, bound = folder / "out.jsonl.journal", 0
    for requests in sorted(dice.sample(range(1, count - 20), kills)):
        process = start_run(server, source, output)
        kill_when(process, server, requests, dice.random() * 0.02)
        bound += in_flight(state)
    report = bulk.run(model_of(server), source, output=output, prompt="Say {text}")
    answers = [(row["id"], row["answer"], row["error"]) for row in read_rows(output)]
    assert answers == [(f"r{n}", f"You said: Say number {n}", None) for n in range(count)]
    assert (report.done, report.is_complete) == (count, True)
    # A run that was killed before it began leaves what the one before left: counted twice here.
    assert report.paid_again <= bound
    paid = Counter(body["messages"][-1]["content"] for body in server.bodies)
    assert len(paid) == count
    return sum(paid.values()) - count, report.paid_again


@pytest.mark.timeout(240)
def test_a_run_that_is_killed_loses_nothing(
    gateway_server: Callable[..., LoopbackGateway], tmp_path: Path
) -> None:
    """After four kills all answers are there once, in order; only calls under way are repeated."""
    again, bound = kill_and_finish(gateway_server(), tmp_path, count=300, kills=4, seed=0)
    assert again <= bound


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_twenty_kills_lose_nothing(
    gateway_server: Callable[..., LoopbackGateway], tmp_path: Path, seed: int
) -> None:
    """After twenty kills in 2,000 rows: 0 lost, 0 doubled, order kept, few paid again."""
    again, bound = kill_and_finish(gateway_server(), tmp_path, count=2000, kills=20, seed=seed)
    figures = f"seed {seed}: 0 lost, 0 doubled, {again} paid again of {bound} in flight"
    print(figures)  # noqa: T201
    assert again <= bound
