"""A storage that does not answer costs one short wait; then `on_failure` decides at once."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from redis_server import RedisServer, free_port

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.callbacks import QwenCostCallbackHandler
from langchain_qwen36.errors import RateLimitStorageError
from langchain_qwen36.rate_limits import SharedRateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback import LoopbackGateway

SHORT_SECONDS = 7.5
"""One wait for a storage that does not answer, on a busy machine."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Run a Redis for one test, which may freeze or kill it."""
    with RedisServer() as server:
        yield server


def settled(limiter: SharedRateLimiter, tokens: int) -> None:
    """Tell a limiter that its oldest call took so many tokens."""
    usage: Any = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
    message = AIMessage("text", usage_metadata=usage)
    limiter.on_llm_end(LLMResult(generations=[[ChatGeneration(message=message)]]))


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> bool:
    """Return whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_storage_that_is_down_refuses_calls(key: str) -> None:
    """By default the call is not sent, and the error names the other choice."""
    limiter = SharedRateLimiter(key, requests=1, storage=f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(RateLimitStorageError, match="on_failure='allow'") as caught:
        limiter.acquire()
    assert caught.value.is_retryable
    assert limiter.acquire(blocking=False) is False


def test_a_storage_that_is_down_can_let_calls_through(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`on_failure="allow"` lets calls through, with one warning."""
    url = f"redis://127.0.0.1:{free_port()}"
    limiter = SharedRateLimiter(key, requests=1, storage=url, on_failure="allow")
    with caplog.at_level(logging.WARNING):
        assert [limiter.acquire(blocking=False) for _ in range(3)] == [True] * 3
    assert caplog.text.count("storage is unavailable") == 1


async def test_a_model_whose_storage_is_down_sends_nothing(
    gateway_server: Callable[..., LoopbackGateway], key: str
) -> None:
    """All four styles raise the error, and the gateway gets no request."""
    server = gateway_server()
    limiter = SharedRateLimiter(key, requests=1, storage=f"redis://127.0.0.1:{free_port()}")
    model = ChatQwen36(
        gateway=server.row.name,
        base_url=server.base_url,
        api_key=server.key,
        rate_limiter=limiter,
        callbacks=[limiter],
    )
    with pytest.raises(RateLimitStorageError):
        model.invoke("Hi")
    with pytest.raises(RateLimitStorageError):
        list(model.stream("Hi"))
    with pytest.raises(RateLimitStorageError):
        await model.ainvoke("Hi")
    with pytest.raises(RateLimitStorageError):
        [chunk async for chunk in model.astream("Hi")]
    assert server.requests == []


async def drain(chunks: Any) -> None:
    """Read an async stream to its end."""
    async for _ in chunks:
        pass


async def v3(model: ChatQwen36, config: Any) -> None:
    """Read an async v3 stream to its end."""
    await (await model.astream_events("Hi", version="v3", config=config)).output


STYLES: dict[str, Callable[[ChatQwen36, Any], Any]] = {
    "invoke": lambda model, config: asyncio.to_thread(model.invoke, "Hi", config),
    "stream": lambda model, config: asyncio.to_thread(list, model.stream("Hi", config)),
    "ainvoke": lambda model, config: model.ainvoke("Hi", config),
    "astream": lambda model, config: drain(model.astream("Hi", config)),
    "astream_events": v3,
}


@pytest.fixture
def counted(
    gateway_server: Callable[..., LoopbackGateway], key: str
) -> Iterator[tuple[ChatQwen36, QwenCostCallbackHandler, Any]]:
    """Return a model behind a limiter, a cost handler with a budget, and their config."""
    server = gateway_server()

    def limited(**settings: Any) -> tuple[ChatQwen36, QwenCostCallbackHandler, Any]:
        limiter = SharedRateLimiter(key, requests=1, **settings)
        handler = QwenCostCallbackHandler(budget="1 CNY")
        model = ChatQwen36(
            gateway=server.row.name,
            base_url=server.base_url,
            api_key=server.key,
            rate_limiter=limiter,
            callbacks=[limiter],
        )
        return model, handler, {"callbacks": [handler]}

    yield limited
    assert server.requests == []


@pytest.mark.parametrize("style", STYLES)
async def test_a_refused_call_costs_nothing(counted: Any, style: str) -> None:
    """It is booked at once as not billed, with no tokens and nothing held of the budget."""
    model, handler, config = counted(storage=f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(RateLimitStorageError):
        await STYLES[style](model, config)
    handler.close_open_calls()
    assert [(r.error, r.price_source, r.cost, r.estimated) for r in handler.runs] == [
        ("RateLimitStorageError", "not_billed", 0, False)
    ]
    assert (handler.tokens.total, handler._ledger.balance.held) == (0, {})


@pytest.mark.parametrize("style", ["ainvoke", "astream"])
async def test_a_call_that_is_cancelled_in_the_queue_is_not_booked(
    counted: Any, style: str
) -> None:
    """Nothing was sent: no record, no hold, and no estimate later."""
    model, handler, config = counted()
    await model.rate_limiter.aacquire()
    task = asyncio.create_task(STYLES[style](model, config))
    waiting = model.rate_limiter._line_of_loop().lock
    while not (waiting.locked() or task.done()):  # noqa: ASYNC110, no event tells
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    handler.close_open_calls()
    assert (handler.runs, handler._ledger.balance.held) == ((), {})


@pytest.mark.parametrize("on_failure", ["refuse", "allow"])
def test_a_frozen_storage_costs_one_short_wait(
    redis: RedisServer, key: str, on_failure: Any
) -> None:
    """The first call waits for the storage's answer, the next ones do not."""
    limiter = SharedRateLimiter(key, requests=99, storage=redis.url, on_failure=on_failure)
    limiter.acquire()
    redis.freeze()
    waits = []
    for _ in range(5):
        began = time.monotonic()
        assert limiter.acquire(blocking=False) is (on_failure == "allow")
        waits.append(time.monotonic() - began)
    assert waits[0] < SHORT_SECONDS
    assert max(waits[1:]) < 0.7  # a question that waits takes a second


async def test_a_frozen_storage_holds_up_neither_loop_nor_executor(
    redis: RedisServer, key: str
) -> None:
    """Forty calls end after one short wait, while `to_thread` goes on."""
    limiter = SharedRateLimiter(key, requests=99, storage=redis.url)
    await limiter.aacquire()
    redis.freeze()
    calls = [asyncio.create_task(limiter.aacquire()) for _ in range(40)]
    began = time.monotonic()
    await asyncio.to_thread(lambda: 1)
    assert time.monotonic() - began < 1
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    assert all(isinstance(result, RateLimitStorageError) for result in results)


def test_a_storage_that_comes_back_is_used_again(redis: RedisServer, key: str) -> None:
    """It is looked at from the background; what it had granted still counts."""
    limiter = SharedRateLimiter(key, requests=5, seconds=600, storage=redis.url)
    assert limiter.acquire()
    redis.freeze()
    assert not limiter.acquire(blocking=False)
    redis.thaw()
    assert wait_until(lambda: limiter.acquire(blocking=False))
    assert 2 <= sum(limiter.acquire(blocking=False) for _ in range(9)) <= 3


def test_a_restarted_storage_is_used_again(redis: RedisServer, key: str) -> None:
    """Scripts are loaded anew into a server that has lost them."""
    limiter = SharedRateLimiter(key, requests=2, storage=redis.url)
    assert limiter.acquire()
    redis.kill()
    assert not limiter.acquire(blocking=False)
    redis.start()
    assert wait_until(lambda: limiter.acquire(blocking=False))


def test_a_look_that_was_interrupted_is_made_again(
    redis: RedisServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C just before the look at a storage that failed leaves it unavailable for no longer."""
    limiter = SharedRateLimiter(key, requests=5, storage=redis.url)
    store: Any = limiter._store
    store._failed("as if")
    submit = store._thread.submit

    def press(function: Any, *arguments: Any) -> Any:
        if function == store._look:
            raise KeyboardInterrupt
        return submit(function, *arguments)

    monkeypatch.setattr(store, "_probe_at", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(store._thread, "submit", press)
        with pytest.raises(KeyboardInterrupt):
            limiter.acquire()
    assert wait_until(lambda: limiter.acquire(blocking=False))


def test_a_debt_survives_a_storage_that_is_away(redis: RedisServer, key: str) -> None:
    """What a call took while the storage did not answer is written when it does."""
    limiter = SharedRateLimiter(key, tokens=10_000, seconds=600, storage=redis.url)
    limiter.acquire()
    redis.freeze()
    settled(limiter, 10_000)
    assert not limiter.acquire(blocking=False)
    assert limiter._owed
    redis.thaw()
    assert wait_until(lambda: not limiter.acquire(blocking=False) and not limiter._owed)
    assert not limiter.acquire(blocking=False)


def test_a_call_let_through_is_counted_when_its_usage_is_known(
    redis: RedisServer, key: str
) -> None:
    """With "allow", what an uncounted call took counts as soon as the storage is back."""
    limits: Any = {"tokens": 10_000, "seconds": 600, "storage": redis.url}
    limiter = SharedRateLimiter(key, **limits, on_failure="allow")
    assert limiter.acquire()
    settled(limiter, 1000)
    redis.freeze()
    assert limiter.acquire()
    settled(limiter, 9000)
    redis.thaw()
    strict = SharedRateLimiter(key, **limits)
    assert wait_until(lambda: not limiter._owed or strict.acquire(blocking=False))
    assert not strict.acquire(blocking=False)


def test_a_correction_written_twice_counts_once(redis_url: str, key: str) -> None:
    """A correction whose answer was lost is written again without harm."""
    limiter = SharedRateLimiter(key, tokens=10_000, seconds=600, storage=redis_url)
    limiter.acquire()
    call = limiter._in_flight.end_oldest_unnamed()
    assert call is not None
    for _ in range(3):
        limiter._store.settle(call, 5000, limiter._limits)
    assert sum(limiter.acquire(blocking=False) for _ in range(20)) == 5


def test_a_password_of_the_storage_stands_in_no_error(key: str) -> None:
    """The error names neither the storage's URL nor its password, nor do our frames."""
    url = f"redis://user:hidden-777@127.0.0.1:{free_port()}/0"
    with pytest.raises(RateLimitStorageError) as caught:
        SharedRateLimiter(key, requests=1, storage=url).acquire()
    assert "hidden-777" not in str(caught.value)
    for frame in caught.traceback:
        if "langchain_qwen36" in str(frame.path):
            assert "hidden-777" not in repr(frame.locals)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("held", [False, True], ids=["idle", "waiting"])
def test_a_forked_child_keeps_to_the_limit(redis_url: str, key: str, *, held: bool) -> None:
    """A child has neither the parent's connection nor the turn that a parent's thread holds."""
    limiter = SharedRateLimiter(key, requests=5, seconds=3, storage=redis_url)
    assert sum(limiter.acquire(blocking=False) for _ in range(3)) == 3
    context = multiprocessing.get_context("fork")
    results: Any = context.SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        if held:
            for _ in range(2):
                limiter.acquire()
            pool.submit(limiter.acquire)
            time.sleep(0.2)
        child = context.Process(target=lambda: results.put(limiter.acquire()))
        child.start()
        child.join(20)
    assert child.exitcode == 0
    assert results.get() is True


def test_threads_end_with_the_program(redis_url: str) -> None:
    """The thread that asks the storage is not in the way of the interpreter's end."""
    limiter = SharedRateLimiter("k", requests=5, storage=redis_url)
    limiter.acquire()
    names = [thread.name for thread in threading.enumerate()]
    assert sum(name.startswith("qwen36-rate-limits") for name in names) >= 1
