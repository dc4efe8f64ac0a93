"""Runs rows and growths: every model its turn, round after round."""

from __future__ import annotations

import statistics
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

from benchmarks.peers import FLOOR, IMPORTS, OURS, installed
from benchmarks.worker import Worker, quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.cases import Sample
    from benchmarks.rows import Goal, Growth, Row

Figures = dict[str, float]
"""By the model, or by the variant of ours."""


class Verdict(NamedTuple):
    """Whether a goal was reached."""

    goal: Goal
    ratio: float
    reached: bool


@contextmanager
def serving() -> Iterator[int]:
    """Run the server in a process of its own; gives its port."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


class Runner:
    """Measures; use it as a context manager, for it keeps a worker for each model."""

    def __init__(self, port: int, *, quick: bool) -> None:
        self._server = f"http://127.0.0.1:{port}"
        self._quick = quick
        self._rounds = 1 if quick else 5
        self._workers: dict[str, Worker] = {}
        self._samples: dict[str, dict[str, list[Sample]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def peers(self) -> list[str]:
        """Whom there is to measure."""
        return installed()

    def row(self, row: Row) -> Figures:
        """Return the medians of a row."""
        samples = self._sampled(row)
        return {
            name: statistics.median(row.figure(each) for each in found)
            for name, found in samples.items()
        }

    def growth(self, growth: Growth, peer: str) -> list[tuple[int, float]]:
        """Seconds of CPU at each size."""
        sizes = growth.quick if self._quick else growth.sizes
        found = []
        with Worker(peer, self._server, uncollected=True) as worker:
            worker.run(growth.case, growth.settings | {growth.setting: sizes[0]})
            for size in sizes:
                settings = growth.settings | {growth.setting: size}
                found.append((size, worker.run(growth.case, settings)["cpu"]))
        return found

    def _sampled(self, row: Row) -> dict[str, list[Sample]]:
        """Rows of one case and one setting are two looks at the same runs."""
        key = repr((row.case, row.settings))
        if key not in self._samples:
            self._samples[key] = self._measured(row)
        return self._samples[key]

    def _measured(self, row: Row) -> dict[str, list[Sample]]:
        settings = row.settings | (row.quick if self._quick else {})
        asked = [(peer, peer, settings) for peer in row.peers if peer in self.peers]
        if row.variants:
            asked = [(name, OURS, settings | more) for name, more in row.variants]
        samples: dict[str, list[Sample]] = {name: [] for name, _, _ in asked}
        if not row.fresh and row.case != "import":
            for _, peer, each in asked:
                self._run(row, peer, each)  # connections, caches, bytecode
        for turn in range(min(self._rounds, 3) if row.fresh else self._rounds):
            at = turn % len(asked)
            for name, peer, each in asked[at:] + asked[:at]:
                samples[name].append(self._run(row, peer, each))
        return samples

    def _run(self, row: Row, peer: str, settings: dict[str, object]) -> Sample:
        if row.case == "import":
            return _import(peer)
        if row.fresh:
            with Worker(peer, self._server) as worker:
                return worker.run(row.case, settings)
        return self._worker(peer).run(row.case, settings)

    def _worker(self, peer: str) -> Worker:
        if peer not in self._workers:
            self._workers[peer] = self._stack.enter_context(Worker(peer, self._server))
        return self._workers[peer]


def _import(peer: str) -> Sample:
    """Return the fastest of three: what else the machine does can only be added."""
    return min((_import_once(peer) for _ in range(3)), key=lambda sample: sample["seconds"])


def _import_once(peer: str) -> Sample:
    code = f"import time; start = time.perf_counter()\n{IMPORTS[peer][1]}\n"
    code += "print(time.perf_counter() - start, time.process_time())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=quiet())
    seconds, cpu = map(float, done.stdout.split())
    return {"n": 1, "seconds": seconds, "cpu": cpu}


def verdicts(row: Row, figures: Figures) -> list[Verdict]:
    """Every goal of a row whose two models were measured."""
    found = []
    for goal in row.goals:
        if OURS in figures and goal.against in figures:
            ratio = figures[OURS] / figures[goal.against]
            reached = ratio <= goal.ratio if goal.holds == "at most" else ratio >= goal.ratio
            found.append(Verdict(goal, ratio, reached))
    return found


def is_linear(by_peer: dict[str, list[tuple[int, float]]], tolerance: float) -> bool:
    """Whether our time per size stays the same, or grows as LangChain's own floor does."""
    floors = by_peer.get(FLOOR)
    return _bend(by_peer[OURS]) <= max(tolerance, _bend(floors) if floors else 0)


def _bend(points: list[tuple[int, float]]) -> float:
    """Return the time per size at the largest over that at the smallest."""
    (small, before), (large, after) = points[0], points[-1]
    return (after / large) / (before / small)
