"""The interface of a storage: reserve a call, correct its tokens, release it."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Protocol

_numbers = itertools.count()

MOST_WINDOWS = 60
"""Windows over which one call's excess is paid; a count beyond that is a server's mistake."""
LEASE_SECONDS = 1.0
"""How long a line's calls keep their turns if it asks no more, as after its process was killed."""
NO_LIMIT = 2**53
"""The largest integer that a double, and so a Lua number, counts to."""


class StorageUnavailableError(Exception):
    """The storage does not answer; the limiter's `on_failure` decides about the call."""


def _now() -> float:
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Limits:
    """The requests and tokens that may begin within any window of a key."""

    key: str
    """A digest of the key."""
    seconds: float
    requests: int
    tokens: int


@dataclass(slots=True, eq=False)
class Reservation:
    """A call that is waiting to begin."""

    tokens: int
    """The charge of the call before its usage is known."""
    waits: bool
    """Whether it joins the queue if it does not fit yet."""
    line: str
    """The line in which it waits: the threads of a process, or the tasks of an event loop. Only the
    first of each line asks the storage."""
    number: int = field(default_factory=_numbers.__next__)
    arrived: float = field(default_factory=_now)
    is_released: bool = False
    """Whether nobody waits for the answer to its question any more."""

    @property
    def id(self) -> str:
        """An id that no other call has."""
        return f"{self.line}/{self.number}"


class Store(Protocol):
    """The log of one process or of many, and the queue of waiting calls.

    A call fits if the log of the last window, all calls that arrived before it and wait, and the
    call itself are within the limits: calls begin in the order of arrival, and small calls never
    pass a large one forever.
    """

    @property
    def unwritten(self) -> int:
        """Corrections that the storage does not have yet."""

    def reserve(self, call: Reservation, limits: Limits) -> float:
        """Return 0.0 if the call may begin now, else the seconds after which to ask again.

        Raises:
            StorageUnavailableError: The storage does not answer.
        """

    async def areserve(self, call: Reservation, limits: Limits) -> float:
        """`reserve`, async."""

    def join(self, call: Reservation, limits: Limits) -> None:
        """Put a waiting call into the queue; never waits, never raises."""

    def settle(self, call: Reservation, taken: int, limits: Limits) -> None:
        """Replace a call's charge by the tokens that it used; never waits, never raises.

        A credit lowers the call's own entry. An excess counts from now on, at most a whole limit
        in each window, so that a call larger than the limit is paid over several.
        """

    def release(self, call: Reservation, limits: Limits) -> None:
        """Remove a call that is not made from the queue and the log; never waits or raises."""
