"""How many calls run at once: more while all goes well, fewer on 429 and when answers slow down.

Additive increase and multiplicative decrease, as TCP does it: RFC 5681 (slow start, congestion
avoidance), with CUBIC's smaller decrease (RFC 9438), because a refused call costs nothing.
"""

from __future__ import annotations

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
_DECREASE = 0.85
"""What a refusal leaves of the limit."""
_SLOW_DECREASE = 0.9
"""What slow answers leave of it."""
_SLOW = 2.5
"""Answers are slow when they take so many times what they took at their quickest."""
_WINDOW = 16
"""Answers whose median is looked at."""
_AGING = 1.02
"""By how much the quickest median is forgotten with each window: prompts differ."""


class Concurrency:
    """The limit of one key; several runs of a process share it."""

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
        """Refused calls so far."""
        self._limit = float(min(first, most))
        self._is_slow_start = True
        self._clock = clock
        self._watch_latency = watch_latency
        self._decreased = clock()
        self._latencies: deque[float] = deque()
        self._quickest: float | None = None
        self._lock = threading.Lock()

    @property
    def limit(self) -> int:
        """How many calls may be under way."""
        return max(1, int(self._limit))

    def try_enter(self) -> bool:
        """Take a slot; False: all are taken."""
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
        """Give a slot back where the limit has fallen below what is under way."""
        with self._lock:
            if self.in_flight <= self.limit:
                return False
            self.in_flight -= 1
            return True

    def succeeded(self, seconds: float) -> None:
        """Note an answer and how long it took."""
        with self._lock:
            is_used = self.in_flight >= self.limit  # an idle limit teaches nothing
            if self._watch_latency and self._is_slowing(seconds):
                self._is_slow_start = False
                self._limit = max(1.0, self._limit * _SLOW_DECREASE)
            elif is_used:
                step = 1.0 if self._is_slow_start else max(1.0, 0.02 * self._limit) / self._limit
                self._limit = min(self.most, self._limit + step)

    def refused(self, began: float) -> None:
        """Note a 429 of a call that began at this time; calls of one moment count once."""
        with self._lock:
            self.refusals += 1
            if began <= self._decreased:
                return
            self._is_slow_start = False
            self._limit = max(1.0, min(self._limit, float(self.in_flight)) * _DECREASE)
            self._decreased = self._clock()

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
    """Return the limit that all runs of this process with this key share."""
    with _known_lock:
        found = _known.get(key)
        if found is None:
            found = _known[key] = Concurrency(watch_latency=watch_latency)
        return found
