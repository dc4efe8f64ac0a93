"""What a soak counts after each round."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import sys
import threading
import urllib.request
from typing import NamedTuple

from langchain_qwen36._transport.http import connections


class Count(NamedTuple):
    """What must not pile up."""

    files: int
    threads: int
    tasks: int
    slots: int
    """Of the pools of the loop that lives on; a slot belongs to a call in flight."""
    server_connections: int
    bytes: int

    @classmethod
    def now(cls, loop: asyncio.AbstractEventLoop, url: str) -> Count:
        """Count what is there."""
        gc.collect()
        tasks = asyncio.run_coroutine_threadsafe(_count_tasks(), loop).result()
        with urllib.request.urlopen(url) as response:  # noqa: S310, our own server
            on_server = json.load(response)["open"] - 1  # this one
        files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        return cls(files, threading.active_count(), tasks, _slots(loop), on_server, _used_bytes())


def _slots(loop: asyncio.AbstractEventLoop) -> int:
    pools = [of_loop.transport.pool for of_loop in connections._async[loop].values()]  # noqa: SLF001
    return sum(getattr(pool, "_in_use", 0) for pool in pools)


async def _count_tasks() -> int:
    """Count the tasks that do not end by themselves: what was left early is closed in one each."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return len((await asyncio.wait(others, timeout=3))[1]) if others else 0


class _MallInfo(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keep",
        ]
    )


def _used_bytes() -> int:
    """Return the bytes in use, not those that pymalloc and glibc keep."""
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = _MallInfo
    info = library.mallinfo2()
    return int(info.uordblks + info.hblkhd) + sys.getallocatedblocks() * 64
