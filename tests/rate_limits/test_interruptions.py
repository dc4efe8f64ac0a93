"""A call that is interrupted while it waits, at any moment, is in nobody's way."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import pytest

from langchain_qwen36.rate_limits import SharedRateLimiter
from langchain_qwen36.rate_limits.fair_lock import FairLock, Turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from langchain_qwen36.rate_limits.redis_store import RedisStore


class Held:
    """Requests to a Redis storage, held until the test lets them go."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store: RedisStore = store
        self.writes, self._go_on = threading.Event(), threading.Event()
        self._run = store._run
        self._blocked = threading.Event()
        store._thread.submit(self._blocked.wait, 30)
        monkeypatch.setattr(store, "_run", self.run)

    def begin(self) -> None:
        """Let the storage's thread begin with what it has to do."""
        self._blocked.set()

    def let_go(self) -> None:
        """Let the first request go."""
        self._go_on.set()

    def run(self, limits: Any, operations: Any) -> int:
        """Send a request when the test says so."""
        self.writes.set()
        assert self._go_on.wait(30)
        return self._run(limits, operations)


def corrected(limiter: SharedRateLimiter) -> None:
    """Have a correction written that takes nothing."""
    call = limiter._in_flight.end_oldest_unnamed()
    assert call is not None
    limiter._store.settle(call, call.tokens, limiter._limits)


async def cancelled(limiter: SharedRateLimiter, held: Held) -> None:
    """Cancel a call as its question is about to leave, behind a correction."""
    waiting = asyncio.create_task(limiter.aacquire())
    await asyncio.sleep(0.05)
    corrected(limiter)
    held.begin()
    assert await asyncio.to_thread(held.writes.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.let_go()


def interrupted(limiter: SharedRateLimiter, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C while the question of a call waits behind a correction."""
    submit = held.store._thread.submit

    def press(function: Callable[..., Any], *arguments: Any) -> Any:
        future = submit(function, *arguments)
        if function == held.store._reserve:
            monkeypatch.setattr(future, "result", stopped)
        return future

    def stopped(_: float) -> None:
        raise KeyboardInterrupt

    corrected(limiter)
    with monkeypatch.context() as patch:
        patch.setattr(held.store._thread, "submit", press)
        with pytest.raises(KeyboardInterrupt):
            limiter.acquire()
    held.begin()
    held.let_go()


@pytest.mark.parametrize("how", ["cancelled", "interrupted"])
async def test_a_call_given_up_while_it_asks_takes_no_request(
    redis_url: str, key: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its release is not written before its question, whatever stands before them."""
    limits: Any = {"requests": 2, "tokens": 10_000, "seconds": 600, "storage": redis_url}
    limiter = SharedRateLimiter(key, **limits)
    limiter.acquire()
    held = Held(limiter._store, monkeypatch)
    if how == "cancelled":
        await cancelled(limiter, held)
    else:
        interrupted(limiter, held, monkeypatch)
    assert SharedRateLimiter(key, **limits).acquire(blocking=False)


class CtrlC:
    """Interrupts what runs in it, as it comes to a call or returns from one for the nth time.

    Python looks for signals there, and where a loop begins anew.
    """

    def __init__(self, nth: int) -> None:
        self.left = nth

    def __enter__(self) -> Self:
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        if event not in ("call", "c_return") or "rate_limits" not in frame.f_code.co_filename:
            return
        if frame.f_code.co_filename == __file__:
            return
        self.left -= 1
        if self.left < 0:
            sys.setprofile(None)
            raise KeyboardInterrupt


def interrupt(limiter: SharedRateLimiter, nth: int) -> bool:
    """Interrupt a call at its nth moment; return whether it had so many."""
    with CtrlC(nth) as press, suppress(KeyboardInterrupt):
        limiter.acquire()
    return press.left < 0


def test_ctrl_c_at_any_moment_leaves_line_and_log_whole(key: str) -> None:
    """No moment of a call keeps the next ones waiting, or loosens the limit."""
    for nth in range(1000):
        limiter = SharedRateLimiter(f"{key} {nth}", requests=4, tokens=4000, seconds=600)
        limiter.acquire()
        if not interrupt(limiter, nth):
            break
        store: Any = limiter._store
        assert not limiter._line_of_threads.lock.locked(), f"the line is held after moment {nth}"
        store._drop_expired(600)
        assert store._requests == len(store._log), f"miscounted after moment {nth}"
        assert store._tokens == 1000 * len(store._log), f"miscounted after moment {nth}"
        assert store._queue == []
    assert 10 < nth < 999


def test_who_stands_behind_an_interrupted_thread_begins_in_its_stead() -> None:
    """A thread that gives up its place in the line lets the next one wait for the one before."""
    line, first, given_up, last = FairLock(), Turn(), Turn(), Turn()
    line.enter(first)

    def arrive(turn: Turn) -> threading.Thread:
        thread = threading.Thread(target=line.enter, args=(turn,), daemon=True)
        thread.start()
        while line._last is not turn:
            time.sleep(0.001)
        return thread

    arrive(given_up)
    waiting = arrive(last)
    given_up.end()
    waiting.join(0.1)
    assert waiting.is_alive()
    first.end()
    waiting.join(30)
    assert not waiting.is_alive()
    last.end()
    assert not line.locked()
