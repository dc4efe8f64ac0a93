"""A lock for threads that is granted in the order of arrival, as asyncio's is for tasks."""

from __future__ import annotations

import threading


class Turn:
    """A thread's place in the line: `end` gives it up, or the lock that it has.

    Ctrl-C may interrupt a thread between any two calls, so each step is one assignment, or one call
    of the interpreter's own.
    """

    __slots__ = ("before", "end", "over")

    def __init__(self) -> None:
        self.over = threading.Lock()
        self.over.acquire()
        self.end = self.over.release
        self.before: Turn | None = None
        """The turn that this one waits for; None: it waits for none."""


class FairLock:
    """A lock that threads enter in the order of their arrival.

        turn = Turn()
        try:
            lock.enter(turn)
            ...
        finally:
            turn.end()

    Each thread waits for the end of the turn before its own (a CLH lock).
    """

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._last: Turn | None = None

    def locked(self) -> bool:
        """Return whether an entry would have to wait."""
        turn = self._last
        while turn is not None and not turn.over.locked():
            turn = turn.before
        return turn is not None

    def enter(self, turn: Turn) -> None:
        """Wait until all who came before have ended."""
        with self._state:
            turn.before, self._last = self._last, turn
        while turn.before is not None:
            with turn.before.over:
                pass
            turn.before = turn.before.before  # not None if that one gave up: it waited too
