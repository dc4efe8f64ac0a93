"""The rows of the table: which case, with what, beside whom, and the goal of each."""

from __future__ import annotations

import statistics
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.peers import FLOOR, OPENAI, OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

Measure = Literal["seconds", "cpu", "mb", "load", "instructions"]

EVERYONE = (FLOOR, OURS, OPENAI, "ChatQwen", "ChatDeepSeek", "ChatOpenRouter")
_PEERS = {
    "everyone": EVERYONE,
    # A minute for each run of ChatOpenAI; ChatQwen and ChatDeepSeek are children of its class.
    "long runs": (FLOOR, OURS, OPENAI),
    "both": (OURS, OPENAI),
    "ours": (OURS,),
}
_SCALES = {"µs": 1e6, "ms": 1e3, "ms/s": 1e3, "KB": 1024, "million": 1e-6}
"""What a measure is multiplied by to be in a unit; all others are taken as they are."""
_NOT_WORSE = 1.05
"""A row may take so much more than at an earlier commit: what two runs of one commit differ by."""
LINEAR = 1.5
"""Seconds per size may differ so much between the smallest and the largest."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One figure over another, in one run."""

    ratio: float
    against: str
    """The model or variant whose figure is the divisor."""
    of: str = OURS
    """The model or variant that is judged."""
    row: str = ""
    """The title of the row that the divisor stands in; "" for the goal's own row."""
    holds: Literal["at most", "at least"] = "at most"

    def is_reached(self, ratio: float) -> bool:
        """Return whether a ratio reaches the goal."""
        return ratio <= self.ratio if self.holds == "at most" else ratio >= self.ratio

    def __str__(self) -> str:
        sign = "≤" if self.holds == "at most" else "≥"
        return f"{sign} {self.ratio:g} x {self.row or self.against}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One line of the table."""

    title: str
    case: str
    settings: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)
    """What is other in the quick form, which only shows that the case still runs."""
    unit: str
    measure: Measure = "seconds"
    whole: bool = False
    """Whether the measure is shown as it is, not for each of the sample's `n`."""
    rate: bool = False
    """Whether the unit is one of "how many a second"."""
    fresh: bool = False
    """Whether every run has a process of its own: for the most memory a process ever had."""
    rounds: int = 5
    """How often each model has its turn."""
    peers: tuple[str, ...] = EVERYONE
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Our own model alone, with each of these settings, in place of peers."""
    goals: tuple[Goal, ...] = ()

    def figure(self, sample: dict[str, float]) -> float:
        """Return what the table shows of a sample."""
        scale = _SCALES.get(self.unit, 1)
        each = sample[self.measure] / (1 if self.whole else sample["n"])
        return scale / each if self.rate else each * scale

    def of_rounds(self, figures: Sequence[float]) -> float:
        """Return the figure of several rounds: the quickest, or the median of a memory.

        What else a machine does adds to a time and never takes away from it:
        https://docs.python.org/3/library/timeit.html#timeit.Timer.repeat
        """
        if self.measure == "mb":
            return statistics.median(figures)
        return max(figures) if self.rate else min(figures)

    def not_worse_than(self, earlier: str) -> Goal:
        """Return the goal that the row is no worse than at an earlier commit."""
        if self.rate:
            return Goal(ratio=1 / _NOT_WORSE, against=earlier, holds="at least")
        return Goal(ratio=_NOT_WORSE, against=earlier)


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A case at growing sizes: what it takes must grow no faster than they do."""

    title: str
    case: str
    setting: str
    settings: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...]
    quick: tuple[int, ...]
    peers: tuple[str, ...] = _PEERS["long runs"]


def _read() -> tuple[list[Row], list[Growth]]:
    tables = tomllib.loads((Path(__file__).parent / "rows.toml").read_text("utf-8"))
    for table in (*tables["row"], *tables["growth"]):
        if "peers" in table:
            named = table["peers"]
            table["peers"] = _PEERS[named] if isinstance(named, str) else tuple(named)
        if "goals" in table:
            table["goals"] = tuple(Goal(**goal) for goal in table["goals"])
    return [Row(**table) for table in tables["row"]], [
        Growth(**table) for table in tables["growth"]
    ]


ROWS, GROWTHS = _read()
