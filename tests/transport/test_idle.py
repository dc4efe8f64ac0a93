"""Idle connections are watched by one thread, and freed slots are found by those who wait."""

from __future__ import annotations

import ssl
import threading
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import httpcore
import pytest
from fault_calls import ANSWER, call_to, post
from fault_server import FaultServer

from langchain_qwen36._transport.http import idle
from langchain_qwen36._transport.http.idle import IdleConnections
from langchain_qwen36._transport.http.sync_pool import SyncPool

if TYPE_CHECKING:
    from collections.abc import Iterator


class Connection:
    """A connection that its server has closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def is_quiet(self) -> bool:
        """Return whether it may be used."""
        return False

    def close(self) -> None:
        """Note that it was closed."""
        self.closed.set()


def kept() -> tuple[IdleConnections[Any], Connection]:
    """Return a pool with a connection that should be closed."""
    pool: IdleConnections[Any] = IdleConnections(60)
    connection = Connection()
    pool.put(connection)
    return pool, connection


@pytest.fixture
def sweeper(monkeypatch: pytest.MonkeyPatch) -> idle._Sweeper:
    """Return a sweeper of the test's own, which looks often."""
    monkeypatch.setattr(idle, "SWEEP_SECONDS", 0.05)
    return idle._Sweeper()


def test_a_pool_that_comes_while_others_are_swept_is_swept_too(sweeper: idle._Sweeper) -> None:
    """One thread's new pool does not end the watch over all others."""
    came: list[Connection] = []
    pools: list[Any] = []

    class Pools(WeakSet[Any]):
        def __iter__(self) -> Iterator[Any]:
            for pool in super().__iter__():
                if len(came) < 3:
                    new, connection = kept()
                    came.append(connection)
                    pools.append(new)
                    thread = threading.Thread(target=sweeper.watch, args=(new,))
                    thread.start()
                    thread.join(0.2)
                yield pool

    sweeper._pools = Pools()
    first, connection = kept()
    sweeper.watch(first)
    assert connection.closed.wait(10)
    assert came
    assert all(connection.closed.wait(10) for connection in came)


def test_a_sweeper_without_a_thread_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system allows no more threads a call has its answer, and the next one a sweeper."""
    start = threading.Thread.start

    def no_more(thread: threading.Thread) -> None:
        if thread.name == "langchain-qwen36-idle":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(idle, "_sweeper", idle._Sweeper())
    with FaultServer(ANSWER) as server:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more)
            post(call_to(server.url))
        assert not idle._sweeper._runs
        post(call_to(server.url))
        assert idle._sweeper._runs


def test_a_freed_slot_is_not_lost_with_the_call_that_was_told_of_it() -> None:
    """If Ctrl-C ends a wait that had just been told of a slot, the next in the line gets it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    pool = SyncPool(ssl_context=context, max_connections=1, keepalive_expiry=1)
    freed = pool._freed
    wait_for = freed.wait_for

    def press(ready: Any, seconds: float | None) -> bool:
        if threading.current_thread().name != "interrupted":
            return wait_for(ready, seconds)
        freed.wait(30)
        raise KeyboardInterrupt

    def interrupted() -> None:
        with pytest.raises(KeyboardInterrupt):
            pool._acquire(None)

    def behind() -> None:
        try:
            pool._acquire(10)
        except httpcore.PoolTimeout:
            return
        got.append(True)

    got: list[bool] = []
    pool._acquire(None)
    freed.wait_for = press  # type: ignore[method-assign]
    threads = [threading.Thread(target=interrupted, name="interrupted")]
    threads.append(threading.Thread(target=behind))
    for number, thread in enumerate(threads, 1):
        thread.start()
        while len(freed._waiters) < number:  # type: ignore[attr-defined]
            time.sleep(0.001)
    began = time.monotonic()
    pool.release(None)
    for thread in threads:
        thread.join(30)
    assert got == [True]
    assert time.monotonic() - began < 9
