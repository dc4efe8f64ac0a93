"""Connections that wait for their next request; shared by the pool for threads and the async one.

`take` alone decides whether a kept connection may carry another request. What the peer sent
unasked, or after a response, would be read as the next caller's response, so a connection with
unread bytes is closed.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar
from weakref import WeakSet

import httpcore

from langchain_qwen36._transport.http.signals import raised_in_signal_handler

if TYPE_CHECKING:
    from langchain_qwen36._transport.http.http1 import Exchange

CONNECTION_LOST = (httpcore.NetworkError, httpcore.RemoteProtocolError)
"""Exceptions of a stream or an exchange whose connection ends too early."""
SWEEP_SECONDS = 1.0
"""How often idle connections are checked; those that the server closed are closed here too."""

HANDOVER_SECONDS = 0.005
"""How long a connection that passes from one call straight to the next rests before it is checked:
surplus bytes of a broken server have arrived by then."""


class Stream(Protocol):
    """A connection of either pool."""

    def is_quiet(self) -> bool:
        """Return whether no data waits in either direction and the peer has not closed."""
        ...

    def close(self) -> None:
        """Close the connection; must not raise."""
        ...


S = TypeVar("S", bound=Stream)


class _Idle(NamedTuple, Generic[S]):
    stream: S
    until: float
    """Time on the monotonic clock."""

    def is_usable(self) -> bool:
        return self.until > time.monotonic() and self.stream.is_quiet()


class IdleConnections(Generic[S]):
    """A stack of idle connections: the one used last is used next, the others grow old.

    Safe for threads: appending to a deque and popping from it are atomic.

    Args:
        expiry: Seconds after which an idle connection is closed.
    """

    def __init__(self, expiry: float) -> None:
        self._expiry = expiry
        self._idle: deque[_Idle[S]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._idle)

    def put(self, stream: S, exchange: Exchange | None = None) -> None:
        """Keep a connection, for no longer than its server said in `Keep-Alive: timeout=`."""
        seconds = exchange.keep_alive_seconds if exchange is not None else None
        expiry = self._expiry if seconds is None else min(self._expiry, seconds)
        self._idle.append(_Idle(stream, time.monotonic() + expiry))
        if self._closed:
            self.close()

    def take(self, handed_over: S | None = None, *, is_wanted: bool = True) -> S | None:
        """Return a connection that may carry another request; close those that may not.

        Args:
            handed_over: A connection passed on directly by a finishing call; checked before the
                idle ones.
            is_wanted: Whether the call takes a kept connection at all.
        """
        if handed_over is not None:
            if is_wanted and handed_over.is_quiet():
                return handed_over
            handed_over.close()
        while is_wanted:
            try:
                idle = self._idle.pop()
            except IndexError:
                return None
            if idle.is_usable():
                return idle.stream
            idle.stream.close()
        return None

    def sweep(self) -> None:
        """Close connections that are too old, or were closed by their server."""
        for _ in range(len(self._idle)):
            try:
                idle = self._idle.popleft()
            except IndexError:
                return
            if idle.is_usable():
                self._idle.append(idle)
            else:
                idle.stream.close()

    def close(self) -> None:
        """Close all connections, and those that are put here later."""
        self._closed = True
        while self._idle:
            self._idle.pop().stream.close()


def check_is_quiet(stream: Stream) -> None:
    """Refuse a new connection whose server sends bytes, or closes, before any request.

    Raises:
        httpcore.RemoteProtocolError: The server did.
    """
    if not stream.is_quiet():
        raise httpcore.RemoteProtocolError("The server sent bytes, or closed, before any request.")


def died_while_idle(error: Exception, exchange: Exchange) -> bool:
    """Return whether a kept connection was already dead, so that a new one may be tried at once.

    The server may close an idle connection just as we send on it (RFC 9112, section 9.5); that does
    not count as a failed attempt.
    """
    return not exchange.has_begun and raised_in_signal_handler(error) is None


class _Sweeper:
    """A thread that sweeps the pools of all threads; it ends when no connection is idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: WeakSet[IdleConnections[Stream]] = WeakSet()
        self._runs = False

    def watch(self, pool: IdleConnections[Stream]) -> None:
        """Sweep a pool until it is empty."""
        with self._lock:
            self._pools.add(pool)
            if self._runs:
                return
            self._runs = True
        try:
            threading.Thread(target=self._run, name="langchain-qwen36-idle", daemon=True).start()
        except RuntimeError:  # the system allows no more threads; the next call tries again
            self._runs = False

    def _watched(self) -> list[IdleConnections[Stream]]:
        with self._lock:
            return list(self._pools)

    def _run(self) -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            for pool in self._watched():
                pool.sweep()
            with self._lock:
                for pool in [pool for pool in self._pools if not pool]:
                    self._pools.discard(pool)
                if not self._pools:
                    self._runs = False
                    return


_sweeper = _Sweeper()


def sweep_in_thread(pool: IdleConnections[S]) -> None:
    """Have a pool swept by the process's sweeper thread, as long as a connection is idle."""
    _sweeper.watch(pool)  # type: ignore[arg-type]


def _forget_sweeper() -> None:
    """Replace the sweeper in a forked child, whose thread is the parent's."""
    global _sweeper  # noqa: PLW0603
    _sweeper = _Sweeper()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_sweeper)
