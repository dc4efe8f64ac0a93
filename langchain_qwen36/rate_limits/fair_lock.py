"""A lock for threads that is granted in the order of arrival, as asyncio's is for tasks."""

from __future__ import annotations

import threading
from collections import deque
from typing import Self


class FairLock:
    """A lock for `with`; threads enter in the order of their arrival."""

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    def locked(self) -> bool:
        """Return whether an entry would have to wait."""
        return self._held

    def __enter__(self) -> Self:
        with self._state:
            if not self._held:
                self._held = True
                return self
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()
        except BaseException:  # KeyboardInterrupt
            self._give_up(turn)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._state:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False

    def _give_up(self, turn: threading.Lock) -> None:
        with self._state:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.__exit__()  # the lock was already granted to this one
