"""The transport: clocks, encodings, the pool, whose client, and where a request may go."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
import sys
import threading
import tracemalloc
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fault_calls
import httpcore
import httpx
import httpx2
import pytest
import vcr
from answers import USAGE, completion, request
from fault_calls import (
    ANSWER,
    GOOD,
    HELLO,
    KEY,
    QUICK,
    STALL,
    WHOLE,
    abegun,
    apost,
    stream_to_end,
)
from fault_server import FaultServer, Wire, stream, whole

import langchain_qwen36
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._transport import StreamCall, Target, Timeouts
from langchain_qwen36._transport.http import CallTimeouts, aopen_stream, idle, open_stream
from langchain_qwen36._transport.http.async_pool import AsyncPool
from langchain_qwen36._transport.http.async_stream import AsyncioStream
from langchain_qwen36._transport.http.connections import PoolKey, async_transport
from langchain_qwen36._transport.http.decoding import decoder_for
from langchain_qwen36._transport.http.exceptions import display_url, map_exception
from langchain_qwen36._transport.http.sync_pool import SyncPool
from langchain_qwen36._transport.http.urls import is_public
from langchain_qwen36._transport.timeouts import Deadline
from langchain_qwen36.errors import (
    GatewayConnectionError,
    GatewayTimeoutError,
    InvalidRequestError,
    QwenError,
    UnexpectedResponseError,
    UnsupportedSettingError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from modes import Mode

    from langchain_qwen36._response.delta import Delta

PATIENT = Timeouts(connect=60, first_event=60, gap=60, pool=60)
"""For claims that are not about time, on a machine with other work to do."""
GAP = Timeouts(connect=60, first_event=60, gap=1)
call_to = partial(fault_calls.call_to, timeouts=PATIENT)
posted = partial(fault_calls.posted, timeouts=PATIENT)
posted_to = partial(fault_calls.posted_to, timeouts=PATIENT)
streamed = partial(fault_calls.streamed, timeouts=PATIENT)


# Clocks


@pytest.mark.parametrize(
    ("value", "timeouts"),
    [
        pytest.param(None, Timeouts(), id="nothing"),
        pytest.param(30, Timeouts(first_event=30, gap=30), id="seconds"),
        pytest.param(0.5, Timeouts(connect=0.5, first_event=0.5, gap=0.5), id="less than connect"),
        pytest.param(Timeouts(gap=9), Timeouts(gap=9), id="ours"),
        pytest.param(
            httpx.Timeout(7, connect=3, pool=2),
            Timeouts(connect=3, first_event=7, gap=7, pool=2),
            id="httpx",
        ),
        pytest.param(
            httpx2.Timeout(7), Timeouts(connect=7, first_event=7, gap=7, pool=7), id="httpx2"
        ),
        pytest.param(
            httpx.Timeout(None),
            Timeouts(connect=None, first_event=None, gap=None, pool=None),
            id="no limit",
        ),
        pytest.param((3, 7), Timeouts(connect=3, first_event=7, gap=7), id="two"),
        pytest.param((3, 7, 8, 2), Timeouts(connect=3, first_event=7, gap=7, pool=2), id="four"),
    ],
)
def test_timeouts_of(value: Any, timeouts: Timeouts) -> None:
    """`timeout=` takes seconds, our clocks, and what httpx takes."""
    assert Timeouts.of(value) == timeouts


@pytest.mark.parametrize(
    "value", [0, -1, True, "30", float("nan"), float("inf"), (1, 2, 3), [1, 2], {"connect": 1}]
)
def test_timeouts_of_nonsense(value: Any) -> None:
    """What is no time is refused by name."""
    with pytest.raises(UnsupportedSettingError, match="timeout"):
        Timeouts.of(value)


@pytest.mark.parametrize("value", [0, -1, True, "30", float("nan")])
def test_timeouts_of_nonsense_fields(value: Any) -> None:
    """The field is named."""
    with pytest.raises(UnsupportedSettingError, match=r"Timeouts\(gap="):
        Timeouts(gap=value)


def test_connect_is_cut_by_total() -> None:
    """No part of a call is longer than the whole."""
    clock = CallTimeouts(Timeouts(connect=5, pool=5, total=1), Timeouts(total=1).deadline())
    assert clock.connect is not None
    assert clock.pool is not None
    assert max(clock.connect, clock.pool, clock.remaining() or 9) <= 1


@pytest.mark.parametrize(
    ("total", "clock"),
    [
        pytest.param(None, "connect", id="no total"),
        pytest.param(60, "connect", id="time is left"),
        pytest.param(0.001, "total", id="all is over"),
    ],
)
def test_a_wait_that_the_whole_call_cut_short_is_told_so(total: float | None, clock: str) -> None:
    """Another `connect=` would not help where `total=` ended it."""
    timeouts = Timeouts(connect=5, total=total)
    error = CallTimeouts(timeouts, timeouts.deadline()).timeout_error("there", "connect")
    assert (error.clock, error.is_retryable) == (clock, clock != "total")
    assert f"Timeouts({clock}=" in str(error)


def test_no_clock_runs() -> None:
    """None is for ever."""
    clock = CallTimeouts(Timeouts(connect=None, first_event=None, gap=None, pool=None))
    assert (clock.connect, clock.pool, clock.remaining()) == (None, None, None)
    clock.event()
    assert clock.remaining() is None


# Encodings


def test_a_bomb_is_inflated_in_steps() -> None:
    """A hundred kilobytes that are a hundred megabytes come a megabyte at a time."""
    squeeze = zlib.compressobj(wbits=31)
    bomb = squeeze.compress(bytes(100 * 1024 * 1024)) + squeeze.flush()
    pieces = decoder_for({"content-encoding": "gzip"})(bomb)
    assert [len(next(pieces)) for _ in range(3)] == [1024 * 1024] * 3
    assert sum(map(len, pieces)) == 97 * 1024 * 1024


def test_a_bomb_as_an_error(mode: Mode) -> None:
    """Of an error's body no more is inflated than is read."""
    squeeze = zlib.compressobj(wbits=31)
    bomb = squeeze.compress(b"x" * 100_000_000) + squeeze.flush()
    with FaultServer(whole(400, bomb, content_encoding="gzip")) as server:
        error = posted(mode, server).error
    assert isinstance(error, InvalidRequestError)
    assert "(65536 characters)" in str(error)


def test_an_answer_without_end(mode: Mode) -> None:
    """An answer in one piece has a limit too."""
    squeeze = zlib.compressobj(wbits=31)
    head, part = (
        squeeze.compress(data) + squeeze.flush(zlib.Z_FULL_FLUSH)
        for data in (b"", bytes(10_000_000))  # after a full flush, a part can be sent again
    )

    def flood(wire: Wire) -> None:
        wire.head_of(200, content_encoding="gzip", transfer_encoding="chunked")
        wire.chunk(head)
        for _ in range(40):
            wire.chunk(part)

    with FaultServer(flood) as server:
        error = posted(mode, server, timeouts=PATIENT).error
    assert isinstance(error, UnexpectedResponseError)
    assert "longer than" in str(error)


# Errors


def exceptions_of(module: Any) -> list[type[Exception]]:
    """Everything that an HTTP client's package can raise."""
    found = [getattr(module, name) for name in module.__all__]
    return [cls for cls in found if isinstance(cls, type) and issubclass(cls, Exception)]


def an(cls: type[Exception]) -> Exception:
    """One of that class, whatever it wants to be made of."""
    error = cls.__new__(cls)
    Exception.__init__(error, "text")
    return error


@pytest.mark.parametrize(
    "cls",
    [
        pytest.param(cls, id=f"{cls.__module__}.{cls.__name__}")
        for module in (httpx, httpx2)
        for cls in exceptions_of(module)
    ],
)
def test_every_exception_of_a_client_is_ours(cls: type[Exception]) -> None:
    """None is left unmapped, and what is a timeout stays one."""
    error = map_exception(an(cls), "there", CallTimeouts(QUICK))
    assert isinstance(error, QwenError)
    assert isinstance(error, GatewayTimeoutError) is cls.__name__.endswith(
        ("Timeout", "TimeoutException")
    )


def test_other_exceptions_are_not_ours() -> None:
    """A bug stays a bug."""
    assert map_exception(ValueError("x"), "there", CallTimeouts(QUICK)) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://u:p@h:8/v1/x?key=secret#f", "https://h:8/v1/x"),
        ("http://h/v1", "http://h/v1"),
    ],
)
def test_addresses_hold_no_secret(url: str, said: str) -> None:
    """Neither user nor query stands in a message."""
    assert display_url(url) == said


def test_a_key_that_no_header_can_hold(mode: Mode) -> None:
    """The error does not quote it, nor does what caused it."""
    headers = {"authorization": "Bearer sk-secret\n-secret"}
    with FaultServer(ANSWER) as server:
        error = posted(mode, server, target={"headers": headers}).error
    assert isinstance(error, InvalidRequestError)
    assert "secret" not in f"{error!r}{error}{error.__cause__!r}"
    assert error.__suppress_context__


def test_a_port_that_nobody_listens_at(mode: Mode) -> None:
    """The error names the address; three attempts."""
    outcome = posted_to(mode, "http://127.0.0.1:9/v1/chat/completions")
    assert type(outcome.error) is GatewayConnectionError
    assert "http://127.0.0.1:9/v1/chat/completions cannot be reached" in str(outcome.error)
    assert outcome.attempts == 3


@pytest.mark.parametrize("url", ["ftp://x/y", "http://", "no url", "http://x:ab/", "http://[::1"])
def test_a_url_that_is_none(mode: Mode, url: str) -> None:
    """A typed error, no crash, and not tried again."""
    outcome = posted_to(mode, url)
    assert (type(outcome.error), outcome.attempts) == (InvalidRequestError, 1)


# What is sent


def test_the_request(mode: Mode) -> None:
    """Body, key and headers as given; a user's header wins over our own."""
    headers = {"authorization": f"Bearer {KEY}", "Accept": "x/y", "x-own": "1"}
    with FaultServer(ANSWER) as server:
        posted(mode, server, target={"headers": headers})
        (wire,) = server.requests
    assert wire.body == call_to("").body
    assert wire.headers["authorization"] == f"Bearer {KEY}"
    assert (wire.headers["accept"], wire.headers["x-own"]) == ("x/y", "1")
    assert wire.head.lower().count("accept:") == 1
    assert wire.headers["content-type"] == "application/json"
    assert wire.headers["accept-encoding"] == "gzip, deflate"
    assert headers == {"authorization": f"Bearer {KEY}", "Accept": "x/y", "x-own": "1"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("api.example.com", True),
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("localhost", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("192.168.1.7", False),
        ("10.0.0.1", False),
        ("gpu-box", False),
        ("gpu.local", False),
        ("vllm.svc.internal", False),
    ],
)
def test_public_hosts(host: str, expected: bool) -> None:
    """Who can listen on the way."""
    assert is_public(host) is expected


def test_plain_http_to_a_public_host_warns_once() -> None:
    """A key that crosses the open network unencrypted is said, once a process."""
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={})))
    url, target = "http://api.example.com/v1", {"http_client": client}
    with pytest.warns(UserWarning, match="http://api.example.com unencrypted"):
        posted_to("sync", url, target=target)
    posted_to("sync", url, target=target)
    posted_to("sync", "http://other.example.com/v1", target={**target, "headers": {}})


# The pool


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the keep-alive's time nothing is left open, without another request."""
    monkeypatch.setattr("langchain_qwen36._transport.http.connections._KEEPALIVE_EXPIRY", 0.1)
    with FaultServer(ANSWER) as server:
        await asyncio.gather(*(apost(call_to(server.url)) for _ in range(5)))
        assert server.open > 0
        assert await server.until_open(0) == 0
        await apost(call_to(server.url))
        assert len(server.requests) == 6


async def test_a_connection_that_the_server_closed_is_not_used() -> None:
    """Found out before the request is sent, so no attempt is lost."""

    def answer_and_go(wire: Wire) -> None:
        ANSWER(wire)
        wire.fin()

    with FaultServer(answer_and_go) as server:
        for _ in range(3):
            _, meta = await apost(call_to(server.url))
            assert meta.attempts == 1
            await asyncio.sleep(0.05)
        assert server.connections == 3


async def test_no_more_connections_than_allowed() -> None:
    """Fifty calls over four connections; each is made once."""
    few = {"target": {"max_connections": 4}}
    with FaultServer(ANSWER) as server:
        await asyncio.gather(*(apost(call_to(server.url, **few)) for _ in range(50)))
        assert (server.connections, len(server.requests)) == (4, 50)


async def test_who_waits_longest_is_next() -> None:
    """First come, first served."""
    one = {"target": {"max_connections": 1}}
    order: list[int] = []

    async def ask(number: int) -> None:
        await apost(call_to(server.url, **one))
        order.append(number)

    with FaultServer(ANSWER) as server:
        await asyncio.gather(*(ask(number) for number in range(10)))
    assert order == list(range(10))


async def test_a_large_body_to_a_slow_reader() -> None:
    """A write waits for its reader, and the clock runs meanwhile."""

    def read_later(wire: Wire) -> None:
        wire.wait(0.2)
        ANSWER(wire)

    body = b'{"x":"' + b"x" * 20_000_000 + b'"}'
    with FaultServer(read_later) as server:
        payload, _ = await apost(call_to(server.url, body=body, timeouts=PATIENT))
        assert payload.content
        assert len(server.requests[0].body) == len(body)


async def test_a_fast_writer_waits_for_a_slow_reader() -> None:
    """What the caller has not read is not piled up here."""
    sent = 0

    def flood(wire: Wire) -> None:
        nonlocal sent
        for _ in range(400):
            wire.chunk(HELLO[0] * 1000)
            sent += 1

    said = request()
    with FaultServer(stream([HELLO[0]], flood)) as server:
        batches = await abegun(StreamCall(call_to(server.url), lambda: CompletionReader(said)))
        await asyncio.sleep(0.3)
        assert sent < 200
        await batches.aclose()
        assert await server.until_open(0) == 0


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: Any, family: int = 2) -> None:
    """Have the host gateway.test resolve to these socket addresses."""
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        if host != "gateway.test":
            return real(host, *args, **kwargs)
        if kwargs.get("flags"):
            raise socket.gaierror
        return [(family, 1, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


async def test_connecting_takes_the_next_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused address does not end it, and the last one's refusal is the error."""
    with FaultServer(ANSWER) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        resolve_to(monkeypatch, ("127.0.0.1", 9), ("127.0.0.1", port))
        connection = await AsyncioStream.open("gateway.test", port, 5)
        assert connection.sock.getpeername() == ("127.0.0.1", port)
        connection.close()


async def test_reading_goes_on_after_a_pause() -> None:
    """What was held back is read on, to the last byte."""
    text = b"x" * 3_000_000
    with FaultServer(whole(200, text)) as server:
        connection = await AsyncioStream.open("127.0.0.1", httpx.URL(server.url).port, 5)
        connection.write(b"POST /v1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        while not connection._paused:  # noqa: ASYNC110, a pause tells nobody
            await asyncio.sleep(0.001)
        found = b""
        while not found.endswith(text):
            found += await connection.read(65536, Deadline(5))
        connection.close()


async def test_no_clock_at_all_waits() -> None:
    """None is for ever: an answer that takes its time comes."""

    def late(wire: Wire) -> None:
        wire.wait(0.2)
        ANSWER(wire)

    forever = Timeouts(connect=None, first_event=None, gap=None, pool=None)
    with FaultServer(late) as server:
        payload, _ = await apost(call_to(server.url, timeouts=forever))
    assert payload.content == "Hello"


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """Return a server that takes connections and never reads."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


async def connected(listening: socket.socket) -> tuple[AsyncioStream, socket.socket]:
    """Both ends of a connection to it."""
    stream = await AsyncioStream.open("127.0.0.1", listening.getsockname()[1], 5)
    return stream, listening.accept()[0]


async def test_cancelled_while_connecting_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed at once, not by the garbage collector."""
    opened: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()

    async def slow(sock: socket.socket, _: Any) -> None:
        opened.set_result(sock)
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", slow)
    task = asyncio.create_task(AsyncioStream.open("127.0.0.1", 9, None))
    sock = await opened
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sock.fileno() == -1


def test_a_peer_that_does_not_read_is_a_timeout(mode: Mode, deaf: socket.socket) -> None:
    """The first-event clock runs while a large request is being written."""
    url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
    outcome = posted_to(mode, url, body=bytes(50_000_000), max_retries=0, timeouts=QUICK)
    assert isinstance(outcome.error, GatewayTimeoutError)
    assert outcome.error.clock == "first_event"


def test_a_peer_that_goes_while_we_write_is_a_connection_error(
    mode: Mode, deaf: socket.socket
) -> None:
    """A reset while a large request is being written ends the call at once."""

    def reset() -> None:
        peer, _ = deaf.accept()
        peer.recv(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    peer = threading.Thread(target=reset)
    peer.start()
    outcome = posted_to(
        mode, f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", body=bytes(50_000_000), max_retries=0
    )
    peer.join()
    assert type(outcome.error) is GatewayConnectionError


async def test_a_tls_handshake_has_a_clock(deaf: socket.socket) -> None:
    """A server that takes the connection and says nothing is not connected to."""
    connection, peer = await connected(deaf)
    with peer, pytest.raises(httpcore.ConnectTimeout):
        await connection.start_tls(ssl.create_default_context(), "gateway.test", Deadline(0.05))
    assert connection._transport.is_closing()


async def test_a_connection_lost_in_the_tls_handshake_is_no_connection(deaf: socket.socket) -> None:
    """Asyncio gives None there, and no error."""
    connection, peer = await connected(deaf)
    shaking = connection.start_tls(ssl.create_default_context(), "gateway.test", Deadline(30))
    task = asyncio.create_task(shaking)
    await asyncio.sleep(0.05)
    connection.close()
    with peer, pytest.raises(httpcore.ConnectError):
        await task


# Pools

PLAIN = ssl.create_default_context()


def asking(server: FaultServer) -> httpcore.Request:
    """Return a request as httpx hands it down."""
    clock = CallTimeouts(Timeouts(first_event=5))
    timeouts = {"connect": 5, "pool": 5, "read": clock, "write": clock}
    return httpcore.Request(
        "POST", server.url, headers={"Host": "h"}, content=b"", extensions={"timeout": timeouts}
    )


async def test_a_connection_handed_to_who_was_just_cancelled_goes_on() -> None:
    """Nobody would ever give it back."""
    pool = AsyncPool(ssl_context=PLAIN, max_connections=1, keepalive_expiry=5)
    assert await pool._acquire(None) is None
    waiting = asyncio.create_task(pool._acquire(None))
    await asyncio.sleep(0)
    pool.release(None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pool._acquire(5) is None


async def test_what_comes_back_to_a_closed_pool_is_closed() -> None:
    """The loop is about to end: nothing may stay open on it."""
    pool = AsyncPool(ssl_context=PLAIN, max_connections=1, keepalive_expiry=60)
    with FaultServer(ANSWER) as server:
        answer = await pool.handle_async_request(asking(server))
        await pool.aclose()
        assert b"".join([part async for part in answer.stream])
        await answer.stream.aclose()
        assert await server.until_open(0) == 0


async def test_what_is_still_fresh_is_looked_at_again() -> None:
    """It outlives a look that comes too early, and does not stay for ever after it."""
    pool = AsyncPool(ssl_context=PLAIN, max_connections=1, keepalive_expiry=60)
    with FaultServer(ANSWER) as server:
        answer = await pool.handle_async_request(asking(server))
        assert b"".join([part async for part in answer.stream])
        await answer.stream.aclose()
        first = pool._sweeper
        first.cancel()
        pool._sweep()
        assert (len(pool._idle), pool._sweeper.cancelled()) == (1, False)
        assert pool._sweeper is not first
        await pool.aclose()


async def test_an_answer_closed_twice_gives_its_connection_back_once(mode: Mode) -> None:
    """Or two calls would share it."""
    limits = {"ssl_context": PLAIN, "max_connections": 1, "keepalive_expiry": 60}
    with FaultServer(ANSWER) as server:
        pool: Any = SyncPool(**limits) if mode == "sync" else AsyncPool(**limits)
        if mode == "sync":
            answer = pool.handle_request(asking(server))
            assert b"".join(answer.stream)
            answer.stream.close()
            answer.stream.close()
            pool.close()
        else:
            answer = await pool.handle_async_request(asking(server))
            assert b"".join([part async for part in answer.stream])
            await answer.stream.aclose()
            await answer.stream.aclose()
            await pool.aclose()
        assert pool._in_use == 0


def test_old_connections_of_threads_close_without_another_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread sweeps the pool: what lay idle too long is closed, and what is in use is kept."""
    monkeypatch.setattr(idle, "SWEEP_SECONDS", 0.01)
    pool = SyncPool(ssl_context=PLAIN, max_connections=2, keepalive_expiry=0.001)
    with FaultServer(ANSWER) as server:
        first, second = (pool.handle_request(asking(server)) for _ in range(2))
        assert server.wait_until_open(2) == 2
        assert b"".join(first.stream)
        first.stream.close()
        assert server.wait_until_open(1, seconds=30) == 1
        assert b"".join(second.stream)
        second.stream.close()
        assert server.wait_until_open(0, seconds=30) == 0
        pool.close()


async def test_two_first_calls_share_their_connections() -> None:
    """Reading the certificates lets the other one in between."""
    settings = PoolKey("https://127.0.0.1:9")
    first, second = await asyncio.gather(*(async_transport(settings) for _ in range(2)))
    assert first is second


# A user's own client


def mock(status: int = 200, **content: Any) -> dict[str, Any]:
    """Clients that answer by themselves."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, **content))
    return {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }


def test_a_mock_transport_answers(mode: Mode) -> None:
    """The seam for users' tests: whole answers, streams and errors."""
    url = "https://gateway.test/v1"
    answer = completion({"content": "Hello"}, usage=USAGE)
    outcome = posted_to(mode, url, target=mock(json=answer))
    assert outcome.message is not None
    assert outcome.message.content == "Hello"
    error = posted_to(mode, url, target=mock(429, json={"error": {"message": "slow"}})).error
    assert error is not None
    assert error.status_code == 429
    sse = mock(content=b"".join(WHOLE), headers={"content-type": "text/event-stream"})
    with FaultServer(ANSWER) as server:
        assert streamed(mode, server, target=sse).text == "Hello"
        assert server.requests == []


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_client_of_ones_own(mode: Mode, module: Any) -> None:
    """Anything with `build_request` and `send`: its headers join, and it is never closed."""

    async def run() -> None:
        async with module.AsyncClient(headers={"x-own": "1"}) as client:
            with FaultServer(ANSWER) as server:
                for _ in range(2):
                    call = call_to(server.url, target={"http_async_client": client})
                    assert (await apost(call))[0].content
                assert server.requests[0].headers["x-own"] == "1"
                assert server.connections == 1
            assert not client.is_closed

    if mode == "async":
        asyncio.run(run())
        return
    with module.Client(headers={"x-own": "1"}) as client, FaultServer(GOOD) as server:
        for _ in range(2):
            assert streamed("sync", server, target={"http_client": client}).text == "Hello"
        assert server.requests[0].headers["x-own"] == "1"
        assert not client.is_closed


@pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_the_clocks_of_ones_own_client(module: Any) -> None:
    """Comments do not reset the gap with it either; sync, it is seen at the next comment."""

    def comments(wire: Wire) -> None:
        for _ in range(30):
            wire.chunk(b": keep-alive\n\n")
            wire.wait(0.05)

    with FaultServer(stream(HELLO, comments)) as server, module.Client() as client:
        outcome = streamed("sync", server, target={"http_client": client}, timeouts=GAP)
        assert isinstance(outcome.error, GatewayTimeoutError)
        assert (outcome.error.clock, outcome.seconds < STALL) == ("gap", True)


async def test_the_clocks_of_ones_own_async_client() -> None:
    """Async, the gap ends silence as well."""
    with FaultServer(stream(HELLO, lambda wire: wire.wait(STALL))) as server:
        async with httpx.AsyncClient(timeout=None) as client:  # noqa: S113
            call = call_to(server.url, target={"http_async_client": client}, timeouts=GAP)
            with pytest.raises(GatewayTimeoutError) as caught:
                await stream_to_end(call)
    assert caught.value.clock == "gap"


def test_redirects_of_ones_own_client(mode: Mode) -> None:
    """A client that follows redirects does not with our key."""
    with FaultServer(ANSWER) as other, FaultServer(whole(307, b"", location=other.url)) as server:

        async def run() -> None:
            async with httpx.AsyncClient(follow_redirects=True) as client:
                await apost(call_to(server.url, target={"http_async_client": client}))

        if mode == "async":
            with pytest.raises(UnexpectedResponseError, match="redirects to"):
                asyncio.run(run())
        else:
            with httpx.Client(follow_redirects=True) as client:
                error = posted("sync", server, target={"http_client": client}).error
            assert type(error) is UnexpectedResponseError
        assert other.requests == []


def test_vcrpy_records_and_replays(mode: Mode, tmp_path: Path) -> None:
    """Cassettes work with our own transports, sync and async, whole and streamed."""
    tape = vcr.VCR(cassette_library_dir=str(tmp_path), record_mode="once")
    with FaultServer(ANSWER, GOOD) as server:
        with tape.use_cassette("tape.yaml"):
            assert posted(mode, server).error is None
            assert streamed(mode, server).text == "Hello"
        with tape.use_cassette("tape.yaml"):
            assert posted(mode, server).error is None
            assert streamed(mode, server).text == "Hello"
        assert len(server.requests) == 2


# By themselves


def test_open_stream(mode: Mode) -> None:
    """Status, headers with lower-case names, and bytes."""
    with FaultServer(whole(418, b"short", X_Own="1")) as server:
        target = Target(url=server.url)

        async def run() -> tuple[int, str, bytes]:
            async with aopen_stream(target, b"{}", CallTimeouts(QUICK)) as answer:
                return answer.status, answer.headers["x-own"], await answer.aread()

        if mode == "async":
            assert asyncio.run(run()) == (418, "1", b"short")
            return
        with open_stream(target, b"{}", CallTimeouts(QUICK)) as answer:
            assert (answer.status, answer.headers["x-own"]) == (418, "1")
            assert answer.read() == b"short"


def test_a_target_does_not_show_its_key() -> None:
    """Neither does the call that holds it."""
    call = call_to("http://h/v1")
    assert KEY not in f"{call!r}{call.target!r}"


ALONE = """
import sys, types
package = sys.modules["langchain_qwen36"] = types.ModuleType("langchain_qwen36")
package.__path__ = ["langchain_qwen36"]
import langchain_qwen36._transport
sys.exit("httpx" in sys.modules)
"""


def test_httpx_is_imported_with_the_first_call() -> None:
    """Importing the call must not take the 0.1 s that httpx may take."""
    root = Path(langchain_qwen36.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=root, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 0


async def test_a_stream_that_waits_holds_none_of_the_bytes_read_before() -> None:
    """Thousands of streams may wait for their next chunk: 20 of them hold less than one read."""

    def script(wire: Wire) -> None:
        wire.head_of(200, content_type="text/event-stream", transfer_encoding="chunked")
        wire.chunk(b":" + b"x" * 60_000 + b"\n\n" + fault_calls.text("a"))
        wire.wait(30)

    async def begin(stream: AsyncGenerator[list[Delta], None]) -> asyncio.Future[list[Delta]]:
        [delta] = await anext(stream)
        assert delta.text == "a"
        return asyncio.ensure_future(anext(stream))

    with FaultServer(script) as server:
        call, read = call_to(server.url), partial(CompletionReader, request())
        warm, *streams = [aiter(StreamCall(call, read)) for _ in range(21)]
        waiting = [await begin(warm)]
        tracemalloc.start()
        try:
            waiting += [await begin(stream) for stream in streams]
            await asyncio.sleep(0.1)
            sizes = [trace.size for trace in tracemalloc.take_snapshot().traces]
        finally:
            tracemalloc.stop()
            for future in waiting:
                future.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(size for size in sizes if size > 30_000) < 60_000


def test_a_host_that_is_no_valid_international_name_is_not_found(mode: Mode) -> None:
    """Such a name is looked up as it stands, and nobody has it."""
    outcome = fault_calls.posted_to(
        mode, "http://xn--zzzzzz-.invalid/v1", target={"headers": {}}, max_retries=0
    )
    assert isinstance(outcome.error, GatewayConnectionError)


@pytest.mark.parametrize("header", ["Content-Length", "transfer-encoding"])
def test_where_a_request_ends_is_said_once(mode: Mode, header: str) -> None:
    """A caller's header says nothing about the body's length: two readers could see two ends."""
    with FaultServer(ANSWER) as server:
        fault_calls.posted(mode, server, target={"headers": {header: "3"}})
        lines = server.requests[0].head.lower().split("\r\n")
    framing = [line for line in lines if line.startswith(("content-length", "transfer-encoding"))]
    assert framing == [f"content-length: {len(server.requests[0].body)}"]


@pytest.mark.parametrize(
    "wrong",
    [{"default_headers": {"x-\u4e2d": "a"}}, {"default_query": {"x": "secret-\ud800"}}],
    ids=["a header's name", "a query"],
)
def test_a_setting_that_cannot_be_sent_is_refused(wrong: dict[str, Any]) -> None:
    """A name that is no ASCII, or half a surrogate pair, is refused, not quoted."""
    with pytest.raises((UnsupportedSettingError, ValueError)) as caught:
        langchain_qwen36.ChatQwen36(gateway="dashscope", api_key="sk-0123456789", **wrong).invoke(
            "Hi"
        )
    assert not isinstance(caught.value, UnicodeError)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["extra_headers", "extra_query"])
def test_a_calls_own_headers_and_query_are_dicts(name: str) -> None:
    """Another value is named, before anything is sent."""
    model = langchain_qwen36.ChatQwen36(gateway="dashscope", api_key="sk-0123456789")
    with pytest.raises(UnsupportedSettingError, match=f"`{name}` is a dict"):
        model.invoke("Hi", **{name: 5})
