"""Runs rows and growths: every model its turn, round after round."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

from benchmarks import instructions
from benchmarks.peers import BEFORE, FLOOR, IMPORTS, OURS, installed
from benchmarks.worker import Worker, environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.cases import Sample
    from benchmarks.rows import Goal, Growth, Row
    from benchmarks.serving import Servers

Figures = dict[str, float]
"""By the model, or by the variant of ours."""
Measured = dict["Row", Figures]


class Verdict(NamedTuple):
    """Whether a goal was reached."""

    goal: Goal
    ratio: float
    reached: bool


class Runner:
    """Measures; use it as a context manager, for it keeps a worker for each model.

    Args:
        servers: Where models send their requests.
        quick: Whether each row is run once, and small.
        earlier: The folder that holds the package of an earlier commit, to be measured too.
        only: The models to measure; all that are installed when left out.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        quick: bool,
        earlier: Path | None = None,
        only: Sequence[str] | None = None,
    ) -> None:
        self._servers = servers
        self._quick = quick
        self._earlier = earlier
        self._only = only
        self._workers: dict[str, Worker] = {}
        self._samples: dict[str, dict[str, list[Sample]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def peers(self) -> list[str]:
        """The models that are measured."""
        found = [*installed(), *([BEFORE] if self._earlier else [])]
        return [peer for peer in found if self._only is None or peer in self._only]

    def row(self, row: Row) -> Figures:
        """Return what a row shows of each model, by `Row.of_rounds`."""
        samples = self._sampled(row)
        return {
            name: row.of_rounds([row.figure(sample) for sample in taken])
            for name, taken in samples.items()
        }

    def growth(self, growth: Growth, peer: str) -> list[tuple[int, float]]:
        """Return the seconds of CPU at each size."""
        sizes = growth.quick if self._quick else growth.sizes
        points = []
        with self._new_worker(peer, uncollected=True) as worker:
            worker.run(growth.case, growth.settings | {growth.setting: sizes[0]})
            for size in sizes:
                settings = growth.settings | {growth.setting: size}
                points.append((size, worker.run(growth.case, settings)["cpu"]))
        return points

    def _sampled(self, row: Row) -> dict[str, list[Sample]]:
        """Return the samples of a row; rows of one case and one setting share theirs."""
        key = repr((row.case, row.settings, row.fresh))
        if key not in self._samples:
            self._samples[key] = self._measured(row)
        return self._samples[key]

    def _measured(self, row: Row) -> dict[str, list[Sample]]:
        settings = row.settings | (row.quick if self._quick else {})
        runs = [(peer, peer, settings) for peer in self._peers_of(row)]
        if row.variants:
            runs = [(name, OURS, settings | more) for name, more in row.variants.items()]
        samples: dict[str, list[Sample]] = {name: [] for name, _, _ in runs}
        if not row.fresh and not row.case.startswith("import"):
            for _, peer, each in runs:
                self._run(row, peer, each)  # connections, caches, bytecode
        for turn in range(1 if self._quick else row.rounds):
            first = turn % len(runs)
            for name, peer, each in runs[first:] + runs[:first]:
                samples[name].append(self._run(row, peer, each))
        return samples

    def _peers_of(self, row: Row) -> list[str]:
        """Return the models of a row; today's and the earlier one take turns."""
        wanted = [*row.peers, *([BEFORE] if OURS in row.peers else [])]
        return [peer for peer in self.peers if peer in wanted]

    def _run(self, row: Row, peer: str, settings: Mapping[str, object]) -> Sample:
        if row.case == "import":
            return _import(peer, self._earlier)
        if row.case == "import instructions":
            return {"n": 1, "instructions": instructions.of_import(peer, self._earlier)}
        if row.fresh:
            with self._new_worker(peer) as worker:
                return worker.run(row.case, settings)
        return self._worker(peer).run(row.case, settings)

    def _worker(self, peer: str) -> Worker:
        if peer not in self._workers:
            self._workers[peer] = self._stack.enter_context(self._new_worker(peer))
        return self._workers[peer]

    def _new_worker(self, peer: str, *, uncollected: bool = False) -> Worker:
        return Worker(peer, self._servers, uncollected=uncollected, earlier=self._earlier)


def can_measure(row: Row, *, quick: bool) -> bool:
    """Return whether a row can be run: valgrind counts instructions, and takes minutes."""
    return row.measure != "instructions" or (not quick and shutil.which("valgrind") is not None)


def _import(peer: str, earlier: Path | None) -> Sample:
    """Return the fastest of three: what else the machine does can only be added."""
    samples = (_import_once(peer, earlier) for _ in range(3))
    return min(samples, key=lambda sample: sample["seconds"])


def _import_once(peer: str, earlier: Path | None) -> Sample:
    code = f"import time; start = time.perf_counter()\n{IMPORTS[peer][1]}\n"
    code += "print(time.perf_counter() - start, time.process_time())"
    command = [sys.executable, "-c", code]
    env = environment(peer, earlier)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    seconds, cpu = map(float, done.stdout.split())
    return {"n": 1, "seconds": seconds, "cpu": cpu}


def verdicts(row: Row, measured: Measured) -> list[Verdict]:
    """Return every goal of a row whose two figures were measured."""
    by_title = {other.title: figures for other, figures in measured.items()}
    found = []
    for goal in (*row.goals, row.not_worse_than(BEFORE)):
        figure = measured[row].get(goal.of)
        divisor = by_title.get(goal.row or row.title, {}).get(goal.against)
        if figure is not None and divisor:
            ratio = figure / divisor
            found.append(Verdict(goal, ratio, goal.is_reached(ratio)))
    return found


def is_linear(by_peer: dict[str, list[tuple[int, float]]], tolerance: float) -> bool:
    """Return whether our time per size stays the same, or grows as LangChain's own floor does."""
    floors = by_peer.get(FLOOR)
    return _bend(by_peer[OURS]) <= max(tolerance, _bend(floors) if floors else 0)


def _bend(points: list[tuple[int, float]]) -> float:
    """Return the time per size at the largest over that at the smallest."""
    (small, before), (large, after) = points[0], points[-1]
    return (after / large) / (before / small)
