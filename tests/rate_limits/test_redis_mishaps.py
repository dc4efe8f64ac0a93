"""A Redis whose clock is set back, or that drops single keys, stops no call for ever."""

from __future__ import annotations

import time
import uuid
from importlib import resources
from typing import Any

import pytest

from langchain_qwen36 import rate_limits
from langchain_qwen36.rate_limits import SharedRateLimiter
from langchain_qwen36.rate_limits.store import Reservation


def granted(limiter: SharedRateLimiter) -> int:
    """Count the calls that may begin at once."""
    return sum(limiter.acquire(blocking=False) for _ in range(9))


class Clock:
    """A clock of Redis that the test sets."""

    def __init__(self, limiter: SharedRateLimiter) -> None:
        store: Any = limiter._store
        self._client, self._key = store._client, f"clock-{uuid.uuid4().hex}"
        source = resources.files(rate_limits).joinpath("reserve.lua").read_text()
        assert "redis.call('TIME')" in source
        own = source.replace("redis.call('TIME')", f"redis.call('LRANGE', '{self._key}', 0, 1)")
        store._script = self._client.register_script(own)
        self.now = 1_700_000_000
        self.move(0)

    def move(self, seconds: int) -> None:
        """Set it forward, or back."""
        self.now += seconds
        self._client.delete(self._key)
        self._client.rpush(self._key, self.now, 0)


def test_a_clock_that_is_set_back_prolongs_no_window(redis_url: str, key: str) -> None:
    """What was granted counts for its window, not until the clock is again where it was."""
    limiter = SharedRateLimiter(key, requests=1, seconds=60, storage=f"{redis_url}&client_name=a")
    clock = Clock(limiter)
    assert granted(limiter) == 1
    clock.move(-3600)
    assert granted(limiter) == 0
    clock.move(61)
    assert granted(limiter) == 1
    clock.move(59)
    assert granted(limiter) == 0


@pytest.mark.parametrize(
    ("lost", "left"), [("log", 3), ("costs", 1), ("queue", 1), ("lines", 1)], ids=str
)
def test_a_key_that_redis_dropped_blocks_no_call_for_ever(
    redis_url: str, key: str, lost: str, left: int
) -> None:
    """Under `maxmemory` one key may go and the others stay; a process that died is among them."""
    limiter = SharedRateLimiter(key, requests=3, seconds=600, storage=redis_url)
    store: Any = limiter._store
    assert [limiter.acquire(), limiter.acquire()] == [True, True]
    died = Reservation(0, True, f"of a process that died {key}", arrived=time.monotonic() - 1)
    store.join(died, limiter._limits)
    assert granted(limiter) == 0
    client = store._client
    [name] = [n for n in client.keys(f"*{limiter._limits.key}*") if n.endswith(lost.encode())]
    client.delete(name)
    assert granted(limiter) == left
