"""Adjust how many calls run at once: more while all succeed, fewer on 429 and slow answers.

As in TCP (RFC 5681): double each round until the first refusal, then increase in small steps and
decrease by a factor. After a refusal the limit drops to about 5 % above the calls that were
answered (at most by half), to stay close to the gateway's real limit: a refused call costs nothing.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST = 8
"""Calls at once when nothing is known yet."""
_MOST = 1000
_OVERSHOOT = 1.05
"""After a round with refusals, the limit is cut to its answered share, times this."""
_LARGEST_DECREASE = 0.5
"""A round with refusals never cuts the limit below this share of it."""
_STEP, _LONGEST_STEP = 0.05, 0.5
"""Growth in a round without a refusal; it doubles from round to round, since limits change."""
_SHORTEST_ROUND = 0.25
"""Seconds that a round takes at least; it takes as long as an answer if that is more."""
_SLOW_DECREASE = 0.9
"""Factor of the limit when answers slow down."""
_SLOW = 2.5
"""Answers are slow when their median takes this many times the quickest median."""
_WINDOW = 16
"""Answers over which the median is taken, at least."""
_AGING = 1.02
"""The quickest median grows by this factor with each window, since prompts differ."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


class Concurrency:
    """The concurrency limit of one API key, model and endpoint; runs of a process share it."""

    def __init__(
        self,
        most: int = _MOST,
        *,
        first: int = _FIRST,
        watch_latency: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = most
        self.in_flight = 0
        self.refusals = 0
        """Number of refused calls so far."""
        self._limit = float(min(first, most))
        self._is_slow_start = True
        self._clock = clock
        self._watch_latency = watch_latency
        self._latencies: deque[float] = deque()
        self._quickest: float | None = None
        self._usual: float | None = None
        """Moving average of the seconds that an answer takes."""
        self._since_answer = 0
        """Refusals since the last answer."""
        self._growth = _STEP
        self._round_began = clock()
        self._answered = self._refused = 0
        """Calls answered and refused in this round."""
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """Most calls in flight."""
        return max(1, int(self._limit))

    def try_enter(self) -> bool:
        """Take a slot; return False if all are taken."""
        with self._lock:
            if self.in_flight >= self.limit:
                return False
            self.in_flight += 1
            return True

    def leave(self) -> None:
        """Give a slot back."""
        with self._lock:
            self.in_flight -= 1

    def leave_if_too_many(self) -> bool:
        """Give a slot back if the limit has fallen below the number of calls in flight."""
        with self._lock:
            if self.in_flight <= self.limit:
                return False
            self.in_flight -= 1
            return True

    def succeeded(self, seconds: float) -> None:
        """Record an answer and how long it took."""
        with self._lock:
            self._answered += 1
            self._since_answer = 0
            self._usual = seconds if self._usual is None else 0.9 * self._usual + 0.1 * seconds
            if self._watch_latency and self._is_slowing(seconds):
                self._is_slow_start = False
                self._set(self._limit * _SLOW_DECREASE)
            elif self._is_slow_start and self.in_flight >= self.limit:
                self._set(self._limit + 1)
            self._end_round()

    def refused(self) -> None:
        """Record a 429."""
        with self._lock:
            self.refusals += 1
            self._refused += 1
            self._since_answer += 1
            self._is_slow_start = False
            self._end_round()

    def pause(self) -> float:
        """Return how many seconds a refused call waits: as long as an answer would have taken.

        A refused call then occupies its slot as long as any other. While nothing is answered at
        all, pauses double.
        """
        with self._lock:
            usual = max(self._usual or _FIRST_PAUSE, 0.01)
            rounds = max(0.0, self._since_answer / self.limit - 1)
        seconds = min(usual * 2.0 ** min(rounds, 20), max(_LONGEST_PAUSE, usual))
        return float(seconds * random.uniform(0.75, 1.25))  # noqa: S311 - no secret

    def _end_round(self) -> None:
        """Set the limit from the answered and refused calls, once a round."""
        now = self._clock()
        if now - self._round_began < max(_SHORTEST_ROUND, self._usual or 0.0):
            return
        tried = self._answered + self._refused
        if self._refused:
            share = self._answered / tried * _OVERSHOOT
            self._set(self._limit * min(1.0, max(share, _LARGEST_DECREASE)))
            self._growth = _STEP
        elif not self._is_slow_start and self.in_flight >= self.limit:
            self._set(self._limit + max(1.0, self._limit * self._growth))
            self._growth = min(2 * self._growth, _LONGEST_STEP)
        self._answered = self._refused = 0
        self._round_began = now

    def _set(self, limit: float) -> None:
        self._limit = min(max(limit, 1.0), float(self.most))

    def _is_slowing(self, seconds: float) -> bool:
        self._latencies.append(seconds)
        if len(self._latencies) < max(_WINDOW, self.limit):
            return False
        median = sorted(self._latencies)[len(self._latencies) // 2]
        self._latencies.clear()
        known = self._quickest
        self._quickest = median if known is None else min(median, known * _AGING)
        return median > _SLOW * self._quickest


_known: WeakValueDictionary[str, Concurrency] = WeakValueDictionary()
_known_lock = threading.Lock()


def concurrency_of(key: str, *, watch_latency: bool) -> Concurrency:
    """Return the limit that runs of this process with this key share."""
    with _known_lock:
        found = _known.get(key)
        if found is None:
            found = _known[key] = Concurrency(watch_latency=watch_latency)
        return found
