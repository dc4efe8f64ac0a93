"""Run one function over several parts at once, bounded, and keep their order."""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


def run_parts(
    parts: Sequence[_Part], work: Callable[[_Part], _Result], limit: int
) -> list[_Result]:
    """Return the results of `work` in the order of the parts.

    After the first failure no further part is begun; those that run are waited for.

    Raises:
        Exception: the error of the first part that failed.
    """
    if len(parts) <= 1 or limit == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(min(limit, len(parts)), "langchain-qwen36") as pool:
        futures = [pool.submit(copy_context().run, work, part) for part in parts]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            for future in futures:
                future.cancel()
    failed = (future for future in futures if not future.cancelled() and future.exception())
    if (first := next(failed, None)) is not None:
        first.result()
    return [future.result() for future in futures]


async def arun_parts(
    parts: Sequence[_Part], work: Callable[[_Part], Awaitable[_Result]], limit: int
) -> list[_Result]:
    """`run_parts`, async; at the first failure the parts that run are cancelled."""
    if len(parts) <= 1:
        return [await work(part) for part in parts]
    slots = asyncio.Semaphore(limit)
    has_failed = False

    async def bounded(part: _Part) -> _Result:
        nonlocal has_failed
        async with slots:
            if has_failed:  # the slot of the part that failed is free before this is cancelled
                raise asyncio.CancelledError
            try:
                return await work(part)
            except BaseException:
                has_failed = True
                raise

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bounded(part)) for part in parts]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
