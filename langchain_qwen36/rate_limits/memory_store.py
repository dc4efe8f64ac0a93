"""The sliding log in this process's memory."""

from __future__ import annotations

import bisect
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

from langchain_qwen36.rate_limits.store import (
    LEASE_SECONDS,
    MOST_WINDOWS,
    Limits,
    Reservation,
    Store,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Waiting(NamedTuple):
    arrived: float
    call: Reservation


class _Entry(NamedTuple):
    """A charge that counts from `at` on; an excess has an id like `ID:N` and no request."""

    at: float
    id: str
    is_request: bool


class MemoryStore(Store):
    """A log and a queue behind a lock; the same rules as `reserve.lua`."""

    unwritten = 0
    """Always 0: corrections are written at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log: list[_Entry] = []
        """Entries sorted by time: an excess may count from a later window on."""
        self._costs: dict[str, int] = {}
        self._requests = 0
        self._tokens = 0
        self._queue: list[_Waiting] = []
        """Waiting calls, sorted by arrival."""
        self._lines: dict[str, float] = {}
        """Time of each line's last request."""
        self._is_exact = True
        """Whether costs and sums are those of the log: Ctrl-C may interrupt a change of them."""

    @override
    def reserve(self, call: Reservation, limits: Limits) -> float:
        with self._lock:
            now = self._drop_expired(limits.seconds)
            requests, tokens = self._missing(call, limits)
            if requests <= 0 and tokens <= 0:
                self._leave(call)
                self._add(_Entry(now, call.id, is_request=True), call.tokens)
                return 0.0
            if call.waits:
                self._enter(call, now)
            return max(self._frees(requests, tokens, now) + limits.seconds - now, 1e-6)

    @override
    async def areserve(self, call: Reservation, limits: Limits) -> float:
        return self.reserve(call, limits)

    @override
    def join(self, call: Reservation, limits: Limits) -> None:
        with self._lock:
            self._enter(call, time.monotonic())

    @override
    def settle(self, call: Reservation, taken: int, limits: Limits) -> None:
        with self._lock:
            now = self._drop_expired(limits.seconds)
            known = self._costs.get(call.id)
            debt = taken - (call.tokens if known is None else known)
            if debt < 0 and known is not None:
                self._costs[call.id] = taken
                self._tokens += debt
            for number, part in enumerate(_parts(debt, limits.tokens)):
                at = now + number * limits.seconds
                self._add(_Entry(at, f"{call.id}:{number}", is_request=False), part)

    @override
    def release(self, call: Reservation, limits: Limits) -> None:
        with self._lock:
            self._drop_expired(limits.seconds)
            self._leave(call)
            for index, entry in enumerate(self._log):
                if entry.id == call.id:
                    self._remove(slice(index, index + 1))
                    break

    def _missing(self, call: Reservation, limits: Limits) -> tuple[int, int]:
        """Count the requests and tokens that this call and those before it lack, up to limits.

        Of its own line a waiting call is the first, since only the first asks, even if a thread
        that arrived before it was late to enter the line: each would wait for the other.
        """
        requests = self._requests + 1 - limits.requests
        tokens = self._tokens + call.tokens - limits.tokens
        for other in self._queue:
            if requests > 0 or tokens > 0 or other.arrived >= call.arrived:
                break
            if call.waits and other.call.line == call.line:
                break
            requests += 1
            tokens += other.call.tokens
        return requests, tokens

    def _enter(self, call: Reservation, now: float) -> None:
        self._lines[call.line] = now
        if self._position(call) is None:
            bisect.insort(self._queue, _Waiting(call.arrived, call), key=_arrival_of)

    def _leave(self, call: Reservation) -> None:
        if (position := self._position(call)) is not None:
            del self._queue[position]

    def _position(self, call: Reservation) -> int | None:
        start = bisect.bisect_left(self._queue, call.arrived, key=_arrival_of)
        for position in range(start, len(self._queue)):
            waiting = self._queue[position]
            if waiting.call is call:
                return position
            if waiting.arrived != call.arrived:
                break
        return None

    def _frees(self, requests: int, tokens: int, now: float) -> float:
        """Return the time of the last of the oldest entries that must expire to free so much."""
        at = now
        for entry in self._log:
            if requests <= 0 and tokens <= 0:
                break
            at = entry.at
            tokens -= self._costs[entry.id]
            requests -= entry.is_request
        return at

    def _drop_expired(self, seconds: float) -> float:
        """Drop what counts no more; return the time."""
        now = time.monotonic()
        if not self._is_exact:
            self._recount()
        self._remove(slice(0, bisect.bisect_right(self._log, now - seconds, key=_time_of)))
        if lost := {
            line for line, last_request in self._lines.items() if last_request < now - LEASE_SECONDS
        }:
            self._queue = [waiting for waiting in self._queue if waiting.call.line not in lost]
            for line in lost:
                self._lines.pop(line, None)
        return now

    def _add(self, entry: _Entry, cost: int) -> None:
        self._is_exact = False
        self._costs[entry.id] = cost
        bisect.insort(self._log, entry)
        self._tokens += cost
        self._requests += entry.is_request
        self._is_exact = True

    def _remove(self, entries: slice) -> None:
        self._is_exact = False
        removed = self._log[entries]
        del self._log[entries]
        for entry in removed:
            self._tokens -= self._costs.pop(entry.id)
            self._requests -= entry.is_request
        self._is_exact = True

    def _recount(self) -> None:
        self._costs = {entry.id: self._costs[entry.id] for entry in self._log}
        self._tokens = sum(self._costs.values())
        self._requests = sum(entry.is_request for entry in self._log)
        self._is_exact = True


def _time_of(entry: _Entry) -> float:
    return entry.at


def _arrival_of(waiting: _Waiting) -> float:
    return waiting.arrived


def _parts(debt: int, most: int) -> Iterable[int]:
    for _ in range(MOST_WINDOWS):
        if debt <= 0:
            return
        yield min(debt, most)
        debt -= most
