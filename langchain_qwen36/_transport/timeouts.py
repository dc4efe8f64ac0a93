"""Timeouts of a call: the user's settings, and the running clocks of one attempt."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from langchain_qwen36.errors import GatewayTimeoutError, UnsupportedSettingError

if TYPE_CHECKING:
    from langchain_qwen36.errors import Clock as ClockName

_MIN_SECONDS = 0.001
"""Least seconds; a socket given 0 does not wait at all and answers with another error."""
MAX_SECONDS = 1_000_000.0
"""Most seconds that are waited, 11 days: systems refuse to wait for much longer."""
_SLACK = 0.05
"""Seconds by which a system timer may be early."""
_PAIR = 2
_QUADRUPLE = 4


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a call waits for each of its stages; None: no limit.

    The gap is counted between events: a gateway's keep-alive comments do not reset it, so that a
    stalled model is noticed even if the connection is busy.
    """

    connect: float | None = 5.0
    """Time for a connection, and again for its TLS handshake."""
    first_event: float | None = 600.0
    """Time from the request to the first event, or to the headers of a non-streaming response,
    which come when the model is done."""
    gap: float | None = 120.0
    """Time between two events, or two reads of a non-streaming response."""
    total: float | None = None
    """Time for the whole call, including its retries and the caller's work between chunks."""
    pool: float | None = 600.0
    """Time to wait for a free connection of the process."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not _is_seconds(value):
                raise UnsupportedSettingError(
                    f"`Timeouts({field.name}={value!r})`: seconds above 0, or None for no limit."
                )

    @classmethod
    def of(cls, value: Any) -> Timeouts:
        """Convert the value of `timeout=`.

        Args:
            value: None for the defaults; seconds, which set `first_event` and `gap` (and `connect`,
                if they are fewer); `Timeouts`; an `httpx.Timeout`, or the tuples that httpx takes,
                whose `read` sets `first_event` and `gap`.

        Raises:
            UnsupportedSettingError: Any other value, or a number that is no time.
        """
        if value is None:
            return _DEFAULT
        if isinstance(value, cls):
            return value
        if _is_seconds(value):
            return cls(connect=min(5.0, value), first_event=value, gap=value)
        if isinstance(value, tuple) and len(value) in (_PAIR, _QUADRUPLE):
            connect, read, *rest = value
            return cls(connect, first_event=read, gap=read, pool=rest[1] if rest else cls().pool)
        if all(hasattr(value, name) for name in ("connect", "read", "pool")):
            return cls(value.connect, first_event=value.read, gap=value.read, pool=value.pool)
        raise UnsupportedSettingError(
            f"`timeout={value!r}`: seconds, `Timeouts(...)` or an `httpx.Timeout`."
        )

    def deadline(self) -> float | None:
        """Return the time at which a call that starts now must be over, on the monotonic clock."""
        return _after(self.total)


class Clock(Protocol):
    """Limits the time of a socket's reads."""

    def remaining(self) -> float | None:
        """Return the seconds that are left; None: no limit."""
        ...


class Deadline:
    """A clock that runs once, starting now."""

    __slots__ = ("_until",)

    def __init__(self, seconds: float | None) -> None:
        self._until = _after(seconds)

    def remaining(self) -> float | None:
        """Return the seconds that are left; never 0."""
        return None if self._until is None else max(self._until - time.monotonic(), _MIN_SECONDS)


class ClockExpired(Exception):  # noqa: N818, it becomes a `GatewayTimeoutError`
    """A clock of the call ran out while bytes were at hand, so that no socket could raise."""


class CallTimeouts:
    """The running clocks of one attempt.

    The object goes down to the socket as the read timeout, where `remaining` is computed before
    every read: so a read ends at the deadline, even if bytes trickle in.
    """

    __slots__ = ("_deadline", "_name", "_until", "timeouts")

    def __init__(self, timeouts: Timeouts, deadline: float | None = None) -> None:
        self.timeouts = timeouts
        self._deadline = deadline
        self._name: ClockName = "first_event"
        self._until = _after(timeouts.first_event)

    @property
    def connect(self) -> float | None:
        """The seconds left for connecting."""
        return _min(_capped(self.timeouts.connect), self._total_left())

    @property
    def pool(self) -> float | None:
        """The seconds left to wait for a free connection."""
        return _min(_capped(self.timeouts.pool), self._total_left())

    @property
    def has_deadline(self) -> bool:
        """Whether the whole call has a deadline."""
        return self._deadline is not None

    def event(self) -> None:
        """Start the gap: an event came, and the caller is back for the next one."""
        self._name = "gap"
        self._until = _after(self.timeouts.gap)

    def restart(self) -> None:
        """Start the wait for the response again, after the peer took a piece of the request."""
        self._until = _after(self.timeouts.first_event)

    def cap(self, seconds: float) -> None:
        """End the call's reads within so many seconds from now, event or not."""
        self._until = _min(self._until, time.monotonic() + seconds)

    def remaining(self) -> float | None:
        """Return the seconds until the first clock runs out; never 0."""
        until = None if self._until is None else self._until - time.monotonic()
        left = _min(until, self._total_left())
        return None if left is None else max(left, _MIN_SECONDS)

    def check(self) -> None:
        """Raise `ClockExpired` if a clock ran out, though bytes may be at hand."""
        now = time.monotonic()
        if (self._until is not None and now >= self._until) or (
            self._deadline is not None and now >= self._deadline
        ):
            raise ClockExpired

    def timeout_error(self, where: str, name: ClockName | None = None) -> GatewayTimeoutError:
        """Return the error that names the clock and the address."""
        if self._is_total(name):
            name = "total"
        name = name or self._name
        error = GatewayTimeoutError(
            f"{where}: {_WAITED_FOR[name]} within {getattr(self.timeouts, name)} s "
            f"(`timeout=Timeouts({name}=...)`).",
            is_retryable=name != "total",
        )
        error.clock = name
        return error

    def _is_total(self, name: ClockName | None) -> bool:
        """Return whether the deadline of the whole call came before that of the named clock."""
        if self._deadline is None:
            return False
        if name is None:
            return self._until is None or self._deadline <= self._until
        return self._deadline - time.monotonic() < _SLACK

    def _total_left(self) -> float | None:
        return (
            None if self._deadline is None else max(self._deadline - time.monotonic(), _MIN_SECONDS)
        )


_WAITED_FOR: dict[ClockName, str] = {
    "connect": "no connection",
    "pool": "none of the pool's connections came free",
    "first_event": "the gateway sent no event",
    "gap": "the gateway sent no further event",
    "total": "the call was not over",
}


def _after(seconds: float | None) -> float | None:
    seconds = _capped(seconds)
    return None if seconds is None else time.monotonic() + seconds


def _capped(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, MAX_SECONDS)


def _min(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _is_seconds(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value < math.inf  # type: ignore[operator]


_DEFAULT = Timeouts()
