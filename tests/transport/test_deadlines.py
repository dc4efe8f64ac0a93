"""Every clock of a call rings, and exceptions that are not the network's pass through."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import living_loop
import pytest
from answers import request
from builders import streamed
from fault_calls import (
    ANSWER,
    HELLO,
    abegun,
    apost,
    ask,
    ask_whole,
    begun,
    call_to,
    post,
    posted_to,
    text,
)
from fault_server import FaultServer, Wire, head, stream

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._transport import StreamCall, Timeouts
from langchain_qwen36._transport.http import response
from langchain_qwen36._transport.http.connecting import aconnect, connect
from langchain_qwen36.errors import GatewayConnectionError, GatewayTimeoutError, QwenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modes import Mode

LONG = 30
"""Seconds that no test waits for: what ends sooner was ended by its clock."""


def clock_of(error: Any) -> str | None:
    """Return the clock that ended a call."""
    assert isinstance(error, GatewayTimeoutError), error
    return error.clock


def flood(wire: Wire) -> None:
    """Send text faster than any caller reads it."""
    wire.head_of(200, content_type="text/event-stream", transfer_encoding="chunked")
    piece = b"".join([text("x")] * 50)
    for _ in range(400):
        wire.chunk(piece)


def test_total_ends_a_stream_whose_caller_is_slow(mode: Mode) -> None:
    """Bytes are always at hand, so that no read ever waits; the deadline ends the call."""
    timeouts = Timeouts(first_event=LONG, gap=LONG, total=1)

    def slow(server: FaultServer) -> None:
        for _ in begun(reading(server)):
            time.sleep(0.01)

    async def aslow(server: FaultServer) -> None:
        async for _ in await abegun(reading(server)):
            await asyncio.sleep(0.01)

    def reading(server: FaultServer) -> StreamCall:
        asked = request()
        call = call_to(server.url, timeouts=timeouts, max_retries=0)
        return StreamCall(call, lambda: CompletionReader(asked))

    started = time.monotonic()
    with FaultServer(flood) as server, pytest.raises(GatewayTimeoutError) as caught:
        slow(server) if mode == "sync" else asyncio.run(aslow(server))
    assert clock_of(caught.value) == "total"
    assert time.monotonic() - started < LONG / 3


def comments(wire: Wire) -> None:
    """Send comments without a pause."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        wire.chunk(b": keep-alive\n\n" * 100)


def test_comments_that_pour_in_do_not_hold_the_gap_open(mode: Mode) -> None:
    """A stalled model is noticed however lively its connection is."""
    outcome = ask(mode, stream(HELLO, comments), timeouts=Timeouts(gap=0.5), max_retries=0)
    assert clock_of(outcome.error) == "gap"


def test_comments_that_pour_in_do_not_hold_the_first_event_open(mode: Mode) -> None:
    """The same before the first event."""
    outcome = ask(mode, stream([], comments), timeouts=Timeouts(first_event=0.5), max_retries=0)
    assert clock_of(outcome.error) == "first_event"


def test_a_head_that_trickles_ends_with_the_clock(mode: Mode) -> None:
    """A byte every few milliseconds is no event."""

    def trickle(wire: Wire) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000:
            wire.send(bytes([byte]))
            wire.wait(0.002)

    outcome = ask_whole(mode, trickle, timeouts=Timeouts(first_event=0.5), max_retries=0)
    assert clock_of(outcome.error) == "first_event"
    assert outcome.seconds < LONG / 3


def test_an_error_whose_body_trickles_is_told_within_seconds(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is known: for the rest of its page it waits three seconds (here one)."""
    assert response._MAX_ERROR_SECONDS == 3
    monkeypatch.setattr(response, "_MAX_ERROR_SECONDS", 1.0)

    def trickle(wire: Wire) -> None:
        wire.send(head(503, content_length="100000"))
        for _ in range(LONG * 100):
            wire.send(b"x")
            wire.wait(0.01)

    patient = Timeouts(first_event=LONG, gap=LONG)
    outcome = ask_whole(mode, trickle, timeouts=patient, max_retries=0)
    assert isinstance(outcome.error, QwenError)
    assert outcome.error.status_code == 503
    assert outcome.seconds < LONG / 3


def test_a_proxy_that_takes_the_connection_and_is_silent_is_no_connection(mode: Mode) -> None:
    """`connect` ends it, not the clock for the first event."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        outcome = posted_to(
            mode,
            "https://gateway.internal/v1/chat/completions",
            target={"proxy": f"http://127.0.0.1:{proxy.getsockname()[1]}"},
            timeouts=Timeouts(connect=0.5, first_event=LONG),
            max_retries=0,
        )
    assert clock_of(outcome.error) == "connect"


# Names and addresses


@contextmanager
def resolving(addresses: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have names resolve to these addresses, each a family and a socket address."""
    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **kwargs: Any) -> list[Any]:
        if not str(host).endswith(".internal"):
            return real(host, *args, **kwargs)
        if kwargs.get("flags"):
            raise socket.gaierror
        found = addresses() if callable(addresses) else addresses
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in found]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lookup)
        yield


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """Return an address that does not answer: its queue of connections is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = []
        for _ in range(8):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        yield address
        for sock in waiting:
            sock.close()


URL = "http://gateway.internal:{}/v1/chat/completions"


def test_a_lookup_that_hangs_ends_with_connect(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """In threads as on a loop; the lookup runs in a thread of its own."""
    hung = threading.Event()

    def hang() -> list[Any]:
        hung.wait(LONG)
        return []

    with resolving(hang, monkeypatch):
        outcome = posted_to(mode, URL.format(80), timeouts=Timeouts(connect=0.3), max_retries=0)
        hung.set()
    assert clock_of(outcome.error) == "connect"


async def test_a_lookup_that_hangs_leaves_the_default_executor_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forty calls whose lookup hangs do not stop the application's `asyncio.to_thread`."""
    hung = threading.Event()

    def hang() -> list[Any]:
        hung.wait(LONG)
        return []

    with resolving(hang, monkeypatch):
        call = call_to(URL.format(80), timeouts=Timeouts(connect=2), max_retries=0)
        tasks = [asyncio.create_task(apost(call)) for _ in range(40)]
        await asyncio.sleep(0.1)
        threads = threading.active_count()
        async with asyncio.timeout(LONG / 3):
            assert await asyncio.to_thread(lambda: 1) == 1
        hung.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, QwenError) for result in results)
    assert threads < 40


def test_an_unknown_name_is_told_as_a_failed_lookup(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says DNS, which is what a user searches for."""

    def unknown() -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with resolving(unknown, monkeypatch):
        error = posted_to(mode, URL.format(80), max_retries=0).error
    assert type(error) is GatewayConnectionError
    assert "DNS lookup failed" in str(error)


def connecting(mode: Mode, port: int, seconds: float) -> socket.socket:
    """Connect to gateway.internal."""
    if mode == "sync":
        return connect("gateway.internal", port, seconds)
    return living_loop.run(aconnect("gateway.internal", port, seconds))


def test_a_silent_address_does_not_hold_up_the_next_one(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, silent: tuple[str, int]
) -> None:
    """The next address is tried after a quarter of a second (RFC 8305)."""
    with socket.create_server(("127.0.0.1", 0)) as good:
        addresses = [(socket.AF_INET, silent), (socket.AF_INET, good.getsockname())]
        started = time.monotonic()
        with resolving(addresses, monkeypatch), connecting(mode, 80, LONG) as sock:
            assert sock.getpeername() == good.getsockname()
        assert time.monotonic() - started < LONG / 3


def test_several_silent_addresses_share_the_clock_for_connecting(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, silent: tuple[str, int]
) -> None:
    """Four of them take no longer than one."""
    started = time.monotonic()
    with resolving([(socket.AF_INET, silent)] * 4, monkeypatch), pytest.raises(TimeoutError):
        connecting(mode, 80, 1.5)
    assert time.monotonic() - started < 5


def test_a_family_that_this_host_has_not_is_one_more_dead_address(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EAFNOSUPPORT of `socket()` is no end of the call."""
    real = socket.socket

    class NoIPv6(real):  # type: ignore[misc, valid-type]
        def __new__(cls, family: int = -1, *args: Any, **kwargs: Any) -> Any:
            if family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            return real(family, *args, **kwargs)

    with socket.create_server(("127.0.0.1", 0)) as good:
        addresses = [
            (socket.AF_INET6, ("::1", 9, 0, 0)),
            (socket.AF_INET, good.getsockname()),
        ]
        with resolving(addresses, monkeypatch), monkeypatch.context() as patch:
            patch.setattr(socket, "socket", NoIPv6)
            sock = connecting(mode, 80, LONG)
        with sock:
            assert sock.getpeername() == good.getsockname()


# Exceptions that are not ours


@pytest.mark.parametrize("kind", [TimeoutError, OSError, ConnectionResetError])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_an_exception_of_a_signal_handler_passes_through(
    kind: type[OSError], *, is_stream: bool
) -> None:
    """The caller's own alarm is not taken for the network's, and nothing is sent twice."""

    def ring(*_: object) -> None:
        raise kind("the caller's own alarm")

    before = signal.signal(signal.SIGALRM, ring)
    asked = request()
    try:
        with FaultServer(ANSWER, lambda wire: wire.wait(LONG)) as server:
            call = call_to(server.url, timeouts=Timeouts(), max_retries=2)
            post(call)  # the connection is kept, and must not be tried again either
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            streamed = StreamCall(call, lambda: CompletionReader(asked))
            with pytest.raises(kind, match="the caller's own alarm") as caught:
                deque(streamed, maxlen=0) if is_stream else post(call)
            assert type(caught.value) is kind
            assert len(server.requests) == 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.pain("P32")
def test_a_server_that_goes_silent_is_left() -> None:
    """A stream without events ends at the gap limit, which comments do not reset, and is closed."""

    def send_comments(wire: Wire) -> None:
        for _ in range(20):
            wire.wait(0.05)
            wire.chunk(b": still here\n\n")

    with FaultServer(stream([text("Hel")], send_comments)) as server:
        target = {"base_url": server.url, "api_key": "no-real-key"}
        with pytest.raises(GatewayTimeoutError) as caught:
            streamed(ChatQwen36(timeout=Timeouts(gap=0.2), **target))
        assert (caught.value.clock, caught.value.partial.text) == ("gap", "Hel")
        assert server.wait_until_open(0) == 0


@pytest.mark.parametrize(
    "seconds",
    [1e7, 1e10, 1e300, 10**400, 10**5000],
    ids=["months", "centuries", "eternity", "no float", "no text"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_timeout_longer_than_a_system_can_wait_is_no_error(
    mode: Mode, seconds: float, host: str
) -> None:
    """Who writes years for "no limit" gets an answer: poll takes 24 days, a lock 292 years."""
    years = Timeouts(seconds, seconds, seconds, seconds, seconds)
    with FaultServer(ANSWER) as server:
        outcome = posted_to(mode, server.url.replace("127.0.0.1", host), timeouts=years)
    assert outcome.finish == "stop"
    assert Timeouts.of(seconds).gap == seconds


def test_an_exception_that_led_to_itself_ends_the_call(mode: Mode) -> None:
    """A caller's own client may chain exceptions in a circle, which is walked once."""
    first, second = httpx.ConnectError("refused"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    def fail(_: httpx.Request) -> httpx.Response:
        raise first

    async def afail(request_: httpx.Request) -> httpx.Response:
        return fail(request_)

    clients = {
        "http_client": httpx.Client(transport=httpx.MockTransport(fail)),
        "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(afail)),
    }
    outcome = posted_to(mode, "http://gateway.lan/v1", target=clients, max_retries=0)
    assert isinstance(outcome.error, GatewayConnectionError)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "slow.lan"])
def test_a_resolver_that_hangs_holds_no_caller(
    mode: Mode, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is looked up, or stands in the resolver's place: an address needs no lookup."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(LONG) and [])
    url = f"http://{host}:9/v1/chat/completions"
    outcome = posted_to(mode, url, timeouts=Timeouts(connect=0.3), max_retries=0)
    over.set()
    assert isinstance(outcome.error, QwenError)
    assert outcome.seconds < 2
    assert isinstance(outcome.error, GatewayTimeoutError) is (host == "slow.lan")
