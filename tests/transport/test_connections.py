"""Which connections may carry another request, and what becomes of the others."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import fault_calls
import httpcore
import living_loop
import pytest
from answers import USAGE, completion
from fault_calls import ANSWER, HELLO, apost, post
from fault_server import FaultServer, Wire, head, stream, whole

from langchain_qwen36._transport import Timeouts
from langchain_qwen36._transport.http import async_pool, connections, idle, sync_pool
from langchain_qwen36._transport.http.async_pool import AsyncPool
from langchain_qwen36._transport.http.async_stream import AsyncioStream
from langchain_qwen36._transport.http.idle import check_is_quiet
from langchain_qwen36._transport.http.sync_pool import SyncPool
from langchain_qwen36._transport.http.sync_stream import SyncStream
from langchain_qwen36._transport.http.tcp_info import bytes_acknowledged, check_answers
from langchain_qwen36.errors import (
    GatewayConnectionError,
    InvalidRequestError,
    QwenError,
    RateLimitError,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from modes import Mode

LARGE = b'{"x":"' + b"x" * 20_000_000 + b'"}'
PATIENT = Timeouts(connect=30, first_event=50, gap=50, pool=50)
"""No clock decides here, on however busy a machine."""
call_to = partial(fault_calls.call_to, timeouts=PATIENT)
ask = partial(fault_calls.ask, timeouts=PATIENT)
ask_whole = partial(fault_calls.ask_whole, timeouts=PATIENT)
posted = partial(fault_calls.posted, timeouts=PATIENT)
posted_to = partial(fault_calls.posted_to, timeouts=PATIENT)
streamed = partial(fault_calls.streamed, timeouts=PATIENT)


def response(text: str, length: int | None = None, **headers: str) -> bytes:
    """Return the bytes of a completion, padded to a length."""
    payload = completion({"content": text}, usage=USAGE) | {"pad": ""}
    while True:
        body = json.dumps(payload).encode()
        data = head(200, content_type="application/json", content_length=str(len(body)), **headers)
        data += body
        if length is None or len(data) == length:
            return data
        payload["pad"] = "x" * (len(payload["pad"]) + length - len(data))


def echo(wire: Wire) -> str:
    """Return the question that a request asks."""
    return json.loads(wire.body)["q"]


def ask_many(mode: Mode, server: FaultServer, count: int, **target: Any) -> list[Any]:
    """Ask so many different questions at once, and return the answers' texts, or the errors."""
    calls = [
        call_to(server.url, body=json.dumps({"q": f"q{i}"}).encode(), target=target, max_retries=0)
        for i in range(count)
    ]

    def text(result: Any) -> Any:
        return result if isinstance(result, BaseException) else result[0].content

    async def gather() -> list[Any]:
        return await asyncio.gather(*map(apost, calls), return_exceptions=True)

    def one(call: Any) -> Any:
        try:
            return post(call)
        except QwenError as error:
            return error

    if mode == "async":
        return [text(result) for result in living_loop.run(gather())]
    with ThreadPoolExecutor(count) as threads:
        return [text(result) for result in threads.map(one, calls)]


QUESTIONS = [f"q{i}" for i in range(6)]
OTHERS = response("somebody else's answer")


def test_a_response_behind_another_one_reaches_no_caller(mode: Mode) -> None:
    """Six callers that share one connection each get their own answer.

    The first response ends with a read of 64 KiB, so that the second one is still unread when the
    connection is handed over.
    """

    def poison(wire: Wire) -> None:
        wire.send(response(echo(wire), 65536) + OTHERS)

    with FaultServer(poison) as server:
        assert ask_many(mode, server, 6, max_connections=1) == QUESTIONS


late_responses = threading.Semaphore(0)
"""Released when one was sent."""


def late_response(wire: Wire) -> None:
    """Send another response a moment behind the first."""
    wire.send(response(echo(wire)))
    wire.wait(0.02)
    wire.send(OTHERS)
    late_responses.release()


def test_a_late_response_that_nobody_asked_for_reaches_no_caller(mode: Mode) -> None:
    """A connection on which bytes came while it was idle is closed, not used again."""
    with FaultServer(late_response) as server:
        for _ in range(3):
            assert ask_many(mode, server, 1) == ["q0"]
            assert late_responses.acquire(timeout=30)
        assert server.connections == 3


def test_a_connection_rests_before_it_goes_to_a_waiting_call(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes a moment behind a response is seen, though a call waits for the connection."""
    has_come = threading.Semaphore(0)

    def counted(acquire: Callable[..., Any]) -> Callable[..., Any]:
        def count(pool: object, seconds: float | None) -> Any:
            has_come.release()
            return acquire(pool, seconds)

        return count

    def late_response_once_both_came(wire: Wire) -> None:
        if server.connections == 1:
            assert all(has_come.acquire(timeout=30) for _ in range(2))
            wire.wait(0.2)  # until the second one waits
        late_response(wire)

    for module, pool in ((async_pool, AsyncPool), (sync_pool, SyncPool)):
        monkeypatch.setattr(module, "HANDOVER_SECONDS", 400 * module.HANDOVER_SECONDS)
        monkeypatch.setattr(pool, "_acquire", counted(pool._acquire))
    with FaultServer(late_response_once_both_came) as server:
        assert ask_many(mode, server, 2, max_connections=1) == QUESTIONS[:2]
        assert all(late_responses.acquire(timeout=30) for _ in range(2))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts acknowledged bytes")
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_bytes_that_cross_the_request_are_refused(
    mode: Mode, is_tls: bool, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """What the server sent before it had the request is no answer, though it came after the look.

    The server's system acknowledges the request 40 ms later: a client that was kept from reading
    for so long cannot tell any more, and is given another try.
    """
    tls = request.getfixturevalue("tls") if is_tls else None
    errors = []
    while len(errors) < 10 and not any("before it had the request" in text for text in errors):
        errors.append(crossed(mode, tls, monkeypatch))
    assert any("before it had the request" in text for text in errors), errors


def crossed(mode: Mode, tls: ssl.SSLContext | None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ask twice over one connection, on which bytes come between the second look and request."""
    looked, sent, ended = (threading.Event() for _ in range(3))

    def cross(wire: Wire) -> None:
        wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        wire.send(response("first"))
        looked.wait(30)
        wire.send(OTHERS)
        sent.set()
        ended.wait(30)

    def acknowledged_after_the_look(stream: Any) -> int:
        looked.set()
        assert sent.wait(30)
        return bytes_acknowledged(stream)

    module = async_pool if mode == "async" else sync_pool
    with FaultServer(cross, ANSWER, tls=tls) as server, monkeypatch.context() as patch:
        first = posted(mode, server).message
        assert first is not None
        assert first.text == "first"
        patch.setattr(module, "bytes_acknowledged", acknowledged_after_the_look)
        outcome = posted(mode, server, max_retries=0)
        ended.set()
    assert server.connections == 1
    return str(outcome.error)


def test_no_response_is_refused_where_nothing_is_known_of_acknowledgments() -> None:
    """Systems that do not count acknowledged bytes report 0, and lose nothing but this check."""
    closed = socket.socket()
    closed.close()
    one, other = socket.socketpair()
    with one, other:
        socks = (closed, None, one)
        assert [bytes_acknowledged(SimpleNamespace(sock=sock)) for sock in socks] == [0, 0, 0]
    check_answers(SimpleNamespace(sock=None), 0)


def test_tls_records_behind_a_response_reach_no_caller(mode: Mode, tls: ssl.SSLContext) -> None:
    """What TLS has decrypted but nobody has read is looked at as well."""
    with FaultServer(late_response, tls=tls) as server:
        for _ in range(3):
            assert ask_many(mode, server, 1) == ["q0"]
            assert late_responses.acquire(timeout=30)


def test_a_server_that_speaks_before_it_is_asked_is_refused(mode: Mode) -> None:
    """A response that is there before the request answers something else."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        quiet, loud = connected(mode, listening), connected(mode, listening, greeting=OTHERS)
        assert (quiet, loud) == (True, False)


def connected(mode: Mode, listening: socket.socket, greeting: bytes = b"") -> bool:
    """Connect to a server that sends a greeting, and return whether the pool would use it."""
    stream: Any
    port = listening.getsockname()[1]

    async def open_async() -> Any:
        return await AsyncioStream.open("127.0.0.1", port, 30)

    if mode == "sync":
        stream = SyncStream.open("127.0.0.1", port, 30)
    else:
        stream = living_loop._run(open_async())
    peer, _ = listening.accept()
    with peer:
        peer.sendall(greeting)
        time.sleep(0.1)
        try:
            check_is_quiet(stream)
        except httpcore.RemoteProtocolError:
            return False
        else:
            return True
        finally:
            if mode == "sync":
                stream.close()
            else:
                living_loop._loop().call_soon_threadsafe(stream.close)


def test_a_server_that_closes_behind_each_answer_costs_no_attempt(mode: Mode) -> None:
    """Forty calls over four connections succeed without a retry."""

    def answer_and_close(wire: Wire) -> None:
        wire.send(response(echo(wire)))
        wire.fin()

    with FaultServer(answer_and_close) as server:
        answers = ask_many(mode, server, 40, max_connections=4)
    assert answers == [f"q{i}" for i in range(40)]


def test_a_kept_connection_that_dies_before_its_first_byte_is_no_attempt(mode: Mode) -> None:
    """The request goes out again on a new connection, even with `max_retries=0`."""
    with FaultServer(ANSWER, Wire.fin, ANSWER) as server:
        first = posted(mode, server, max_retries=0)
        second = posted(mode, server, max_retries=0)
    assert first.error is None
    assert (second.error, second.attempts, second.requests) == (None, 1, 3)
    assert second.connections == 2


def test_a_new_connection_that_dies_before_its_first_byte_is_an_attempt(mode: Mode) -> None:
    """With `max_retries=0` its request is sent once."""
    outcome = ask_whole(mode, Wire.fin, max_retries=0)
    assert type(outcome.error) is GatewayConnectionError
    assert (outcome.attempts, outcome.requests) == (1, 1)


def test_a_kept_connection_that_dies_behind_its_first_byte_is_an_attempt(mode: Mode) -> None:
    """The server has begun to answer, so the request is not sent again unasked."""

    def begin(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n")
        wire.fin()

    with FaultServer(ANSWER, begin, ANSWER) as server:
        posted(mode, server, max_retries=0)
        outcome = posted(mode, server, max_retries=0)
    assert type(outcome.error) is GatewayConnectionError
    assert outcome.requests == 2


@pytest.mark.parametrize(
    ("keep_alive", "connections_made"),
    [
        pytest.param("timeout=1", 2, id="over"),
        pytest.param("timeout=60, max=100", 1, id="not yet"),
        pytest.param("timeout=0", 2, id="at once"),
        pytest.param("timeout=x", 1, id="not a number"),
        pytest.param("max=7", 1, id="without a timeout"),
    ],
)
def test_keep_alive_timeout_is_honored(
    mode: Mode, keep_alive: str, connections_made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection is not used beyond the time for which its server said it keeps it."""
    answer = whole(200, completion({"content": "Hello"}), keep_alive=keep_alive)
    with FaultServer(answer) as server:
        posted(mode, server)
        later = SimpleNamespace(**vars(time))
        later.monotonic = lambda: time.monotonic() + 0.7
        monkeypatch.setattr(idle, "time", later)
        assert posted(mode, server).connections == connections_made


def test_what_the_server_closed_is_closed_here_without_another_call(mode: Mode) -> None:
    """No socket stays half closed until the pool is used again."""

    def answer_and_close(wire: Wire) -> None:
        ANSWER(wire)
        wire.fin()

    with FaultServer(answer_and_close) as server:
        posted(mode, server)
        until = time.monotonic() + 5
        while _idle(mode, server) and time.monotonic() < until:
            time.sleep(0.05)
        assert _idle(mode, server) == 0


def _idle(mode: Mode, server: FaultServer) -> int:
    origin = server.url.removesuffix("/v1/chat/completions")
    if mode == "sync":
        return sum(len(t._pool._idle) for k, t in connections._sync.items() if k.origin == origin)
    pools = connections._async[living_loop._loop()].items()
    return sum(len(held.transport._pool._idle) for k, held in pools if k.origin == origin)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(
            b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", id="two transfer codings"
        ),
        pytest.param(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", id="twice"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n", id="chunked is not the last"),
        pytest.param(b"Content-Length: 2\r\nContent-Length: 3\r\n", id="two lengths"),
    ],
)
def test_ambiguous_framing_is_refused(mode: Mode, headers: bytes) -> None:
    """Two readers would see two ends, and one of them would begin the next caller's response."""

    def ambiguous(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n2\r\n{}\r\n0\r\n\r\n")

    outcome = ask_whole(mode, ambiguous, max_retries=0)
    assert isinstance(outcome.error, GatewayConnectionError)


def test_a_length_beside_chunks_is_read_but_its_connection_is_not_kept(mode: Mode) -> None:
    """RFC 9112, section 6.3: the chunks count, and the connection is closed."""
    body = json.dumps(completion({"content": "Hello"})).encode()

    def both(wire: Wire) -> None:
        wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        )

    with FaultServer(both) as server:
        assert posted(mode, server).message.content == "Hello"
        assert posted(mode, server).connections == 2


# Early responses


def refuse_and_half_close(sock: socket.socket) -> None:
    """Refuse as nginx does: respond, send FIN, and drain what still comes."""
    _refuse(sock, "413 Payload Too Large", b'{"error":{"message":"too large"}}', b"close")
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65536):
        pass


def refuse_and_read_no_more(sock: socket.socket) -> None:
    """Respond, and leave the rest of the request unread."""
    _refuse(sock, "429 Too Many Requests", b'{"error":{"message":"slow down"}}', b"keep-alive")
    time.sleep(3)


def _refuse(sock: socket.socket, status: str, body: bytes, connection: bytes) -> None:
    sock.recv(65536)
    sock.sendall(
        b"HTTP/1.1 %b\r\nConnection: %b\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (status.encode(), connection, len(body), body)
    )


@pytest.mark.parametrize(
    ("script", "error"),
    [(refuse_and_half_close, InvalidRequestError), (refuse_and_read_no_more, RateLimitError)],
)
def test_a_response_that_comes_before_the_request_is_sent_is_read(
    mode: Mode, script: Any, error: type[QwenError]
) -> None:
    """A large request is refused at once, not when the clock for the first event runs out."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run(sock: socket.socket) -> None:
            with sock:
                script(sock)

        def serve() -> None:
            for _ in range(3):
                sock, _ = listening.accept()
                threading.Thread(target=run, args=(sock,), daemon=True).start()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/chat/completions"
        few = {"target": {"max_connections": 2}, "max_retries": 0, "body": LARGE}
        for _ in range(3):  # one more than the slots: each came back
            started = time.monotonic()
            outcome = posted_to(mode, url, **few)
            assert type(outcome.error) is error
            if script is refuse_and_half_close:
                assert time.monotonic() - started < 20


# An event stream as the answer to a plain request


def test_an_event_stream_may_answer_a_plain_request(mode: Mode) -> None:
    """Some proxies always stream; `invoke` reads the stream to its end."""
    events = stream([*HELLO, b"data: [DONE]\n\n"])
    with FaultServer(events) as server:
        outcome = posted(mode, server)
    assert outcome.message is not None
    assert outcome.message.content == "Hello"


def test_a_completion_may_answer_a_request_for_a_stream(mode: Mode) -> None:
    """Some gateways ignore `stream`; the completion comes as one delta."""
    outcome = ask(mode, ANSWER)
    assert outcome.message is not None
    assert outcome.message.content == "Hello"


def test_a_lost_slot_is_seen_by_the_check_behind_every_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The check that all async fault tests make fails where a call keeps its slot."""
    from langchain_qwen36._transport.http.async_pool import AsyncPool  # noqa: PLC0415

    def lose(pool: AsyncPool, stream: Any, exchange: Any = None) -> None:
        stream.close()

    with FaultServer(ANSWER) as server:
        monkeypatch.setattr(AsyncPool, "release", lose)
        with pytest.raises(AssertionError, match="slots"):
            living_loop.run(apost(call_to(server.url)))
        monkeypatch.undo()
    for held in connections._async[living_loop._loop()].values():
        if hasattr(held.transport._pool, "_in_use"):
            held.transport._pool._in_use = 0


@pytest.mark.skipif(sys.platform != "linux", reason="open sockets are counted in /proc")
@pytest.mark.parametrize("lost", ["sockets", "slots"])
def test_a_lost_socket_or_slot_of_a_thread_is_seen_too(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check behind sync faults fails where a call leaves a connection open, or keeps a slot."""
    kept: list[Any] = []

    def lose(pool: Any, stream: Any, exchange: Any = None) -> None:
        kept.append((pool, stream))
        if lost == "sockets":
            pool._in_use -= 1
        else:
            stream.close()

    monkeypatch.setattr(living_loop, "PATIENCE_SECONDS", 0.1)
    with FaultServer(ANSWER) as server:
        monkeypatch.setattr(sync_pool.SyncPool, "release", lose)
        with pytest.raises(AssertionError, match=lost):
            posted("sync", server)
        ((pool, stream),) = kept
        stream.close()
        pool._in_use = 0


def test_streamed_answers_of_many_callers_are_their_own(mode: Mode) -> None:
    """The same over streams: a stream that ends with `[DONE]` leaves nothing to the next call."""
    sent = threading.Event()

    def own(wire: Wire) -> None:
        wire.head_of(200, content_type="text/event-stream", transfer_encoding="chunked")
        for piece in [*HELLO, b"data: [DONE]\n\n"]:
            wire.chunk(piece)
        wire.end()
        wire.send(OTHERS)
        sent.set()

    with FaultServer(own) as server:
        for _ in range(3):
            assert streamed(mode, server, target={"max_connections": 1}).text == "Hello"
            assert sent.wait(30)  # behind the response, before the next request
            sent.clear()
