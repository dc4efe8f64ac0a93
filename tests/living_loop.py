"""An event loop that lives on between calls, and what calls may not leave behind on it."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from langchain_qwen36._transport.http import connections

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
PATIENCE_SECONDS = 10
"""How long a look-up's thread or the sweeper may take to end what it is just ending."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the loop, then check that it left no slot, socket or task behind."""
    try:
        return _run(coroutine)
    finally:
        left = _run(_left_over())
        assert left == {}, f"the call left on its loop: {left}"


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result(120)


def check_threads(url: str) -> None:
    """Check that calls that are over left no slot, socket or thread behind for an origin."""
    parts = urlsplit(url)
    origin, until = f"{parts.scheme}://{parts.netloc}", time.monotonic() + PATIENCE_SECONDS
    while (left := _left_in_threads(origin, parts.port or 0)) and time.monotonic() < until:
        time.sleep(0.005)
    assert left == {}, f"the call left behind: {left}"


def _left_in_threads(origin: str, port: int) -> dict[str, Any]:
    """Count what is held beyond the connections that pools keep idle."""
    pools = [
        transport._pool for key, transport in connections._sync.items() if key.origin == origin
    ]
    on_loops = [
        held.transport._pool
        for of_loop in list(connections._async.values())
        for key, held in list(of_loop.items())
        if key.origin == origin
    ]
    idle = sum(_idle(pool) for pool in (*pools, *on_loops))
    counts = {
        "slots": sum(_in_use(pool) for pool in pools),
        "sockets": max(0, _sockets_to(port) - idle),
        "threads": [t for t in threading.enumerate() if t.name == "langchain-qwen36"],
    }
    return {name: count for name, count in counts.items() if count}


def _sockets_to(port: int) -> int:
    """Count this process's connections to a port of this machine; 0 where /proc does not tell."""
    here = Path("/proc/self/fd")
    return sum(_leads_to(int(file.name), port) for file in here.iterdir()) if here.exists() else 0


def _leads_to(descriptor: int, port: int) -> bool:
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with socket.socket(fileno=os.dup(descriptor)) as sock:
                return sock.family == socket.AF_INET and sock.getpeername()[1] == port
    return False


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="living-loop", daemon=True)
    thread.start()

    def end() -> None:
        asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()

    atexit.register(end)
    return loop


async def _left_over() -> dict[str, Any]:
    """Count what calls that are over still hold; sockets are those that no pool keeps idle."""
    for _ in range(5):  # a closed transport leaves the selector one turn later
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    pools = [held.transport._pool for held in connections._async.get(loop, {}).values()]
    watched = len(loop._selector.get_map()) - 1  # less its own wake-up pipe
    counts = {
        "slots": sum(_in_use(pool) for pool in pools),
        "waiting": sum(len(getattr(pool, "_waiting", ())) for pool in pools),
        "tasks": tasks,
        "sockets": max(0, watched - sum(_idle(pool) for pool in pools)),
    }
    return {name: count for name, count in counts.items() if count}


def _in_use(pool: Any) -> int:
    return getattr(pool, "_in_use", 0)  # a test's own transport has none


def _idle(pool: Any) -> int:
    return len(getattr(pool, "_idle", ()))
