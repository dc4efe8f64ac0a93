"""Find the reservation of a run, so that the end of a call corrects its own charge."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    from langchain_qwen36.rate_limits.store import Reservation

_MOST_OPEN = 100_000
"""Most calls that are kept; older ones without an end, as if the limiter is no callback, are
dropped."""

_started: ContextVar[tuple[UUID, ...]] = ContextVar("qwen36_rate_limits_started", default=())
"""Runs that began in this context. LangChain starts the run, then calls the limiter in the same
context without naming the run."""


class CallsInFlight:
    """The calls of one limiter between their start and their end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starting: dict[UUID | None, None] = {}
        self._open: dict[UUID | str | None, Reservation] = {}
        """Reservations by run, or by their own id if the limiter saw no run start."""

    def start(self, run_id: UUID) -> None:
        """Record a run that has started and has not yet acquired."""
        with self._lock:
            self._starting[run_id] = None
            _started.set((*(run for run in _started.get() if run in self._starting), run_id))
            _forget_oldest(self._starting)

    def next_run(self) -> UUID | None:
        """Return the run of this context that is acquiring now, once."""
        with self._lock:
            for run_id in _started.get():
                if run_id in self._starting:
                    del self._starting[run_id]
                    return run_id
        return None

    def is_alone(self, run_id: UUID | None) -> bool:
        """Return whether a run is the only one of its context, so that it must be the one meant."""
        return run_id is not None and _started.get() == (run_id,)

    def begin(self, call: Reservation, run_id: UUID | None) -> None:
        """Keep a call from its beginning to its end."""
        with self._lock:
            self._open[run_id or call.id] = call
            _forget_oldest(self._open)

    def end(self, run_id: UUID | None) -> Reservation | None:
        """Return the ended run's call; None for a run that did not acquire under its own id."""
        with self._lock:
            self._starting.pop(run_id, None)  # LangChain's cache may have answered it
            return self._open.pop(run_id, None)

    def end_oldest_unnamed(self) -> Reservation | None:
        """Return the oldest call without a known run, for an end without a known call."""
        with self._lock:
            oldest = next((name for name in self._open if isinstance(name, str)), None)
            return None if oldest is None else self._open.pop(oldest)


def _forget_oldest(items: dict[Any, Any]) -> None:
    if len(items) > _MOST_OPEN:
        del items[next(iter(items))]
