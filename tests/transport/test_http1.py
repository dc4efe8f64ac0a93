"""Bodies come out right however their bytes arrive, and never from broken framing."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import h11
import httpcore
import pytest
from fault_calls import ask, posted, text
from fault_server import FaultServer, Wire
from hypothesis import given
from hypothesis import strategies as st

from langchain_qwen36._transport.http.http1 import Exchange
from langchain_qwen36.errors import GatewayConnectionError, StreamInterruptedError

if TYPE_CHECKING:
    from modes import Mode

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def exchange() -> Exchange:
    """One that has been sent."""
    headers = [(b"host", b"h"), (b"content-length", b"2")]
    return Exchange(httpcore.Request(b"POST", "http://h/v1", headers=headers))


def receive(*pieces: bytes, eof: bool = False) -> tuple[bytes, Exchange]:
    """Return the body out of an answer that came in these pieces."""
    said = exchange()
    body, has_head = b"", False
    for piece in filter(None, pieces):
        if not has_head:
            answer = said.head(piece)
            has_head = answer is not None
            body += answer.content if answer else b""
        elif not said.is_complete():
            body += said.body(piece)
    if eof:
        body += said.body(b"")
    return body, said


ANSWERS = [
    pytest.param(CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc", id="chunks"),
    pytest.param(CHUNKED + b"0\r\n\r\n", b"", id="no chunk"),
    pytest.param(CHUNKED + b"2;a=b\r\nab\r\n00\r\n\r\n", b"ab", id="an extension"),
    pytest.param(CHUNKED + b"002  \r\nab\r\n0\r\n\r\n", b"ab", id="zeros and spaces"),
    pytest.param(CHUNKED + b"1A\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n", b"x" * 26, id="hexadecimal"),
    pytest.param(CHUNKED + b"1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n", b"a", id="trailers"),
    pytest.param(CHUNKED + b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", id="line ends as data"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc", id="a length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", id="a length of nothing"),
    pytest.param(b"HTTP/1.1 204 No\r\n\r\n", b"", id="204"),
    pytest.param(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        b"a",
        id="an interim answer",
    ),
]


@pytest.mark.parametrize(("answer", "body"), ANSWERS)
def test_every_cut(answer: bytes, body: bytes) -> None:
    """Cut in two anywhere, and between all bytes, the body is the same and is seen to end."""
    splits = [(answer[:cut], answer[cut:]) for cut in range(len(answer))]
    splits.append(tuple(answer[i : i + 1] for i in range(len(answer))))  # type: ignore[arg-type]
    for pieces in splits:
        found, said = receive(*pieces)
        assert (found, said.is_complete(), said.is_reusable) == (body, True, True)


@given(st.lists(st.binary(min_size=1, max_size=30)), st.lists(st.integers(0, 400)))
def test_chunks_agree_with_h11(chunks: list[bytes], cuts: list[int]) -> None:
    """What another implementation wrote is read back, however it is cut."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    server.next_event()
    server.next_event()
    answer = server.send(
        h11.Response(status_code=200, headers=[(b"transfer-encoding", b"chunked")])
    )
    for chunk in chunks:
        answer += server.send(h11.Data(data=chunk)) or b""  # type: ignore[operator]
    answer += server.send(h11.EndOfMessage()) or b""  # type: ignore[operator]
    assert isinstance(answer, bytes)
    ends = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(ends)]
    found, said = receive(*pieces)
    assert (found, said.is_reusable) == (b"".join(chunks), True)


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_any_bytes_are_an_answer_or_a_protocol_error(pieces: list[bytes]) -> None:
    """Nothing else comes out of rubbish."""
    for start in (b"", CHUNKED):
        try:
            receive(start, *pieces)
        except httpcore.RemoteProtocolError:
            continue


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x\r\nab\r\n", id="no number"),
        pytest.param(b"-1\r\nab\r\n", id="negative"),
        pytest.param(b"0x2\r\nab\r\n", id="a prefix"),
        pytest.param(b"2_0\r\nab\r\n", id="Python's own spelling"),
        pytest.param(b" 2\r\nab\r\n", id="a space before"),
        pytest.param(b"\r\nab\r\n", id="empty"),
        pytest.param(b"f" * 17 + b"\r\n", id="too large"),
        pytest.param(b"2\r\nabc\r\n", id="longer than it says"),
        pytest.param(b"2;" + b"x" * 9000, id="a line without end"),
        pytest.param(b"0\r\nX: " + b"y" * 9000, id="trailers without end"),
    ],
)
def test_broken_chunks(body: bytes) -> None:
    """Framing that is not exactly right is refused: what follows could be anybody's."""
    with pytest.raises(httpcore.RemoteProtocolError):
        receive(CHUNKED, body)[1].is_complete()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"no http\r\n\r\n", id="no HTTP"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", id="another coding"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, id="a head without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", id="a length with a sign"),
    ],
)
def test_broken_heads(answer: bytes) -> None:
    """A head that can be read in two ways is refused."""
    with pytest.raises(httpcore.RemoteProtocolError):
        receive(answer)


@pytest.mark.parametrize(
    ("answer", "eof"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", False, id="surplus"),
        pytest.param(CHUNKED + b"0\r\n\r\nHTTP/1.1", False, id="surplus after chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", False,
                     id="closing"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False, id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nab", True, id="until the end"),
    ],
)  # fmt: skip
def test_connections_that_carry_no_other_answer(answer: bytes, eof: bool) -> None:
    """The body is good, and its connection is used no more."""
    _, said = receive(answer, eof=eof)
    assert (said.is_complete(), said.is_reusable) == (True, False)


@pytest.mark.parametrize(
    "answer", [CHUNKED + b"2\r\nab\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"]
)
def test_an_end_that_comes_too_early(answer: bytes) -> None:
    """A body that is cut is never taken for whole."""
    with pytest.raises(httpcore.RemoteProtocolError, match="in the middle"):
        receive(answer, eof=True)


def test_many_chunks_take_linear_time() -> None:
    """A hundred thousand chunks in one read, and as many reads of one byte."""
    started = time.process_time()
    chunks = b"1\r\nx\r\n" * 100_000
    assert len(receive(CHUNKED, chunks)[0]) == 100_000
    said = exchange()
    said.head(CHUNKED)
    for i in range(120_000):
        said.body(chunks[i : i + 1])
    assert time.process_time() - started < 5


def test_http_1_0_until_the_end(mode: Mode) -> None:
    """A server of the old kind works; its connection is closed by it."""

    def old(wire: Wire) -> None:
        wire.send(b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        wire.send(text("Hello") + b"data: [DONE]\n\n")
        wire.fin()

    outcome = ask(mode, old)
    assert (outcome.error, outcome.text) == (None, "Hello")


def test_smuggled_bytes_do_not_reach_the_next_call(mode: Mode) -> None:
    """What comes after an answer is not the answer to the next question."""
    sent = threading.Event()

    def two(wire: Wire) -> None:
        answer = b'{"choices":[{"message":{"content":"%s"},"finish_reason":"stop"}]}'
        for word in (b"true", b"fake"):
            wire.head_of(200, content_type="application/json", content_length=str(len(answer) + 2))
            wire.send(answer % word)
        sent.set()

    with FaultServer(two) as server:
        for _ in range(2):
            outcome = posted(mode, server)
            assert outcome.message is not None
            assert outcome.message.content == "true"
            assert sent.wait(30)  # what comes after the next request nobody can tell apart
            sent.clear()


def test_what_comes_before_broken_chunks_is_not_lost() -> None:
    """The same read may hold both: first the content, then the error."""
    body, said = receive(CHUNKED + b"2\r\nab\r\nzz\r\n")
    assert body == b"ab"
    with pytest.raises(httpcore.RemoteProtocolError):
        said.is_complete()


def test_broken_framing_in_a_stream(mode: Mode) -> None:
    """It is a broken connection, with what had come."""

    def broken(wire: Wire) -> None:
        wire.head_of(200, content_type="text/event-stream", transfer_encoding="chunked")
        wire.chunk(text("Hello"))
        wire.send(b"zz\r\n")
        wire.wait(1)

    error = ask(mode, broken).error
    assert type(error) is StreamInterruptedError
    assert error.chunks == 1
    assert isinstance(error.__cause__, GatewayConnectionError)
