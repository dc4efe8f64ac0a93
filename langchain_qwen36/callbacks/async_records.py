"""Await the result of an async `on_record`, in sync and async callbacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_qwen36._logging import logger_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

logger = logger_for(__name__)

_running: set[asyncio.Task[None]] = set()
"""Tasks that no code awaits; the event loop keeps only weak references to them."""


def awaiting(
    hook: Callable[..., None], pending: list[Awaitable[None]]
) -> Callable[..., Coroutine[Any, Any, None]]:
    """Turn a hook into an async one that awaits what was appended to `pending` meanwhile.

    LangChain awaits async hooks in async calls and runs them to their end in sync ones.
    """

    async def run(*args: Any, **kwargs: Any) -> None:
        hook(*args, **kwargs)
        await finish(pending)

    return run


async def finish(pending: list[Awaitable[None]]) -> None:
    """Await all of `pending`; an error is logged, since it must not fail the call."""
    while pending:
        try:
            await pending.pop(0)
        except Exception:
            logger.exception("`on_record` failed")


def run_pending(pending: list[Awaitable[None]]) -> None:
    """Run all of `pending` from sync code: now, or as a task if an event loop is running."""
    if not pending:
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(finish(pending))
        return
    task = loop.create_task(finish(pending))
    _running.add(task)
    task.add_done_callback(_running.discard)
