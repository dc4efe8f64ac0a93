"""What a limiter asks of a storage: reserve a call, correct its tokens, release it."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Protocol

_numbers = itertools.count()

MOST_WINDOWS = 60
"""Windows over which one call's excess is paid; a count beyond that is a server's mistake."""
LEASE_SECONDS = 1.0
"""How long a line's calls keep their turns if it asks no more, as when its process was killed."""
NO_LIMIT = 2**53
"""What a double counts to, as Lua's numbers are."""


class StorageUnavailableError(Exception):
    """The storage does not answer; the limiter's `on_failure` decides what becomes of the call."""


def _now() -> float:
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Limits:
    """What may begin within any window of a key."""

    key: str
    """A digest of the key."""
    seconds: float
    requests: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A call that wants to begin."""

    tokens: int
    """What it is charged before its usage is known."""
    waits: bool
    """Whether it joins the queue when it does not fit yet."""
    line: str
    """Where it waits: one of the threads of a process, or one of the tasks of an event loop. Only
    the first of each line asks the storage."""
    number: int = field(default_factory=_numbers.__next__)
    arrived: float = field(default_factory=_now)

    @property
    def id(self) -> str:
        """A name that no other call has."""
        return f"{self.line}/{self.number}"


class Store(Protocol):
    """The log of one process or of many, and the queue of those who wait.

    A call fits if the log of the last window, all calls that arrived before it and wait, and it
    itself keep to the limits: whoever comes first begins first, and a large call is not passed
    by small ones for ever.
    """

    @property
    def unwritten(self) -> int:
        """Corrections that the storage has not taken yet."""

    def reserve(self, call: Reservation, limits: Limits) -> float:
        """Return 0.0 if the call may begin now, else the seconds after which to ask again.

        Raises:
            StorageUnavailableError: the storage does not answer.
        """

    async def areserve(self, call: Reservation, limits: Limits) -> float:
        """Reserve without keeping the event loop waiting."""

    def join(self, call: Reservation, limits: Limits) -> None:
        """Put a call into the queue that waits in a line; never waits, never raises."""

    def settle(self, call: Reservation, taken: int, limits: Limits) -> None:
        """Replace a call's charge by what it took; never waits, never raises.

        A credit lowers the call's own entry. An excess counts from now on, at most a whole limit
        in each window, so that a call larger than the limit is paid over several.
        """

    def release(self, call: Reservation, limits: Limits) -> None:
        """Take a call that is not made out of the queue and the log; never waits or raises."""
