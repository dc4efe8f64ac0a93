"""An event loop that lives on between calls, and what calls may not leave behind on it."""

from __future__ import annotations

import asyncio
import atexit
import functools
import threading
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from langchain_qwen36._transport.http import connections

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


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
    """Check that no call of a thread still holds a slot for this URL's origin."""
    parts = urlsplit(url)
    for key, transport in connections._sync.items():
        if key.origin == f"{parts.scheme}://{parts.netloc}":
            assert _in_use(transport._pool) == 0, f"the call left a slot in use: {key}"


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
    """Of our pool, or of httpcore's, which serves proxies."""
    if hasattr(pool, "_in_use"):
        return pool._in_use
    return sum(not connection.is_idle() for connection in pool.connections)


def _idle(pool: Any) -> int:
    return len(pool._idle) if hasattr(pool, "_idle") else len(pool.connections)
