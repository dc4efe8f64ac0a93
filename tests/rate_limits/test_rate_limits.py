"""`SharedRateLimiter` holds calls back until they fit into the limits of their key."""

from __future__ import annotations

import asyncio
import copy
import math
import pickle
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import QwenError, RateLimitError
from langchain_qwen36.rate_limits import (
    SharedRateLimiter,
    limiter,
    memory_store,
    redis_store,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    from langchain_qwen36.rate_limits.fair_lock import FairLock

    Server = Callable[..., LoopbackGateway]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no storage for dead because the machine is busy."""
    monkeypatch.setattr(redis_store, "_ANSWER_SECONDS", 30.0)


TOOK_PER_WORD = "word " * 500
"""A question that takes about 550 tokens."""


def granted(limiter: SharedRateLimiter, tries: int = 20) -> int:
    """Count the calls that may begin at once."""
    return sum(limiter.acquire(blocking=False) for _ in range(tries))


def end(limiter: SharedRateLimiter, tokens: int, **run: Any) -> None:
    """Tell a limiter that a call took so many tokens."""
    usage: Any = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
    message = AIMessage("text", usage_metadata=usage)
    limiter.on_llm_end(LLMResult(generations=[[ChatGeneration(message=message)]]), **run)


def model_on(server: LoopbackGateway, limiter: SharedRateLimiter, **settings: Any) -> ChatQwen36:
    """Return a model that keeps to a limit."""
    target = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(rate_limiter=limiter, callbacks=[limiter], **{**target, **settings})


class Clock:
    """A clock that only moves when somebody sleeps."""

    now = 1000.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep)
        for module in (limiter, memory_store, store):
            monkeypatch.setattr(module, "time", fake)

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Make time pass by sleeping only."""
    return Clock(monkeypatch)


# Requests.


def test_requests_are_limited(storage: str, key: str) -> None:
    """As many requests begin in a window as the limit says, and no more."""
    assert granted(SharedRateLimiter(key, requests=7, storage=storage)) == 7


async def test_requests_are_limited_async(storage: str, key: str) -> None:
    """Sync and async calls count together."""
    shared = SharedRateLimiter(key, requests=7, storage=storage)
    assert shared.acquire()
    assert sum([await shared.aacquire(blocking=False) for _ in range(20)]) == 6


def test_threads_share_a_limit(storage: str, key: str) -> None:
    """No two threads are granted the same request."""
    shared = SharedRateLimiter(key, requests=30, storage=storage)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: shared.acquire(blocking=False), range(100))) == 30


def test_limiters_of_one_key_share_a_limit(storage: str, key: str) -> None:
    """A second limiter of the same key and storage counts what the first one granted."""
    first, second = (SharedRateLimiter(key, requests=5, storage=storage) for _ in range(2))
    assert [granted(first, 3), granted(second)] == [3, 2]


def test_each_key_has_its_own_limit(storage: str, key: str) -> None:
    """Two keys do not hold each other back."""
    for name in ("a", "b"):
        assert granted(SharedRateLimiter(key + name, requests=3, storage=storage)) == 3


def test_a_call_waits_until_the_window_has_passed(key: str, clock: Clock) -> None:
    """A blocked call begins as soon as the oldest entry leaves the window."""
    start, shared = clock.now, SharedRateLimiter(key, requests=1, seconds=60)
    assert [shared.acquire(), shared.acquire()] == [True, True]
    assert 60 <= clock.now - start < 60.1


async def test_a_call_waits_until_the_window_has_passed_async(
    key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The async twin sleeps in asyncio, so that the loop's other tasks go on."""

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    start, shared = clock.now, SharedRateLimiter(key, requests=1, seconds=60)
    assert [await shared.aacquire(), await shared.aacquire()] == [True, True]
    assert 60 <= clock.now - start < 60.1


def test_a_call_waits_in_any_storage(storage: str, key: str) -> None:
    """The window passes by the storage's own clock."""
    shared = SharedRateLimiter(key, requests=1, seconds=1, storage=storage)
    began = time.monotonic()
    assert [shared.acquire(), shared.acquire()] == [True, True]
    assert 0.9 < time.monotonic() - began < 10


def test_no_window_holds_more_than_the_limit(key: str, clock: Clock) -> None:
    """The limit holds in every window, also in one that begins between two bursts."""
    shared = SharedRateLimiter(key, requests=10, seconds=1)
    begun: list[float] = []
    for step in range(3000):
        if shared.acquire(blocking=False):
            begun.append(clock.now)
        clock.sleep(0.001 if step % 100 else 0.777)
    most = max(sum(start <= time_ < start + 1 for time_ in begun) for start in begun)
    assert most == 10
    assert len(begun) > 100


# Order.


class Questions:
    """What a limiter asked its storage since this was made, as (call's number, seconds to wait)."""

    def __init__(self, limiter: SharedRateLimiter, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[tuple[int, float]] = []
        self.came = threading.Event()
        store = limiter._store
        reserve, areserve = store.reserve, store.areserve

        async def areserve_noted(call: Any, limits: Any) -> float:
            return self._note(call, await areserve(call, limits))

        monkeypatch.setattr(store, "areserve", areserve_noted)
        monkeypatch.setattr(
            store, "reserve", lambda call, limits: self._note(call, reserve(call, limits))
        )

    @property
    def granted(self) -> list[int]:
        """The numbers of the calls that began, in the storage's order."""
        return [number for number, seconds in self.answers if not seconds]

    def _note(self, call: Any, seconds: float) -> float:
        if (call.number, 0.0) not in self.answers:  # the memory's `areserve` asks its `reserve`
            self.answers.append((call.number, seconds))
        self.came.set()
        return seconds


def begun_or_waiting(threads: list[threading.Thread], line: FairLock) -> int:
    """Count the threads whose call has begun, holds the line, or waits in it."""
    begun, turn, in_line = sum(not thread.is_alive() for thread in threads), line._last, 0
    while turn is not None:
        in_line, turn = in_line + turn.over.locked(), turn.before
    return begun + in_line


@pytest.mark.parametrize("kind", ["threads", "tasks"])
def test_calls_begin_in_the_order_of_arrival(
    storage: str, key: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever came first begins first."""
    shared = SharedRateLimiter(key, requests=2, seconds=0.4, storage=storage)
    asked = Questions(shared, monkeypatch)

    async def acalls() -> None:
        await asyncio.gather(*(shared.aacquire() for _ in range(8)))

    if kind == "threads":
        line = shared._line_of_threads.lock
        threads = [threading.Thread(target=shared.acquire) for _ in range(8)]
        for started, thread in enumerate(threads, start=1):
            thread.start()
            until = time.monotonic() + 30
            while begun_or_waiting(threads[:started], line) < started:
                assert time.monotonic() < until, "it neither began nor stands in the line"
                time.sleep(0.001)
        for thread in threads:
            thread.join(60)
    else:
        asyncio.run(acalls())
    assert len(asked.granted) == 8
    assert asked.granted == sorted(asked.granted)


LATE, SOON = 5.0, 0.0
"""Ages of two calls in seconds, which the storages may see in either order."""


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param([[SOON, LATE]], id="the first of a line seems to have come last"),
        pytest.param([[SOON, LATE, LATE], [3.0, 4.0]], id="between two lines"),
        pytest.param([[SOON, 2.0], [1.0, 3.0], [LATE]], id="between three lines"),
    ],
)
def test_calls_do_not_wait_for_those_behind_them(
    storage: str, key: str, arrivals: list[list[float]]
) -> None:
    """Every call begins, whatever order of arrival a slow thread or network makes up."""
    shared = SharedRateLimiter(key, requests=1, seconds=0.001, storage=storage)
    now = time.monotonic()
    lines = [
        [store.Reservation(0, True, f"line {number}", arrived=now - age) for age in ages]
        for number, ages in enumerate(arrivals)
    ]
    for waiting in [call for line in lines for call in line[1:]]:
        shared._store.join(waiting, shared._limits)
    until = time.monotonic() + 10
    while lines:
        assert time.monotonic() < until, f"these wait for each other: {lines}"
        for line in lines:
            if not shared._store.reserve(line[0], shared._limits):
                line.pop(0)
        lines = [line for line in lines if line]


def test_a_large_call_is_not_passed_for_ever_by_small_ones(
    storage: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls that arrive behind a large one wait until it has begun, though they would fit."""
    small = SharedRateLimiter(key, tokens=100, tokens_per_call=10, seconds=4, storage=storage)
    large = SharedRateLimiter(key, tokens=100, tokens_per_call=80, seconds=4, storage=storage)
    assert granted(small, 3) == 3
    asked = Questions(large, monkeypatch)
    waiting = threading.Thread(target=large.acquire)
    waiting.start()
    assert asked.came.wait(30)
    assert granted(small, 5) == 0
    waiting.join(60)
    time.sleep(0.3)  # until the last of the first three has left the window
    assert granted(small, 5) == 2


@pytest.mark.parametrize("check_every", [0.1, 5], ids=["often", "rarely"])
def test_a_waiting_call_keeps_its_turn_however_rarely_it_asks(
    key: str, check_every: float, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check_every_seconds=` above a line's lease loses no turn to the calls behind it."""
    small = SharedRateLimiter(key, tokens=100, tokens_per_call=10, seconds=20)
    large = SharedRateLimiter(
        key, tokens=100, tokens_per_call=80, seconds=20, check_every_seconds=check_every
    )
    assert granted(small, 3) == 3
    passed = []

    def sleep(seconds: float) -> None:
        until = clock.now + seconds
        while clock.now < until:
            clock.sleep(0.1)
            passed.append(granted(small, 1))

    monkeypatch.setattr(limiter.time, "sleep", sleep)
    large.acquire()
    assert passed
    assert sum(passed[:-1]) == 0


def test_a_call_behind_one_that_may_begin_does_not_ask_without_a_pause(
    storage: str, key: str
) -> None:
    """A first call of a line, behind another line's, keeps no processor busy until that begins."""
    shared = SharedRateLimiter(key, requests=1, seconds=60, storage=storage)
    before, behind = (
        store.Reservation(0, True, line, arrived=time.monotonic() - age)
        for line, age in (("a", 2), ("b", 1))
    )
    shared._store.join(before, shared._limits)
    assert shared._store.reserve(behind, shared._limits) > 1


def test_a_call_counts_from_its_grant_however_long_it_waited_for_the_lock(
    key: str, clock: Clock
) -> None:
    """A thread that the system held up with the question begins no earlier than it is answered."""
    shared = SharedRateLimiter(key, requests=1, seconds=60)
    with shared._store._lock:  # type: ignore[attr-defined]
        held_up = threading.Thread(target=shared.acquire)
        held_up.start()
        held_up.join(0.2)
        clock.sleep(50)
    held_up.join(30)
    clock.sleep(11)
    assert granted(shared) == 0


async def test_a_task_that_comes_as_the_line_moves_on_stands_in_the_queue(key: str) -> None:
    """Other lines see a call that arrives when the first has left and the next is not awake."""
    shared = SharedRateLimiter(key, requests=1, seconds=600)
    await shared.aacquire()
    first = shared._line_of_loop().lock
    await first.acquire()
    tasks = [asyncio.create_task(shared.aacquire())]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(shared.aacquire()))
    first.release()
    await asyncio.sleep(0.01)
    assert len(shared._store._queue) == 2  # type: ignore[attr-defined]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_thousand_waiting_calls_do_not_delay_the_loop(
    storage: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One waiting call asks the storage, the others queue behind it without work."""
    shared = SharedRateLimiter(key, requests=1, seconds=600, storage=storage)
    await shared.aacquire()
    waiting = [asyncio.create_task(shared.aacquire()) for _ in range(1000)]
    await asyncio.sleep(0.2)
    asked = Questions(shared, monkeypatch)
    began, cpu_began = time.monotonic(), time.thread_time()
    await asyncio.sleep(1)
    seconds, cpu_seconds = time.monotonic() - began, time.thread_time() - cpu_began
    for task in waiting:
        task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert len({number for number, _ in asked.answers}) <= 1
    assert len(asked.answers) <= 2 * (seconds / shared._pause + 1)
    assert cpu_seconds < seconds / 4  # of the loop's thread, which would do nothing else


async def test_nothing_runs_in_the_loops_executor(redis_url: str, key: str) -> None:
    """The application's own `to_thread` calls have the default executor to themselves."""
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1)
    loop.set_default_executor(executor)
    shared = SharedRateLimiter(key, requests=1, storage=redis_url)
    await shared.aacquire()
    assert not await shared.aacquire(blocking=False)
    assert not executor._threads


# Tokens.


def test_expected_tokens_are_charged_at_once(storage: str, key: str) -> None:
    """Calls in flight count before anybody knows their size."""
    shared = SharedRateLimiter(key, tokens=5000, tokens_per_call=1000, storage=storage)
    assert granted(shared) == 5


@pytest.mark.parametrize("style", ["invoke", "stream", "ainvoke", "astream"])
async def test_what_a_call_took_beyond_its_charge_counts(
    gateway_server: Server, key: str, style: str
) -> None:
    """In every style: about 550 tokens, of which 10 were charged, leave room for 45 calls."""
    shared = SharedRateLimiter(key, tokens=1000, tokens_per_call=10)
    model = model_on(gateway_server(), shared)
    match style:
        case "invoke":
            model.invoke(TOOK_PER_WORD)
        case "stream":
            list(model.stream(TOOK_PER_WORD))
        case "ainvoke":
            await model.ainvoke(TOOK_PER_WORD)
        case _:
            [chunk async for chunk in model.astream(TOOK_PER_WORD)]
    assert 0 < granted(shared, 100) < 50


def test_an_excess_holds_for_all_who_share_the_storage(storage: str, key: str) -> None:
    """A debt is the key's, not the limiter object's."""
    first, second = (SharedRateLimiter(key, tokens=5000, storage=storage) for _ in range(2))
    first.acquire()
    end(first, 5000)
    assert granted(first, 1) == 0  # asked second, so that the correction is written by now
    assert granted(second) == 0


def test_what_a_call_took_less_is_free_again(storage: str, key: str) -> None:
    """A call of 10 tokens that was charged 1,000 leaves 990 of them."""
    shared = SharedRateLimiter(key, tokens=2000, tokens_per_call=1000, storage=storage)
    for _ in range(4):
        assert shared.acquire(blocking=False)
        end(shared, 10)
    assert granted(shared) == 1


def test_a_credit_ends_with_its_call(key: str, clock: Clock) -> None:
    """A credit lowers its own call's entry: it is no room in a later window."""
    shared = SharedRateLimiter(key, tokens=100, tokens_per_call=100, seconds=60)
    shared.acquire()
    clock.sleep(59)
    end(shared, 0)
    clock.sleep(2)
    assert granted(shared) == 1


def test_a_call_larger_than_the_limit_is_paid_over_several_windows(key: str, clock: Clock) -> None:
    """At most a whole limit counts in each window, and none of the rest is forgotten."""
    shared = SharedRateLimiter(key, tokens=100, tokens_per_call=10, seconds=60)
    shared.acquire()
    start = clock.now
    end(shared, 350)  # 10 now; 100, 100, 100 and 40 from now on
    shared.acquire()
    assert 240 - 60 <= clock.now - start < 240


def test_an_impossible_usage_does_not_close_the_limiter_for_ever(key: str, clock: Clock) -> None:
    """A server that counts wrongly is paid over an hour's windows, not over a lifetime's."""
    shared = SharedRateLimiter(key, tokens=100, tokens_per_call=10, seconds=60)
    shared.acquire()
    end(shared, 10**30)
    start = clock.now
    shared.acquire()
    assert 1800 < clock.now - start < 2 * 3600


@pytest.mark.parametrize("usage", [None, -5, math.nan, "many"], ids=str)
def test_an_unknown_usage_keeps_the_charge(key: str, usage: Any) -> None:
    """What nobody knows is never free."""
    shared = SharedRateLimiter(key, tokens=2000, tokens_per_call=1000)
    shared.acquire()
    message = AIMessage("text")
    message.usage_metadata = None if usage is None else {"total_tokens": usage}
    shared.on_llm_end(LLMResult(generations=[[ChatGeneration(message=message)]]))
    assert granted(shared) == 1


def test_the_end_of_a_run_corrects_its_own_call(key: str, clock: Clock) -> None:
    """Two calls that end in the other order each correct their own charge."""
    shared = SharedRateLimiter(key, tokens=100, tokens_per_call=50, seconds=60)
    runs = [uuid.uuid4(), uuid.uuid4()]
    for run_id in runs:
        shared.on_chat_model_start({}, [[]], run_id=run_id)
        shared.acquire()
        clock.sleep(30)
    end(shared, 0, run_id=runs[1])  # the later one: its 50 are free, the first one's have expired
    assert granted(shared, 5) == 2
    shared.acquire()


def test_a_refused_call_gives_its_tokens_back(gateway_server: Server, key: str) -> None:
    """Ten calls with a wrong key used nothing, so the eleventh may begin at once."""
    server = gateway_server()
    shared = SharedRateLimiter(key, tokens=10_000, tokens_per_call=1000)
    model = model_on(server, shared, api_key="sk-" + "wrong" * 8)
    for _ in range(10):
        with pytest.raises(QwenError):
            model.invoke("Hi")
    assert granted(shared, 20) == 10


def test_a_waiting_call_begins_when_another_gives_its_tokens_back(storage: str, key: str) -> None:
    """A waiting call looks again and finds what was given back."""
    shared = SharedRateLimiter(key, tokens=1000, tokens_per_call=1000, storage=storage)
    shared.acquire()
    timer = threading.Timer(0.3, shared.on_llm_error, [RateLimitError("no", status_code=429)])
    timer.start()
    began = time.monotonic()
    assert shared.acquire()
    assert time.monotonic() - began < 30  # less than the window


def test_a_broken_call_keeps_its_charge(key: str) -> None:
    """Nobody knows what a call took whose connection broke."""
    shared = SharedRateLimiter(key, tokens=2000, tokens_per_call=1000)
    shared.acquire()
    shared.on_llm_error(ConnectionResetError())
    assert granted(shared) == 1


def test_a_call_that_is_not_made_costs_nothing(storage: str, key: str) -> None:
    """A call refused by the limit of requests takes no tokens either."""
    limits: Any = {"requests": 1, "tokens": 3000, "tokens_per_call": 1000, "seconds": 3}
    shared = SharedRateLimiter(key, **limits, storage=storage)
    assert shared.acquire(blocking=False)
    assert granted(shared, 9) == 0
    time.sleep(3.1)
    assert granted(SharedRateLimiter(key, **{**limits, "requests": 9}, storage=storage)) == 3


async def test_a_cancelled_waiter_loses_no_debt(storage: str, key: str) -> None:
    """What is owed is still owed after the call that waited for it is cancelled."""
    shared = SharedRateLimiter(key, tokens=10_000, storage=storage)
    await shared.aacquire()
    end(shared, 10_000)
    waiting = asyncio.create_task(shared.aacquire())
    await asyncio.sleep(0.3)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not await shared.aacquire(blocking=False)


async def test_a_cancelled_waiter_leaves_the_queue(storage: str, key: str) -> None:
    """Who stands behind a cancelled call begins in its stead, whoever is cancelled and when."""
    shared = SharedRateLimiter(key, requests=4, seconds=3, storage=storage)
    waiting = [asyncio.create_task(shared.aacquire()) for _ in range(40)]
    await asyncio.sleep(0.1)
    for task in waiting[4:36]:
        task.cancel()
        await asyncio.sleep(0.002)
    begun = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)
    assert [result for result in begun if result is True] == [True] * 8


def test_a_cached_response_takes_nothing(gateway_server: Server, key: str) -> None:
    """LangChain's cache asks no limiter and uses no tokens."""
    shared = SharedRateLimiter(key, requests=1, tokens=2000)
    model = model_on(gateway_server(), shared, cache=InMemoryCache())
    model.invoke(TOOK_PER_WORD)
    model.invoke(TOOK_PER_WORD)
    assert granted(SharedRateLimiter(key, tokens=2000, tokens_per_call=400)) >= 3


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.sampled_from([0, 1])),
            st.tuples(st.just("end"), st.sampled_from([0, 7, 40, 95, 250])),
        ),
        max_size=40,
    )
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_storages_keep_the_same_rules(redis_url: str, steps: list[tuple[str, int]]) -> None:
    """Whatever calls come and end, memory and Redis grant the same ones."""
    key, results = uuid.uuid4().hex, []
    for storage in ("memory://", redis_url):
        shared = [
            SharedRateLimiter(
                key, requests=12, tokens=200, tokens_per_call=cost, seconds=600, storage=storage
            )
            for cost in (10, 45)
        ]
        granted_calls: list[int] = []
        outcome: list[bool] = []
        for step, value in steps:
            if step == "ask":
                outcome.append(shared[value].acquire(blocking=False))
                granted_calls += [value] if outcome[-1] else []
            elif granted_calls:
                end(shared[granted_calls.pop(0)], value)
        results.append(outcome)
    assert results[0] == results[1]


# Copies.


def test_a_copied_model_keeps_to_the_same_limit(gateway_server: Server, key: str) -> None:
    """A deep copy of a model keeps the very same limiter."""
    shared = SharedRateLimiter(key, requests=1)
    model = copy.deepcopy(model_on(gateway_server(), shared))
    assert model.rate_limiter is shared


def test_a_pickled_limiter_keeps_to_the_same_limit(storage: str, key: str) -> None:
    """Its settings travel; the storage is opened anew and knows what was granted."""
    shared = SharedRateLimiter(key, requests=5, seconds=30, storage=storage)
    assert granted(shared, 3) == 3
    assert granted(pickle.loads(pickle.dumps(shared))) == 2  # noqa: S301


def test_a_pickled_limiter_holds_no_key(key: str) -> None:
    """Only a digest of the key is kept, and `repr` does not show the storage's password."""
    shared = SharedRateLimiter("sk-very-secret", requests=1, storage="redis://:hidden-7@host/0")
    assert b"very-secret" not in pickle.dumps(shared)
    assert "hidden-7" not in repr(shared)
    assert "requests=1" in repr(shared)


def test_the_storage_does_not_see_the_key(redis_url: str) -> None:
    """Redis knows a key by its digest."""
    redis = pytest.importorskip("redis")
    SharedRateLimiter("sk-very-secret", requests=5, storage=redis_url).acquire()
    with redis.Redis.from_url(redis_url) as client:
        names = [name.decode() for name in client.keys("*")]
    assert names
    assert not [name for name in names if "secret" in name]


# Settings.


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error holds the pip line; memory needs no extra."""
    monkeypatch.setitem(sys.modules, "redis", None)
    SharedRateLimiter("a key", requests=1)
    with pytest.raises(ImportError, match=r"pip install 'langchain-qwen36\[limits\]'"):
        SharedRateLimiter("a key", requests=1, storage="redis://nobody-has-this-host")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({}, "Set a limit", id="none"),
        pytest.param({"requests": 0}, "requests", id="zero"),
        pytest.param({"requests": 1, "seconds": 0}, "seconds", id="window"),
        pytest.param({"requests": 1, "seconds": math.nan}, "seconds", id="nan"),
        pytest.param({"requests": 1, "check_every_seconds": -1}, "check_every", id="check"),
        pytest.param({"tokens": 10}, "tokens_per_call=1000", id="too-small"),
        pytest.param({"requests": 1, "on_failure": "open"}, "'refuse' or 'allow'", id="choice"),
        pytest.param({"requests": 1, "storage": "memcached://x"}, "memory://", id="scheme"),
        pytest.param({"requests": 1, "storage": "localhost:6379"}, "redis://", id="no-scheme"),
        pytest.param({"requests": 1, "storage": "redis://h:port"}, "storage", id="port"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(settings: dict[str, Any], named: str) -> None:
    """A setting that makes no sense is refused by name when the limiter is made."""
    with pytest.raises(ValueError, match=named):
        SharedRateLimiter("key", **settings)


def test_the_frames_of_a_refused_setting_hold_no_secret() -> None:
    """Crash reports copy the locals of frames: the key and the storage's password are in none."""
    secret = "hidden-777-hidden"
    url = f"redis://:{secret}@host:not-a-port/0"
    for limits in ({"requests": 0}, {"requests": 1, "on_failure": "x"}, {"requests": 1}):
        with pytest.raises(ValueError, match=r".") as caught:
            SharedRateLimiter(secret, storage=url, **limits)  # type: ignore[arg-type]
        for frame in caught.traceback:
            if "langchain_qwen36" in str(frame.path):
                assert secret not in repr(frame.locals)
