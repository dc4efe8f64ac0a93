"""The faults in the life of a process, as far as the transport goes."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from answers import request
from fault_calls import (
    ANSWER,
    DONE,
    FINISH,
    GOOD,
    HELLO,
    STALL,
    abegun,
    apost,
    ask,
    ask_whole,
    begun,
    call_to,
    post,
    posted,
    posted_to,
    stream_to_end,
    streamed,
    text,
)
from fault_server import FaultServer, Wire, stream, whole

from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._transport import StreamCall, Timeouts, no_waiting
from langchain_qwen36._transport.backoff import delay
from langchain_qwen36._transport.http import connections as clients
from langchain_qwen36.errors import (
    CertificateError,
    GatewayConnectionError,
    GatewayTimeoutError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modes import Mode

ROOT = Path(__file__).parents[2]


def stream_to(
    server: FaultServer, reader: type[CompletionReader] = CompletionReader, **changes: Any
) -> Any:
    """Return a stream call that no one has begun."""
    said = request()
    return StreamCall(call_to(server.url, **changes), lambda: reader(said))


def slow(wire: Wire) -> None:
    """Go on for ever, slowly."""
    for _ in range(200):
        wire.chunk(text("x"))
        wire.wait(0.02)


def test_breaking_out_of_a_sync_stream() -> None:
    """Three early breaks leave no open connection, closed or merely dropped."""
    with FaultServer(stream(HELLO, slow)) as server:
        with closing(begun(stream_to(server))):
            pass
        begun(stream_to(server)).close()
        batches = begun(stream_to(server))
        del batches
        assert server.wait_until_open(0) == 0
        assert server.connections == 3


async def test_breaking_out_of_an_async_stream() -> None:
    """Closed or merely dropped, the connection goes."""
    with FaultServer(stream(HELLO, slow)) as server:
        async with aclosing(await abegun(stream_to(server))):
            pass
        async for _ in stream_to(server):
            break
        gc.collect()
        assert await server.until_open(0) == 0


async def test_cancelled_in_mid_stream() -> None:
    """CancelledError goes through unchanged, and the connection's place is free at once."""
    one = {"target": {"max_connections": 1}, "timeouts": Timeouts(pool=0.5)}
    with FaultServer(stream(HELLO, slow), ANSWER) as server:
        begun_to_read = asyncio.Event()

        async def read() -> None:
            async with aclosing(aiter(stream_to(server, **one))) as batches:
                async for _ in batches:
                    begun_to_read.set()

        task = asyncio.create_task(read())
        await begun_to_read.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await apost(call_to(server.url, **one)))[1].attempts == 1


@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.03, 0.06])
async def test_cancelled_anywhere(seconds: float) -> None:
    """Wherever the cancel hits, no connection and no place is lost."""
    few = {"target": {"max_connections": 2}, "timeouts": Timeouts(pool=2)}

    def late(wire: Wire) -> None:
        wire.wait(0.02)
        ANSWER(wire)

    with FaultServer(late) as server:
        for _ in range(10):
            tasks = [asyncio.create_task(apost(call_to(server.url, **few))) for _ in range(4)]
            await asyncio.sleep(seconds)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        answers = await asyncio.gather(*(apost(call_to(server.url, **few)) for _ in range(6)))
        assert len(answers) == 6
        assert await server.until_open(2) <= 2


async def test_the_callers_own_timeout() -> None:
    """It is his TimeoutError, not ours."""
    with FaultServer(stream(HELLO, slow)) as server:
        call = call_to(server.url)
        with pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(stream_to_end(call), 0.1)
        assert type(caught.value) is TimeoutError
        assert await server.until_open(0) == 0


class Interrupted(CompletionReader):
    """Ctrl-C comes while a chunk is read."""

    def feed(self, payload: dict[str, Any]) -> list[Any]:
        """Do not read it."""
        del payload
        raise KeyboardInterrupt


def test_keyboard_interrupt() -> None:
    """It goes through unchanged, and the connection is closed."""
    with FaultServer(stream(HELLO, slow)) as server:
        with pytest.raises(KeyboardInterrupt):
            list(stream_to(server, Interrupted))
        assert server.wait_until_open(0) == 0


def test_errors_give_their_connection_back(mode: Mode) -> None:
    """Twenty throttled stream requests over one connection at most."""
    few = {"target": {"max_connections": 1}, "max_retries": 0, "timeouts": Timeouts(pool=0.5)}
    with FaultServer(whole(429, {"error": {"message": "slow"}})) as server:
        for _ in range(20):
            assert type(streamed(mode, server, **few).error) is RateLimitError
        assert len(server.requests) == 20
        if mode == "sync":
            assert server.connections == 1


def test_an_error_body_that_never_ends(mode: Mode) -> None:
    """The status is worth more than the end of the body, and more than all of it."""

    def stall(wire: Wire) -> None:
        wire.head_of(500, transfer_encoding="chunked")
        wire.chunk(b"upstream failed")
        wire.wait(STALL)

    outcome = ask(mode, stall, max_retries=0)
    assert type(outcome.error) is ServerError
    assert str(outcome.error).startswith("upstream failed")
    assert outcome.seconds < STALL

    def flood(wire: Wire) -> None:
        wire.head_of(500, transfer_encoding="chunked")
        for _ in range(1_000_000):
            wire.chunk(b"x" * 65536)

    outcome = ask_whole(mode, flood, max_retries=0)
    assert type(outcome.error) is ServerError
    assert outcome.seconds < STALL / 2


def test_pool_exhausted_sync() -> None:
    """The error names the clock, and that it is this process's own connections."""
    one = {"target": {"max_connections": 1}, "max_retries": 0, "timeouts": Timeouts(pool=0.2)}
    with FaultServer(stream(HELLO, slow)) as server, closing(begun(stream_to(server, **one))):
        with pytest.raises(GatewayTimeoutError) as caught:
            post(call_to(server.url, **one))
        error = caught.value
    assert error.clock == "pool"
    assert "connections came free" in str(error)


async def test_pool_exhausted_async() -> None:
    """The same, async; and who waits in time gets the connection."""
    one = {"target": {"max_connections": 1}, "max_retries": 0, "timeouts": Timeouts(pool=0.2)}
    patient = {**one, "timeouts": Timeouts(pool=5)}
    with FaultServer(stream(HELLO, slow), ANSWER) as server:
        async with aclosing(await abegun(stream_to(server, **one))):
            with pytest.raises(GatewayTimeoutError) as caught:
                await apost(call_to(server.url, **one))
            waiting = asyncio.create_task(apost(call_to(server.url, **patient)))
            await asyncio.sleep(0.05)
        assert caught.value.clock == "pool"
        assert (await waiting)[0].content


def test_many_threads() -> None:
    """Sixteen threads share the connections: no error, no request too many."""
    with FaultServer(ANSWER) as server:
        with ThreadPoolExecutor(16) as threads:
            outcomes = list(threads.map(lambda _: post(call_to(server.url)), range(320)))
        assert len(outcomes) == len(server.requests) == 320
        assert server.connections <= 16


def test_no_lock_is_held_while_waiting() -> None:
    """Eight slow calls at once take as long as one."""

    def late(wire: Wire) -> None:
        wire.wait(1)
        ANSWER(wire)

    with FaultServer(late) as server, ThreadPoolExecutor(8) as threads:
        started = time.monotonic()
        patient = Timeouts(first_event=30)
        list(threads.map(lambda _: post(call_to(server.url, timeouts=patient)), range(8)))
        assert time.monotonic() - started < 7


def test_loops_one_after_another() -> None:
    """Five `asyncio.run` in a row: five requests, five connections, none left."""
    with FaultServer(ANSWER) as server:
        for _ in range(5):
            asyncio.run(apost(call_to(server.url)))
        assert (len(server.requests), server.connections) == (5, 5)
        assert server.wait_until_open(0) == 0


def test_loops_in_threads() -> None:
    """Six threads with three loops each: eighteen times two requests, one connection a loop."""

    async def twice(url: str) -> None:
        await apost(call_to(url))
        await apost(call_to(url))

    with FaultServer(ANSWER) as server:

        def three_loops(_: int) -> None:
            for _ in range(3):
                asyncio.run(twice(server.url))

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(three_loops, range(6)))
        assert (len(server.requests), server.connections) == (36, 18)
        assert server.wait_until_open(0) == 0


def test_nothing_is_kept_of_a_loop() -> None:
    """A loop that ended is forgotten; one that was only closed is, at the next one's first call."""
    with FaultServer(ANSWER) as server:
        asyncio.run(apost(call_to(server.url)))
        assert not [loop for loop in clients._async if loop.is_closed()]
        only_closed = asyncio.new_event_loop()
        settings = clients.PoolKey("http://127.0.0.1:9")
        only_closed.run_until_complete(clients.async_transport(settings))
        only_closed.close()
        assert only_closed in clients._async
        asyncio.run(apost(call_to(server.url)))
        assert only_closed not in clients._async


LIFE = """
import asyncio, gc, sys
sys.path[:0] = ["tests"]
from fault_calls import ANSWER, GOOD, call_to, stream_to_end
from fault_server import FaultServer
from fault_calls import apost, post
with FaultServer(ANSWER, ANSWER, GOOD) as server:
    call = call_to(server.url)
    asyncio.run(apost(call))
    post(call)
    asyncio.run(stream_to_end(call))
    gc.collect()
"""


def test_the_end_of_the_interpreter() -> None:
    """No loop that is closed, no warning of anything unclosed, however strict Python is."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-X", "dev", "-W", "error", "-c", LIFE],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    # A busy machine makes asyncio's debug mode say which step took long.
    said = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.returncode, said) == (0, [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork_after_use() -> None:
    """The child opens its own connection, and the parent's goes on working."""
    with FaultServer(ANSWER) as server:
        post(call_to(server.url))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                post(call_to(server.url))
                asyncio.run(apost(call_to(server.url)))
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert server.connections == 3
        post(call_to(server.url))
        assert (server.connections, len(server.requests)) == (3, 4)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxy_variables(mode: Mode, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are honoured, by our own transport too."""
    # A name of its own: the way to an origin is kept, and ports come again.
    url = f"http://{mode}-{variable.encode().hex()}.test/v1/chat/completions"
    with FaultServer(ANSWER) as proxy:
        monkeypatch.setenv(variable, proxy.url.removesuffix("/v1/chat/completions"))
        assert posted_to(mode, url, target={"headers": {}}).error is None
        assert [wire.path for wire in proxy.requests] == [url]


def test_no_proxy(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so are their exceptions; the empty string is one for everything."""
    with FaultServer(ANSWER) as proxy, FaultServer(ANSWER) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert posted(mode, server, target={"proxy": ""}).error is None
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert posted(mode, server).error is None
        assert (len(proxy.requests), len(server.requests)) == (0, 2)


def test_a_proxy_of_its_own(mode: Mode) -> None:
    """`proxy=` needs no environment, and streams go through it under the same clocks."""
    with FaultServer(stream(HELLO, slow_comments)) as proxy, FaultServer(ANSWER) as server:
        outcome = streamed(mode, server, target={"proxy": proxy.url})
        assert isinstance(outcome.error, GatewayTimeoutError)
        assert outcome.error.clock == "gap"
        assert outcome.seconds < STALL


def slow_comments(wire: Wire) -> None:
    """Keep alive, for longer than the gap."""
    for _ in range(30):
        wire.chunk(b": keep-alive\n\n")
        wire.wait(0.05)


def test_a_broken_proxy(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the proxy, without its password."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")
    with FaultServer(ANSWER) as server:
        outcome = posted(mode, server, target={"proxy": "http://me:secret@127.0.0.1:9"})
    assert type(outcome.error) is GatewayConnectionError
    assert "through the proxy http://127.0.0.1:9" in str(outcome.error)
    assert "secret" not in str(outcome.error)


def test_a_host_with_a_dead_address(mode: Mode) -> None:
    """The next address is tried: localhost may be ::1 first, where nobody listens here."""
    with FaultServer(ANSWER) as server:
        assert posted_to(mode, server.url.replace("127.0.0.1", "localhost")).error is None


def test_no_such_host(mode: Mode) -> None:
    """The error names the host; it is retried, for name servers fail too."""
    outcome = posted_to(mode, "https://no-such-host.invalid/v1/chat/completions")
    assert type(outcome.error) is GatewayConnectionError
    assert "no-such-host.invalid" in str(outcome.error)
    assert outcome.attempts == 3


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, ssl.SSLContext]]:
    """Return a certificate that no one has signed, and a server's context with it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(  # noqa: S603
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", key, "-out", certificate, "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    clients._ssl_context.cache_clear()
    yield certificate, context
    clients._ssl_context.cache_clear()


def test_a_certificate_that_does_not_verify(mode: Mode, tls: tuple[Path, ssl.SSLContext]) -> None:
    """It is not retried, and the error says what to set."""
    with FaultServer(ANSWER, tls=tls[1]) as server:
        outcome = posted(mode, server)
    assert type(outcome.error) is CertificateError
    assert (outcome.attempts, outcome.error.is_retryable) == (1, False)
    assert "SSL_CERT_FILE" in str(outcome.error)


def test_a_certificate_of_ones_own(
    mode: Mode, tls: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SSL_CERT_FILE it verifies; the clocks run and connections are kept as without TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
    with FaultServer(GOOD, stream(HELLO, slow_comments), tls=tls[1]) as server:
        assert streamed(mode, server).text == "Hello"
        outcome = streamed(mode, server)
        assert isinstance(outcome.error, GatewayTimeoutError)
        assert (outcome.error.clock, outcome.text) == ("gap", "Hello")
        assert server.connections == 1


def test_tls_to_a_plain_port(mode: Mode) -> None:
    """A server that speaks no TLS is not reached, and the error names it."""
    with FaultServer(ANSWER, greeting=b"SSH-2.0-OpenSSH_9\r\n") as server:
        outcome = posted_to(mode, server.url.replace("http:", "https:"))
    assert type(outcome.error) is GatewayConnectionError
    assert str(outcome.error).startswith("https://127.0.0.1:")


def test_http_1_only(
    mode: Mode, tls: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP/2 is not offered, so no GOAWAY can come."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
    with FaultServer(ANSWER, tls=tls[1]) as server:
        assert posted(mode, server).error is None
        assert server.requests[0].alpn == "http/1.1"


@pytest.mark.parametrize(
    ("date", "requests"),
    [("Fri, 29 Sep 2023 16:26:27 GMT", 2), ("Fri, 29 Sep 2223 16:26:27 GMT", 1)],
    ids=["in the past", "in two hundred years"],
)
def test_a_clock_that_jumps(mode: Mode, date: str, requests: int) -> None:
    """A wait that is over is none; one that has no end is not begun."""
    outcome = ask(mode, whole(429, {}, retry_after=date), GOOD)
    assert outcome.requests == requests


def test_retries_spread_out() -> None:
    """A hundred who were throttled together do not come back together, nor at once."""
    waits = sorted(delay(RateLimitError(), 1, 2) or 0 for _ in range(100))
    assert waits[0] < 0.2
    assert 0.8 < waits[-1] <= 1.0
    told = sorted(delay(RateLimitError(retry_after=10), 1, 2) or 0 for _ in range(100))
    assert 10 <= told[0] < told[-1] <= 11


async def test_retries_are_bounded() -> None:
    """A hundred calls that are throttled make three hundred requests, and no more."""
    with FaultServer(whole(429, {})) as server, no_waiting():
        calls = (apost(call_to(server.url)) for _ in range(100))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {RateLimitError}
        assert len(server.requests) == 300


def test_the_total_deadline_holds_across_retries(mode: Mode) -> None:
    """A wait that would end after it is not begun: the error comes at once."""
    timeouts = Timeouts(total=25)
    outcome = ask(mode, whole(429, {}, retry_after="30"), timeouts=timeouts)
    assert type(outcome.error) is RateLimitError
    assert (outcome.requests, outcome.seconds < STALL / 2) == (1, True)


def test_the_total_deadline_counts_all_attempts(mode: Mode) -> None:
    """The second attempt has only what the first has left."""

    def drop(wire: Wire) -> None:
        wire.wait(0.2)
        wire.fin()

    def silence(wire: Wire) -> None:
        wire.wait(STALL)

    outcome = ask(mode, drop, silence, timeouts=Timeouts(first_event=STALL, total=2))
    assert isinstance(outcome.error, GatewayTimeoutError)
    assert (outcome.error.clock, outcome.requests) == ("total", 2)
    assert outcome.seconds < STALL / 2


def test_never_twice(mode: Mode) -> None:
    """After the first text nothing is sent again by itself, and the error counts the chunks."""
    outcome = ask(mode, stream(HELLO[:1], Wire.rst), GOOD)
    assert type(outcome.error) is StreamInterruptedError
    assert (outcome.requests, outcome.text, outcome.error.chunks) == (1, "Hel", 1)


def test_invoke_begins_again(mode: Mode) -> None:
    """Who hands nothing out may ask again: the answer is whole, and there once."""
    outcome = ask(mode, stream(HELLO, Wire.rst), GOOD, restart=True)
    assert outcome.error is None
    assert outcome.message is not None
    assert (outcome.message.content, outcome.requests) == ("Hello", 2)


def test_four_streams_need_one_connection() -> None:
    """A stream is read to its very end, so that its connection serves the next (issue 6)."""
    with FaultServer(GOOD) as server:
        for _ in range(4):
            assert streamed("sync", server).text == "Hello"
        assert server.connections == 1


async def test_four_async_streams_need_one_connection() -> None:
    """The same, async."""
    with FaultServer(GOOD) as server:
        for _ in range(4):
            assert [deltas async for deltas in stream_to(server)]
        assert server.connections == 1


async def test_the_connection_is_free_before_the_last_list() -> None:
    """Code after the last list may never run."""
    one = {"target": {"max_connections": 1}, "timeouts": Timeouts(pool=0.5)}
    last = stream([b"".join([*HELLO, FINISH, DONE])])
    with FaultServer(last, ANSWER) as server:
        async for _ in stream_to(server, **one):
            assert (await apost(call_to(server.url, **one)))[0].content


def test_the_clock_stands_while_the_caller_works() -> None:
    """A caller who takes his time over a chunk is no stall."""

    def later(wire: Wire) -> None:
        wire.wait(1.6)
        wire.chunk(FINISH)
        wire.end()

    with FaultServer(stream(HELLO, later)) as server:
        batches = begun(stream_to(server, timeouts=Timeouts(first_event=30, gap=1.4)))
        time.sleep(1.5)
        for _ in batches:
            pass


def test_threads_do_not_pile_up() -> None:
    """Calls start no threads of their own."""
    with FaultServer(ANSWER) as server:
        post(call_to(server.url))
        before = threading.active_count()
        for _ in range(20):
            post(call_to(server.url))
        assert threading.active_count() == before
