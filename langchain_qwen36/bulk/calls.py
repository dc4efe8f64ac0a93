"""`bulk.abatch`: an `abatch` that returns every answer or error, and cancels unwanted calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_core.runnables import Runnable, RunnableConfig

_Output = TypeVar("_Output")

_AT_ONCE = 1000


async def abatch(
    runnable: Runnable[Any, _Output],
    inputs: Iterable[Any],
    config: RunnableConfig | None = None,
    *,
    max_concurrency: int | None = None,
    **kwargs: Any,
) -> list[_Output | Exception]:
    """Call a runnable for each input, and return an answer or its error for each, in order.

    No error of one input costs the answers of the others. If the caller leaves (a timeout, a
    cancelled task), the calls in flight are cancelled, so that they cost no more.

    Args:
        runnable: A model or chain.
        inputs: The inputs, each as `ainvoke` takes it.
        config: The config of each call.
        max_concurrency: Calls at once; by default that of the config, else 1,000.
        **kwargs: Keywords of each call.
    """
    config = {**(config or {})}
    most = max_concurrency or config.pop("max_concurrency", None) or _AT_ONCE
    waiting = enumerate(inputs)
    results: dict[int, _Output | Exception] = {}

    async def work() -> None:
        for number, value in waiting:
            try:
                results[number] = await runnable.ainvoke(value, {**config}, **kwargs)
            except Exception as error:  # noqa: BLE001 - it is the input's
                results[number] = error

    workers = {asyncio.create_task(work()) for _ in range(most)}
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[number] for number in range(len(results))]
