"""Processes that are killed at random moments keep to one limit together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import forked
import limit_worker
import pytest

from langchain_qwen36.rate_limits import SharedRateLimiter

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.timeout(300)
"""Each starts several programs, which a busy machine does slowly."""
SECONDS, REQUESTS = 1.0, 20

CALLING = """
import asyncio, os, random, redis, signal, sys, time
from langchain_qwen36.rate_limits import SharedRateLimiter, redis_store
from langchain_qwen36.rate_limits.redis_store import RedisStore

redis_store._ANSWER_SECONDS = 30.0

key, url, calls, programs, seconds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
reserve = RedisStore._reserve

def timed(store, call, limits):
    before = time.time()
    wait = reserve(store, call, limits)
    if not wait:
        os.write(1, f"{before} {time.time()}\\n".encode())
    return wait

RedisStore._reserve = timed

async def work():
    limiter = SharedRateLimiter(
        key, requests=20, seconds=1.0, storage=url, check_every_seconds=0.05
    )
    await asyncio.gather(*(limiter.aacquire() for _ in range(calls)))

def start():
    if pid := os.fork():
        return pid, time.time() + 0.5 + 3 * random.random()
    asyncio.run(work())
    os._exit(0)

if not programs:
    sys.exit(asyncio.run(work()))
running, until = [start() for _ in range(programs)], time.time() + seconds
while time.time() < until:
    for number, (pid, ends) in enumerate(running):
        if time.time() > ends:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            running[number] = start()
    time.sleep(0.01)
for pid, _ in running:
    os.kill(pid, signal.SIGKILL)
"""


def test_processes_share_a_limit(redis_url: str, key: str) -> None:
    """Two programs together make no more calls than one may."""
    programs = [forked.start_piped(limit_worker.count, key, redis_url) for _ in range(2)]
    counts = []
    for process, pipe in programs:
        with pipe:
            counts.append(pipe.recv())
        process.join()
    assert sum(counts) == 10


class Grant(NamedTuple):
    """Between which times the storage let a call begin."""

    earliest: float
    latest: float

    @classmethod
    def read(cls, line: str) -> Grant:
        """Read a line of the program."""
        return cls(*map(float, line.split()))


def most_in_a_window(grants: Iterable[Grant], seconds: float) -> int:
    """Return the most calls that certainly began within one window of that length."""
    known = list(grants)
    return max(
        sum(one.earliest >= start and one.latest < start + seconds for one in known)
        for start, _ in known
    )


def calling(
    key: str, url: str, calls: int, *, killed: int = 0, seconds: int = 0
) -> subprocess.Popen[str]:
    """Start a program of so many calls at once; it writes between which times each begins.

    With `killed`, it is so many processes, each killed with -9 at random moments and started anew.
    """
    settings = [str(value) for value in (calls, killed, seconds)]
    command = [sys.executable, "-c", CALLING, key, url, *settings]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
@pytest.mark.parametrize("seconds", [6, pytest.param(10, marks=pytest.mark.long)])
def test_a_limit_holds_while_processes_are_killed(redis_url: str, key: str, seconds: int) -> None:
    """Four processes of 500 calls each, killed with -9 and started anew, pass no window's limit.

    And nobody who died holds up the others: the storage goes on granting until the end.
    """
    with calling(key, redis_url, 500, killed=4, seconds=seconds) as programs:
        assert programs.stdout is not None
        begun = [Grant.read(line) for line in programs.stdout]
    assert most_in_a_window(begun, SECONDS) <= REQUESTS
    assert len(begun) > REQUESTS  # more than one window's


def test_processes_take_their_turns_in_the_order_of_arrival(redis_url: str, key: str) -> None:
    """A call waits for those of another process that came before it, and for no others."""
    limiter = SharedRateLimiter(key, requests=REQUESTS, seconds=SECONDS, storage=redis_url)
    with calling(key, redis_url, 4 * REQUESTS) as other:
        assert other.stdout is not None
        first = [other.stdout.readline() for _ in range(REQUESTS)]  # the window is full
        limiter.acquire()
        began = time.time()
        grants = [Grant.read(line) for line in [*first, *other.stdout]]
    assert len(grants) == 4 * REQUESTS
    assert sum(grant.earliest < began for grant in grants) > 3.5 * REQUESTS
