"""`bulk.abatch`: every answer or error in order; nothing runs on when it is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from bulk_runs import model_of
from langchain_core.runnables import RunnableLambda
from loopback import Raw, Reply

from langchain_qwen36 import bulk
from langchain_qwen36.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway


async def test_one_error_costs_no_answer(
    gateway_server: Callable[..., LoopbackGateway],
) -> None:
    """An input that the gateway refuses gives its error, and all others their answers."""
    server = gateway_server()
    refused = Raw(status=400, body={"error": {"message": "bad"}})
    server.script(Reply("fine"), refused)
    inputs = [f"number {n}" for n in range(20)]
    asked = ["first", "second", *inputs]
    first, second, *results = await bulk.abatch(model_of(server), asked, max_concurrency=1)
    assert first.text == "fine"
    assert isinstance(second, InvalidRequestError)
    assert [result.text for result in results] == [f"You said: {text}" for text in inputs]


async def test_what_is_in_flight_is_cancelled_when_it_is_left() -> None:
    """After a timeout no call runs on, and no further one begins."""
    began, cancelled = [], []

    async def call(number: int) -> int:
        began.append(number)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await bulk.abatch(RunnableLambda(call), range(100), max_concurrency=10)
    assert sorted(cancelled) == began == list(range(10))


async def test_a_config_holds_for_each_call() -> None:
    """Tags of the config reach each call, and its `max_concurrency` is kept."""
    at_once, most = 0, 0

    async def call(number: int) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return number

    results = await bulk.abatch(RunnableLambda(call), range(30), {"max_concurrency": 3})
    assert (results, most) == (list(range(30)), 3)
