"""How many calls run at once: up while all goes well, down on 429 and when answers slow down."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.runnables import RunnableLambda

from langchain_qwen36 import bulk
from langchain_qwen36.bulk.concurrency import Concurrency
from langchain_qwen36.bulk.runner import Runner
from langchain_qwen36.errors import RateLimitError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class MovingLimit:
    """A server that allows so many calls a second, and more or fewer as time goes by."""

    rates: list[tuple[float, float]]
    """Second from which on, and calls a second."""
    latency: float = 0.1
    answered: list[float] = field(default_factory=list)
    refused: int = 0
    _tokens: float = 0.0
    _looked: float = 0.0
    _began: float | None = None

    def rate_at(self, second: float) -> float:
        """Return how many calls a second are allowed."""
        return next(rate for start, rate in reversed(self.rates) if start <= second)

    def allowed(self, begin: float, end: float) -> float:
        """Return how many calls are allowed between two moments."""
        edges = sorted({begin, end, *(s for s, _ in self.rates if begin < s < end)})
        return sum(self.rate_at(a) * (b - a) for a, b in pairwise(edges))

    @property
    def now(self) -> float:
        """Seconds since the first call."""
        if self._began is None:
            self._began = time.monotonic()
        return time.monotonic() - self._began

    async def call(self, row: dict[str, int]) -> str:
        """Answer, or refuse with 429."""
        now = self.now
        new = self.allowed(self._looked, now)
        self._tokens = min(self.rate_at(now), self._tokens + new)  # a second's worth is kept
        self._looked = now
        if self._tokens < 1:
            self.refused += 1
            await asyncio.sleep(self.latency / 10)
            raise RateLimitError("slow down", status_code=429)
        self._tokens -= 1
        await asyncio.sleep(self.latency)
        self.answered.append(self.now)
        return "fine"


async def test_workers_that_are_cancelled_before_they_begin_leave_their_slots() -> None:
    """Other runs with the same key have all slots again."""
    queue: Any = SimpleNamespace(has_more=True)
    shared = Concurrency()
    journal: Any = None
    runner = Runner(queue, SimpleNamespace(), journal, shared)  # type: ignore[arg-type]
    runner._grow()
    assert shared.in_flight == shared.limit
    await runner._cancel_workers()
    assert shared.in_flight == 0


async def share_of(limit: MovingLimit, path: Path, begin: float, end: float) -> float:
    """Run rows until `end`; return what share of the allowed calls was used from `begin` on."""
    rows = ({"n": n} for n in range(1_000_000))
    run = asyncio.create_task(bulk.arun(RunnableLambda(limit.call), rows, state=path))
    await asyncio.sleep(end + 2 * limit.latency - limit.now)
    run.cancel()
    await asyncio.wait([run])
    used = sum(begin <= second - limit.latency < end for second in limit.answered)
    return used / limit.allowed(begin, end)


@pytest.mark.parametrize(
    "scale", [pytest.param(0.5, id="quick"), pytest.param(1, id="long", marks=pytest.mark.long)]
)
async def test_a_moving_limit_is_used(tmp_path: Path, scale: float) -> None:
    """While a limit of 429s moves up and down, most of what it allows is used.

    All times are scaled alike: those of the server's limit, and those of its answers, by which a
    run chooses its pauses. A busy machine may spoil one try: what the library does is the best of
    three.
    """
    rates = [(0.0, 100 / scale), (4 * scale, 40 / scale), (7 * scale, 120 / scale)]
    shares: list[float] = []
    while len(shares) < 3 and max(shares, default=0) < 0.6:
        limit, path = MovingLimit(rates, latency=0.1 * scale), tmp_path / f"{len(shares)}"
        shares.append(await share_of(limit, path, 3 * scale, 10 * scale))
    assert max(shares) >= 0.6


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_moving_limit_is_used_after_half_a_minute(tmp_path: Path) -> None:
    """After thirty seconds at least 90 % of what a moving limit allows is used."""
    limit = MovingLimit([(0, 100), (20, 50), (40, 150), (60, 80), (75, 120)])
    share = await share_of(limit, tmp_path / "j", 30, 90)
    print(f"used {share:.1%} of a moving limit; {limit.refused} refused")  # noqa: T201
    assert share >= 0.9


def test_an_idle_limit_does_not_grow() -> None:
    """Answers teach nothing while fewer calls are under way than may be."""
    concurrency = Concurrency(first=8)
    assert concurrency.try_enter()
    for _ in range(100):
        concurrency.succeeded(0.1)
    assert concurrency.limit == 8


def fill(concurrency: Concurrency) -> None:
    """Enter as often as is allowed."""
    while concurrency.try_enter():
        pass


def test_a_limit_doubles_until_it_is_refused() -> None:
    """It doubles in each round until the first 429."""
    concurrency = Concurrency(first=8, most=1000)
    for expected in (16, 32):
        fill(concurrency)
        for _ in range(concurrency.limit):
            concurrency.succeeded(0.1)
            fill(concurrency)
            if concurrency.limit == expected:
                break
        assert concurrency.limit == expected


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize(
    ("answered", "refused", "expected"),
    [
        pytest.param(50, 50, 52, id="half"),
        pytest.param(99, 1, 100, id="hardly"),
        pytest.param(0, 100, 50, id="all"),
    ],
)
def test_a_round_leaves_a_little_more_than_was_answered(
    answered: int, refused: int, expected: int
) -> None:
    """The limit falls to the share that was answered, and 5 % more."""
    clock = Clock()
    concurrency = Concurrency(first=100, most=100, clock=clock)
    fill(concurrency)
    for _ in range(answered):
        concurrency.succeeded(0.1)
    for _ in range(refused - 1):
        concurrency.refused()
    clock.now = 1.0
    concurrency.refused()
    assert concurrency.limit == expected


def test_steps_grow_while_nothing_is_refused() -> None:
    """After a refusal the limit grows by 5 %, 10 %, 20 % … from round to round."""
    clock = Clock()
    concurrency = Concurrency(first=100, clock=clock, watch_latency=False)
    limits = []
    concurrency.refused()
    for _ in range(5):
        fill(concurrency)
        clock.now += 1
        concurrency.succeeded(0.1)
        limits.append(concurrency.limit)
    assert limits == [52, 55, 60, 72, 101]


def test_pauses_double_while_nothing_is_answered() -> None:
    """A refused call waits as long as an answer takes, and longer while there are none."""
    concurrency = Concurrency(first=1, most=1)
    concurrency.succeeded(1.0)
    pauses = []
    for _ in range(4):
        concurrency.refused()
        pauses.append(concurrency.pause())
    assert [0.75 * 2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(pauses)] == [True] * 4


def test_slow_answers_make_the_limit_fall() -> None:
    """It falls when answers take several times what they took at first."""
    concurrency = Concurrency(first=10, most=10)
    fill(concurrency)
    for seconds in [0.1] * 32 + [0.5] * 16:
        concurrency.succeeded(seconds)
    assert concurrency.limit == 9


def test_it_never_falls_below_one() -> None:
    """One call may always be under way."""
    clock = Clock()
    concurrency = Concurrency(first=2, most=2, clock=clock)
    for _ in range(20):
        clock.now += 1
        concurrency.refused()
    assert concurrency.limit == 1
