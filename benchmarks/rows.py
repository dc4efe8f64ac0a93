"""The rows of the table: which case, with what, beside whom, and the goal of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.peers import FLOOR, OPENAI, OURS

Measure = Literal["seconds", "cpu", "mb"]

EVERYONE = (FLOOR, OURS, OPENAI, "ChatQwen", "ChatDeepSeek", "ChatOpenRouter")
_SLOW = "ChatOpenRouter"
"""Makes a pool of its own for each model and 0.6 ms of each chunk: left out of the long rows."""
_WITHOUT_SLOW = tuple(peer for peer in EVERYONE if peer != _SLOW)
_OF_LONG_RUNS = (FLOOR, OURS, OPENAI)
"""A minute for each run of ChatOpenAI; ChatQwen and ChatDeepSeek are children of its class."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Our figure over another's, in one run."""

    ratio: float
    against: str
    holds: Literal["at most", "at least"] = "at most"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    title: str
    case: str
    settings: dict[str, Any]
    quick: dict[str, Any]
    """What is other in the quick form, which only shows that the case still runs."""
    whole: bool = False
    """Whether the measure is shown as it is, not for each of the sample's `n`."""
    unit: str
    scale: float
    """What the measure is multiplied by to be in this unit."""
    rate: bool = False
    """Whether the unit is one of "how many a second"."""
    measure: Measure = "seconds"
    peers: tuple[str, ...] = EVERYONE
    goals: tuple[Goal, ...] = ()
    fresh: bool = False
    """Whether every run has a process of its own: for the most memory a process ever had."""
    variants: tuple[tuple[str, dict[str, Any]], ...] = field(default=())
    """Our own model alone, with each of these settings, in place of peers."""

    def figure(self, sample: dict[str, float]) -> float:
        """Return what the table shows of a sample."""
        each = sample[self.measure] / (1 if self.whole else sample["n"])
        return self.scale / each if self.rate else each * self.scale


_CHUNKS = {"chunks": 4000}
_FEW_CHUNKS = {"chunks": 40}
_AT_ONCE = {"streams": 1000, "chunks": 200}
_FEW_AT_ONCE = {"streams": 4, "chunks": 40}

ROWS = (
    Row(
        title="stream, per chunk",
        case="stream",
        settings=_CHUNKS,
        quick=_FEW_CHUNKS,
        unit="µs",
        scale=1e6,
        goals=(Goal(ratio=1.3, against=FLOOR),),
    ),
    Row(
        title="astream, per chunk",
        case="astream",
        settings=_CHUNKS,
        quick=_FEW_CHUNKS,
        unit="µs",
        scale=1e6,
    ),
    Row(
        title="v3 events, per chunk",
        case="events",
        settings=_CHUNKS,
        quick=_FEW_CHUNKS,
        unit="µs",
        scale=1e6,
        goals=(Goal(ratio=3.5, against=FLOOR),),
    ),
    Row(
        title="first chunk, warm connection",
        case="first_chunk",
        settings={"times": 60},
        quick={"times": 2},
        unit="ms",
        scale=1e3,
    ),
    Row(
        title="invoke, one after another",
        case="invoke",
        settings={"times": 200},
        quick={"times": 2},
        unit="ms",
        scale=1e3,
        goals=(Goal(ratio=0.45, against=OPENAI),),
    ),
    Row(
        title="… of it CPU",
        case="invoke",
        settings={"times": 200},
        quick={"times": 2},
        unit="ms",
        scale=1e3,
        measure="cpu",
    ),
    Row(
        title="ainvoke, one after another",
        case="ainvoke",
        settings={"times": 200},
        quick={"times": 2},
        unit="ms",
        scale=1e3,
    ),
    Row(
        title="1,000 ainvoke at once",
        case="at_once",
        settings={"times": 1000},
        quick={"times": 8},
        unit="req/s",
        scale=1,
        rate=True,
        peers=_WITHOUT_SLOW,
        goals=(
            Goal(ratio=4, against=OPENAI, holds="at least"),
            Goal(ratio=6, against=OPENAI, holds="at least"),
        ),
    ),
    Row(
        title="1,000 streams of 200 chunks at once",
        case="streams_at_once",
        settings=_AT_ONCE,
        quick=_FEW_AT_ONCE,
        unit="chunks/s",
        scale=1,
        rate=True,
        fresh=True,
        peers=_OF_LONG_RUNS,
        goals=(Goal(ratio=7, against=OPENAI, holds="at least"),),
    ),
    Row(
        title="… most memory of the process",
        whole=True,
        case="streams_at_once",
        settings=_AT_ONCE,
        quick=_FEW_AT_ONCE,
        unit="MB",
        scale=1,
        measure="mb",
        fresh=True,
        peers=_OF_LONG_RUNS,
        goals=(Goal(ratio=0.5, against=OPENAI),),
    ),
    Row(
        title="an open stream's memory",
        case="held",
        settings={"streams": 1000},
        quick={"streams": 4},
        unit="KB",
        scale=1024,
        measure="mb",
        fresh=True,
        peers=(OURS, OPENAI, "ChatQwen", "ChatDeepSeek"),
    ),
    Row(
        title="batch of 1,000, per request",
        case="batch",
        settings={"times": 1000},
        quick={"times": 4},
        unit="ms",
        scale=1e3,
        peers=_WITHOUT_SLOW,
    ),
    Row(
        title="invoke with 1,000 messages",
        case="messages",
        settings={"times": 5, "turns": 1000, "characters": 100},
        quick={"times": 1, "turns": 4},
        unit="ms",
        scale=1e3,
    ),
    Row(
        title="invoke with 1 MB of text",
        case="messages",
        settings={"times": 5, "turns": 0, "characters": 1_000_000},
        quick={"times": 1, "characters": 1000},
        unit="ms",
        scale=1e3,
    ),
    Row(
        title="invoke with 50 tools of 40 arguments",
        case="tools",
        settings={"times": 5, "count": 50, "properties": 40},
        quick={"times": 1, "count": 2},
        unit="ms",
        scale=1e3,
        peers=tuple(peer for peer in EVERYONE if peer != FLOOR),
    ),
    Row(
        title="construct a model",
        case="construct",
        settings={"times": 500},
        quick={"times": 2},
        unit="µs",
        scale=1e6,
        peers=_WITHOUT_SLOW,
        goals=(Goal(ratio=3.2, against=FLOOR),),
    ),
    Row(
        title="import",
        case="import",
        settings={},
        quick={},
        unit="ms",
        scale=1e3,
        goals=(Goal(ratio=1.13, against=FLOOR),),
    ),
    Row(
        title="stream with a callback handler, per chunk",
        case="handled",
        settings={"times": 5, "chunks": 800},
        quick={"times": 1, "chunks": 40},
        unit="µs",
        scale=1e6,
        peers=(OURS,),
        variants=(
            ("none", {"handler": "none"}),
            ("LangChain's usage handler", {"handler": "core"}),
            ("our cost handler", {"handler": "cost"}),
        ),
    ),
    Row(
        title="ainvoke with the cost handler, 1,000 at once, per request",
        case="booked",
        settings={"times": 1000},
        quick={"times": 4},
        unit="ms",
        scale=1e3,
        peers=(OURS,),
        variants=(
            ("no ledger", {"ledger": "none"}),
            ("a ledger on SQLite", {"ledger": "sqlite"}),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A case at growing sizes: what it takes must grow no faster than they do."""

    title: str
    case: str
    setting: str
    settings: dict[str, Any]
    sizes: tuple[int, ...]
    quick: tuple[int, ...]
    peers: tuple[str, ...] = (FLOOR, OURS, OPENAI)


GROWTHS = (
    Growth(
        title="stream of n chunks",
        case="stream",
        setting="chunks",
        settings={},
        sizes=(1250, 2500, 5000, 10_000, 20_000),
        quick=(10, 20),
    ),
    Growth(
        title="v3 events of n chunks",
        case="events",
        setting="chunks",
        settings={},
        sizes=(1250, 2500, 5000, 10_000, 20_000),
        quick=(10, 20),
    ),
    Growth(
        title="v3 events of a call with n 4-byte deltas",
        case="events",
        setting="chunks",
        settings={"kind": "args"},
        sizes=(16_384, 32_768, 65_536, 131_072, 262_144),
        quick=(10, 20),
        peers=(FLOOR, OURS),
    ),
    Growth(
        title="stream of a call with n 4-byte deltas",
        case="stream",
        setting="chunks",
        settings={"kind": "args"},
        sizes=(16_384, 32_768, 65_536, 131_072, 262_144),
        quick=(10, 20),
    ),
    Growth(
        title="invoke with n messages",
        case="messages",
        setting="turns",
        settings={"times": 2, "characters": 100},
        sizes=(250, 500, 1000, 2000, 4000),
        quick=(2, 4),
        peers=(OURS, OPENAI),
    ),
)
LINEAR = 1.5
"""Seconds per size may differ so much between the smallest and the largest."""
