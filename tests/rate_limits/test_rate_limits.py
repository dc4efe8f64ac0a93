"""Limits that threads, processes and machines share."""

from __future__ import annotations

import asyncio
import copy
import logging
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.caches import InMemoryCache

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.rate_limits import SharedRateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of our own, as long as these tests run."""
    if not (program := shutil.which("redis-server")):
        pytest.skip("there is no redis-server: apt-get install redis-server")
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen([program, *settings], stdout=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("redis-server did not start")


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest) -> str:
    """Both kinds of storage."""
    return "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key that no other test has."""
    return request.node.nodeid


def taken(limiter: SharedRateLimiter, tries: int = 20) -> int:
    """How many calls may be made at once."""
    return sum(limiter.acquire(blocking=False) for _ in range(tries))


def test_requests_are_limited(storage: str, key: str) -> None:
    """So many in a window and no more."""
    assert taken(SharedRateLimiter(key, requests=7, storage=storage)) == 7


async def test_requests_are_limited_async(storage: str, key: str) -> None:
    """The async twin counts with the sync one."""
    limiter = SharedRateLimiter(key, requests=7, storage=storage)
    assert limiter.acquire()
    assert sum([await limiter.aacquire(blocking=False) for _ in range(20)]) == 6


def test_threads_share_a_limit(storage: str, key: str) -> None:
    """No two take the same place."""
    limiter = SharedRateLimiter(key, requests=30, storage=storage)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: limiter.acquire(blocking=False), range(100))) == 30


def test_each_key_has_its_own(storage: str, key: str) -> None:
    """Two keys do not hold each other back."""
    for name in ("a", "b"):
        assert taken(SharedRateLimiter(key + name, requests=3, storage=storage)) == 3


def test_a_call_waits_for_its_place(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocking is the default: the call goes on as soon as the window lets it."""
    start = now = 1_200_000_000.0  # where a window of a minute begins

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    limiter = SharedRateLimiter(key, requests=1, seconds=60)
    assert [limiter.acquire(), limiter.acquire()] == [True, True]
    assert 60 < now - start < 61


async def test_a_call_waits_for_its_place_async(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on meanwhile: what waits is asyncio, not the thread."""
    start = now = 1_200_000_000.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    limiter = SharedRateLimiter(key, requests=1, seconds=60)
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert [await limiter.aacquire(), await limiter.aacquire()] == [True, True]
    assert 60 < now - start < 61


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pip line is in the message."""
    monkeypatch.setitem(sys.modules, "limits", None)
    with pytest.raises(ImportError, match=r"pip install 'langchain-qwen36\[limits\]'"):
        SharedRateLimiter("a key", requests=1)


def test_a_call_gets_its_place_in_time(storage: str, key: str) -> None:
    """The window passes in any storage."""
    limiter = SharedRateLimiter(key, requests=1, seconds=1, storage=storage)
    assert [limiter.acquire(), limiter.acquire()] == [True, True]


PROGRAM = """
import sys
from langchain_qwen36.rate_limits import SharedRateLimiter
limiter = SharedRateLimiter(sys.argv[1], requests=10, tokens=100_000, storage=sys.argv[2])
print(sum(limiter.acquire(blocking=False) for _ in range(8)))
"""


def test_processes_share_a_limit(redis_url: str, key: str) -> None:
    """Two programs together make no more calls than one may."""
    command = [sys.executable, "-c", PROGRAM, key, redis_url]
    programs = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]  # noqa: S603
    counts = [int(program.communicate()[0]) for program in programs]
    assert sum(counts) == 10


def test_the_storage_does_not_see_the_key(redis_url: str) -> None:
    """A secret stays in the process."""
    redis = pytest.importorskip("redis")
    SharedRateLimiter("sk-very-secret", requests=5, storage=redis_url).acquire()
    with redis.Redis.from_url(redis_url) as client:
        names = [name.decode() for name in client.keys("*")]
    assert names
    assert not [name for name in names if "secret" in name]


def test_expected_tokens_are_charged_at_once(storage: str, key: str) -> None:
    """Calls under way count before anybody knows their size."""
    limiter = SharedRateLimiter(key, tokens=5000, tokens_per_call=1000, storage=storage)
    assert taken(limiter) == 5


def model_on(server: LoopbackGateway, limiter: SharedRateLimiter, **settings: Any) -> ChatQwen36:
    """A model that keeps to a limit."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(rate_limiter=limiter, callbacks=[limiter], **where, **settings)


@pytest.mark.parametrize("style", ["invoke", "stream", "ainvoke", "astream"])
async def test_the_next_call_pays_what_the_last_took(
    gateway_server: Server, key: str, style: str
) -> None:
    """However the model is called: about 550 tokens each, where 10 were expected."""
    limiter = SharedRateLimiter(key, tokens=1000, tokens_per_call=10)
    model = model_on(gateway_server(), limiter)
    question = "word " * 500
    match style:
        case "invoke":
            model.invoke(question)
        case "stream":
            list(model.stream(question))
        case "ainvoke":
            await model.ainvoke(question)
        case _:
            [chunk async for chunk in model.astream(question)]
    assert 0 < taken(limiter, 100) < 50


def test_a_call_that_took_less_is_a_credit(gateway_server: Server, key: str) -> None:
    """What was charged too much is paid back by the next."""
    limiter = SharedRateLimiter(key, tokens=2000, tokens_per_call=1000)
    model = model_on(gateway_server(), limiter)
    for _ in range(4):
        model.invoke("Hi")
    assert limiter.acquire(blocking=False)


def test_a_call_larger_than_a_window_is_paid_over_several(key: str) -> None:
    """No charge is above the limit, or it would never fit; the rest is still owed."""
    limiter = SharedRateLimiter(key, tokens=100, tokens_per_call=10, seconds=1)
    limiter._owed = 240
    began = time.monotonic()
    assert limiter.acquire()
    assert limiter._owed == 150
    assert limiter.acquire()
    assert limiter._owed == 60
    assert time.monotonic() - began > 0.5


def test_a_call_that_is_not_made_owes_nothing(key: str) -> None:
    """Refused by the requests' limit, its tokens are a credit."""
    limiter = SharedRateLimiter(key, requests=1, tokens=3000, tokens_per_call=1000)
    assert limiter.acquire(blocking=False)
    assert taken(limiter, 9) == 0
    assert limiter._owed == -1000


def test_a_cached_answer_takes_nothing(gateway_server: Server, key: str) -> None:
    """LangChain's cache asks no limiter and uses no tokens (T14)."""
    limiter = SharedRateLimiter(key, requests=1, tokens=2000)
    model = model_on(gateway_server(), limiter, cache=InMemoryCache())
    model.invoke("Hi")
    owed = limiter._owed
    model.invoke("Hi")
    assert limiter._owed == owed


def test_a_storage_that_is_down_lets_calls_through(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """T27: it warns, once, and does not raise."""
    limiter = SharedRateLimiter(key, requests=1, storage=f"redis://127.0.0.1:{free_port()}")
    with caplog.at_level(logging.WARNING):
        assert taken(limiter, 3) == 3
    assert caplog.text.count("let through") == 1


def test_a_copied_model_keeps_to_the_same_limit(gateway_server: Server, key: str) -> None:
    """Deep copies too."""
    limiter = SharedRateLimiter(key, requests=1)
    model = copy.deepcopy(model_on(gateway_server(), limiter))
    assert model.rate_limiter is limiter


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({}, "Say a limit", id="none"),
        pytest.param({"requests": 0}, "requests", id="zero"),
        pytest.param({"requests": 1, "seconds": 0}, "seconds", id="window"),
        pytest.param({"tokens": 10}, "tokens_per_call=1000", id="too-small"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(settings: dict[str, int], named: str) -> None:
    """At once, by name."""
    with pytest.raises(ValueError, match=named):
        SharedRateLimiter("key", **settings)
