"""Whatever a server answers one caller with, the next caller gets its own answer."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import pickle
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import fault_calls
import living_loop
import pytest
from answers import USAGE, completion
from fault_calls import ANSWER, HELLO, WHOLE, apost, call_to
from fault_server import FaultServer, Wire, head, stream, whole

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._transport import StreamCall, Timeouts
from langchain_qwen36._transport.http import connecting
from langchain_qwen36.errors import GatewayConnectionError, InvalidRequestError, QwenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modes import Mode

PATIENT = Timeouts(connect=30, first_event=50, gap=50, pool=50)
"""No clock decides here, on however busy a machine."""
HASTY = Timeouts(connect=30, first_event=0.5, gap=0.5, pool=30)
"""Ends what a server leaves open on purpose."""
posted = partial(fault_calls.posted, max_retries=0)


def body_of(text: str) -> bytes:
    """Return a completion's JSON."""
    return json.dumps(completion({"content": text}, usage=USAGE)).encode()


MINE, OTHERS = body_of("mine"), body_of("somebody else's")
LENGTH = b"Content-Length: %d\r\n" % len(MINE)
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(OTHERS), OTHERS)


def ok(headers: bytes, body: bytes = MINE) -> bytes:
    """Return a response with these header lines."""
    return b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n" + body


def chunked(size: bytes, rest: bytes = b"\r\n0\r\n\r\n", headers: bytes = b"") -> bytes:
    """Return a chunked response of one chunk."""
    return ok(headers + b"Transfer-Encoding: chunked\r\n", size + b"\r\n" + MINE + rest)


SIZE = b"%x" % len(MINE)
RESPONSES = {
    "two responses": ok(LENGTH) + OTHER,
    "close, and more": ok(b"Connection: close\r\n" + LENGTH) + OTHER,
    "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\n" + OTHER,
    "304 with a body": b"HTTP/1.1 304 Not Modified\r\n" + LENGTH + b"\r\n" + OTHER,
    "length too short": ok(b"Content-Length: 10\r\n") + OTHER,
    "length too long": ok(b"Content-Length: %d\r\n" % (len(MINE) + 40)) + OTHER[:20],
    "length with a sign": ok(b"Content-Length: +%d\r\n" % len(MINE)) + OTHER,
    "length in hexadecimal": ok(b"Content-Length: 0x%x\r\n" % len(MINE)) + OTHER,
    "length with an underscore": ok(b"Content-Length: 1_0\r\n") + OTHER,
    "negative length": ok(b"Content-Length: -1\r\n") + OTHER,
    "empty length": ok(b"Content-Length: \r\n") + OTHER,
    "length beyond 64 bits": ok(b"Content-Length: 99999999999999999999999\r\n") + OTHER,
    "two equal lengths": ok(LENGTH + LENGTH) + OTHER,
    "a list of lengths": ok(b"Content-Length: %d, %d\r\n" % (len(MINE), len(MINE))) + OTHER,
    "length and chunks": chunked(SIZE, headers=LENGTH) + OTHER,
    "space before the colon": ok(b"Content-Length : %d\r\n" % len(MINE)) + OTHER,
    "chunks, and more": chunked(SIZE) + OTHER,
    "trailers that frame": chunked(SIZE, b"\r\n0\r\nContent-Length: 9\r\n\r\n") + OTHER,
    "chunk extension": chunked(SIZE + b';a="\r\n0\r\n"') + OTHER,
    "chunk size with a prefix": chunked(b"0x" + SIZE) + OTHER,
    "chunk size with a sign": chunked(b"+" + SIZE) + OTHER,
    "chunk size too short": chunked(b"5") + OTHER,
    "chunk size beyond 64 bits": chunked(b"f" * 17) + OTHER,
    "chunks behind another coding": chunked(SIZE, headers=b"Transfer-Encoding: gzip\r\n") + OTHER,
    "a coding that is none": ok(b"Transfer-Encoding: chunked, x\r\n", SIZE + b"\r\n") + OTHER,
    "folded header": ok(b"X: a\r\n Content-Length: 5\r\n" + LENGTH) + OTHER,
    "folded length": ok(b"Content-Length:\r\n %d\r\n" % len(MINE)) + OTHER,
    "lines without a return": ok(LENGTH).replace(b"\r\n", b"\n") + OTHER,
    "returns without a line": ok(LENGTH).replace(b"\r\n", b"\r") + OTHER,
    "zero byte in a header": ok(b"X: a\0b\r\n" + LENGTH) + OTHER,
    "a header without a name": ok(b": x\r\n" + LENGTH) + OTHER,
    "upgrade in a 200": ok(b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + LENGTH) + OTHER,
    "switching protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" + OTHER,
    "a hundred interim responses": b"HTTP/1.1 102 P\r\n\r\n" * 100 + ok(LENGTH) + OTHER,
    "a flood of interim responses": b"HTTP/1.1 102 P\r\n\r\n" * 100_000,
    "an interim response with a body": b"HTTP/1.1 103 E\r\n"
    + LENGTH
    + b"\r\n"
    + ok(LENGTH)
    + OTHER,
    "HTTP/0.9": MINE + OTHER,
    "HTTP/1.0": ok(LENGTH).replace(b"HTTP/1.1", b"HTTP/1.0") + OTHER,
    "HTTP/1.0 without a length": ok(b"").replace(b"HTTP/1.1", b"HTTP/1.0") + OTHER,
    "HTTP/2.0": ok(LENGTH).replace(b"HTTP/1.1", b"HTTP/2.0") + OTHER,
    "a status of two digits": ok(LENGTH).replace(b"200", b"20") + OTHER,
    "a status of four digits": ok(LENGTH).replace(b"200", b"2000") + OTHER,
    "white space before": b"\r\n\r\n" + ok(LENGTH) + OTHER,
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
    "a line without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000,
}


@pytest.mark.parametrize("name", RESPONSES)
def test_the_next_caller_gets_its_own_answer(mode: Mode, name: str) -> None:
    """The first caller gets its answer or an error, never another's; the second its own."""

    def attack(wire: Wire) -> None:
        wire.send(RESPONSES[name])

    with FaultServer(attack, whole(200, completion({"content": "second"}))) as server:
        first = posted(mode, server, timeouts=HASTY)
        second = posted(mode, server, timeouts=PATIENT)
    assert (first.message is None) == isinstance(first.error, QwenError)
    assert first.message is None or first.message.text == "mine"
    assert second.message is not None, second.error
    assert second.message.text == "second"


# Phases of a connection


def reset_now(wire: Wire) -> None:
    """Reset without letting the peer read first."""
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.fin()


PHASES: dict[str, Callable[[Wire], None]] = {
    "before the head": lambda _: None,
    "in the status line": lambda wire: wire.send(b"HTTP/1."),
    "in the head": lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nContent-"),
    "behind the head": lambda wire: wire.send(head(200, content_length="100")),
    "in the body": lambda wire: wire.send(head(200, content_length="100") + b'{"'),
    "in a chunk": lambda wire: wire.send(head(200, transfer_encoding="chunked") + b"5\r\n{"),
    "before the last chunk": lambda wire: wire.send(
        head(200, content_type="application/json", transfer_encoding="chunked")
        + b"%x\r\n%b\r\n" % (len(MINE), MINE)
    ),
}


@pytest.mark.parametrize("end", [Wire.fin, reset_now], ids=["fin", "reset"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_connection_that_ends_in_any_phase(mode: Mode, phase: str, end: Any) -> None:
    """One typed error, no slot or socket left, and the next call is answered."""

    def attack(wire: Wire) -> None:
        PHASES[phase](wire)
        end(wire)

    with FaultServer(attack, ANSWER) as server:
        first = posted(mode, server, timeouts=PATIENT)
        assert isinstance(first.error, QwenError)
        assert posted(mode, server, timeouts=PATIENT).error is None


def test_a_large_request_is_refused_while_it_is_sent(mode: Mode) -> None:
    """An early 400 with half of 40 MB unread is told, and its connection is not used again."""

    def serve() -> None:
        for _ in range(2):
            sock, _ = listening.accept()
            with sock:
                sock.recv(65536)
                body = b'{"error":{"message":"too long"}}'
                sock.sendall(head(400, content_length=str(len(body))) + body)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(1 << 20):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/chat/completions"
        body = b'{"x":"' + b"x" * 40_000_000 + b'"}'
        for _ in range(2):
            outcome = fault_calls.posted_to(mode, url, body=body, timeouts=PATIENT, max_retries=0)
            assert isinstance(outcome.error, InvalidRequestError)
            assert "too long" in str(outcome.error)
        thread.join(30)


def test_no_descriptor_left_is_a_connection_error(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EMFILE names itself, keeps no slot, and the next call goes through."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with FaultServer(ANSWER) as server:
        with monkeypatch.context() as patch:
            patch.setattr(connecting, "_open", refuse)
            outcome = posted(mode, server, timeouts=PATIENT)
        assert isinstance(outcome.error, GatewayConnectionError)
        assert "Too many open files" in str(outcome.error)
        assert posted(mode, server, timeouts=PATIENT).error is None


# Loops, threads, processes


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_loop_that_was_closed_with_connections_open_harms_no_other() -> None:
    """The next loop opens its own connections; the old one's are closed with it."""
    with FaultServer(ANSWER) as server:
        for _ in range(3):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(apost(call_to(server.url, timeouts=PATIENT)))
            loop.close()  # without `shutdown_asyncgens`
        assert living_loop.run(apost(call_to(server.url, timeouts=PATIENT)))[0].text == "Hello"
        assert server.connections == 4
    del loop
    gc.collect()  # asyncio warns of what was left open here, not in another test


def test_threads_and_loops_at_once_get_their_own_answers() -> None:
    """Eight threads, four of which run loops of their own, over one model."""

    def echo(wire: Wire) -> None:
        text = json.loads(wire.body)["messages"][-1]["content"]
        whole(200, completion({"content": text}))(wire)

    with FaultServer(echo) as server, ThreadPoolExecutor(8) as threads:
        model = model_on(server)

        async def ask_all(texts: list[str]) -> list[str]:
            answers = await asyncio.gather(*map(model.ainvoke, texts))
            return [answer.text for answer in answers]

        def work(number: int) -> bool:
            texts = [f"{number}-{i}" for i in range(20)]
            if number % 2:
                return asyncio.run(ask_all(texts)) == texts
            return [model.invoke(text).text for text in texts] == texts

        assert list(threads.map(work, range(8))) == [True] * 8


def model_on(server: FaultServer) -> ChatQwen36:
    """Return a model whose gateway is this server."""
    url = server.url.removesuffix("/chat/completions")
    return ChatQwen36(
        gateway="dashscope",
        base_url=url,
        api_key="sk-0123456789",
        max_retries=0,
        timeout=PATIENT,
        streaming=False,
    )


def test_a_model_with_open_connections_can_be_copied_and_pickled() -> None:
    """Its connections stay the process's: a copy uses them, and nothing of them is pickled."""
    with FaultServer(ANSWER) as server:
        model = model_on(server)
        model.invoke("Hi")
        for other in (model.model_copy(deep=True), pickle.loads(pickle.dumps(model))):  # noqa: S301
            assert other.invoke("Hi").text == "Hello"
        assert server.connections == 1


async def cancelled_at(number: int, server: FaultServer) -> bool:
    """Cancel a stream when its task is about to wait for the n-th time; False if it waits less."""

    async def read() -> None:
        call = call_to(server.url, timeouts=PATIENT, max_retries=0)
        async for _ in StreamCall(call, lambda: CompletionReader(fault_calls.request())):
            pass

    steps, task = 0, asyncio.ensure_future(read())
    while not task.done():
        if (steps := steps + 1) > number:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return True
        await asyncio.wait({task}, timeout=0 if steps < 40 else 0.001)
    return False


def test_a_call_cancelled_at_any_turn_of_the_loop_leaves_nothing() -> None:
    """Whenever it is cancelled, no slot, socket or task is left, and the next call is answered."""
    with FaultServer(stream([*HELLO, *WHOLE[2:]])) as server:
        was_cancelled = [living_loop.run(cancelled_at(n, server)) for n in range(30)]
        assert any(was_cancelled)
        living_loop.check_threads(server.url)
        assert fault_calls.streamed("async", server, timeouts=PATIENT).text == "Hello"
