"""Our HTTP/1.1 exchange beside h11: whatever bytes come, both read the same, or ours refuses."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

import h11
import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_qwen36._transport.http.http1 import Exchange


class Read(NamedTuple):
    """What a reader made of the bytes of one connection."""

    status: int
    body: bytes
    is_reusable: bool
    """Whether it would send another request on the connection."""


def ours(pieces: list[bytes]) -> Read | None:
    """Read a response with our exchange, to the end of the connection; None refuses it."""
    exchange = Exchange(httpcore.Request(b"POST", "http://h/v1", headers=[(b"host", b"h")]))
    status, body = 0, b""
    try:
        for data in [*pieces, b""]:
            if not status:
                if (head := exchange.head(data)) is not None:
                    status, body = head.status, head.content
            elif exchange.is_complete():
                if data:  # what the pool sees behind the response, in its buffer or the kernel's
                    return Read(status, body, is_reusable=False)
            else:
                body += exchange.body(data)
        if not exchange.is_complete():
            return None
    except httpcore.RemoteProtocolError:
        return None
    return Read(status, body, is_reusable=exchange.is_reusable)


def oracle(pieces: list[bytes]) -> Read | None:
    """Read the same with h11."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1_000_000)
    client.send(h11.Request(method="POST", target="/v1", headers=[("host", "h")]))
    client.send(h11.EndOfMessage())
    status, body = 0, b""
    try:
        for data in [*pieces, b""]:
            client.receive_data(data)
            while True:
                event = client.next_event()
                if isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.Data):
                    body += event.data
                elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(
                    event, h11.EndOfMessage | h11.ConnectionClosed
                ):
                    break
            if client.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
                break
    except h11.RemoteProtocolError:
        return None
    if client.their_state not in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
        return None
    # Empty lines between responses belong to neither (RFC 9112, section 2.2).
    is_reusable = client.their_state is h11.DONE and not client.trailing_data[0].strip(b"\r\n")
    return Read(status, body, is_reusable)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut bytes in pieces."""
    ends = [0, *sorted({at % (len(data) + 1) for at in cuts}), len(data)]
    return [data[a:b] for a, b in pairwise(ends) if a < b]


STATUS = st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified", b"HTTP/1.1 100 Continue", b"HTTP/1.1 503 ", b"HTTP/1.1 200",
    b"HTTP/1.1 20 OK", b"HTTP/2 200 OK", b"ICY 200 OK", b" HTTP/1.1 200 OK", b"HTTP/1.1  200 OK",
])  # fmt: skip
HEADER = st.sampled_from([b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: 5",
    b"Content-Length: +3", b"Content-Length: 3, 3", b"Content-Length: 3,4", b"content-length:3",
    b"Content-Length: 0x3", b"Content-Length : 3", b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding:\tchunked", b"Transfer-Encoding: xchunked",
    b"Connection: close", b"Connection: keep-alive", b"Connection: Close, x", b"X: y", b"X:",
    b" folded", b"\tfolded", b"X\x00: y", b"X: \x00", b"No colon", b": no name", b"X: \xff",
    b"Upgrade: x", b"Connection: upgrade",
])  # fmt: skip
BODY = st.sampled_from([b"abc", b"3\r\nabc\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"0\r\n",
    b"3;x=y\r\nabc\r\n", b"3 \r\nabc\r\n", b"03\r\nabc\r\n", b"3\nabc\n", b"-3\r\nabc\r\n", b"\r\n",
    b"0\r\nX: y\r\n\r\n", b"g\r\n", b"3\r\nabcd\r\n", b"ffffffffffffffffff\r\n", b"3\rabc\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    b"\x00", b"3\r\nabc", b"3\r\nabc\n0\r\n\r\n",
])  # fmt: skip
END = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Draw bytes that resemble a response, with deviations that split readers before."""
    end = draw(END)
    lines = [draw(STATUS), *draw(st.lists(HEADER, max_size=4))]
    body = b"".join(draw(st.lists(BODY, max_size=4)))
    return end.join([*lines, b"", b""]) + body


def agree(data: bytes, cuts: list[int]) -> None:
    """Check that both readers read the same, or that ours refuses."""
    pieces = cut(data, cuts)
    read, expected = ours(pieces), oracle(pieces)
    if read is None:
        return
    if expected is None:
        assert is_tolerated(data), read
        return
    assert (read.status, read.body) == (expected.status, expected.body)
    assert not read.is_reusable or expected.is_reusable


def is_tolerated(data: bytes) -> bool:
    """Whether it is one of the two deviations that h11 alone refuses; neither moves a body's end.

    A chunk that ends with a bare line feed is as long as its size says; an interim response has
    no body, whatever its headers say.
    """
    return re.search(rb"(?<!\r)\n", data) is not None or data.startswith(b"HTTP/1.1 100")


@settings(max_examples=500)
@given(responses(), st.lists(st.integers(0, 500), max_size=6))
def test_any_response_is_read_as_h11_reads_it_or_refused(data: bytes, cuts: list[int]) -> None:
    """Status, body and whether the connection may be kept are the same, wherever it is cut."""
    agree(data, cuts)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
def test_any_bytes_are_read_as_h11_reads_them_or_refused(data: bytes, cuts: list[int]) -> None:
    """The same for bytes that resemble nothing, bare and behind a good head."""
    agree(data, cuts)
    agree(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data, cuts)
    agree(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + data, cuts)


OK = b"HTTP/1.1 200 OK\r\n"
VECTORS = [
    # (bytes, what is read; None refuses). Shapes that other clients' suites publish as well.
    pytest.param(OK + b"Content-Length: 2\r\n\r\nhi", Read(200, b"hi", True), id="a length"),
    pytest.param(OK + b"\r\nhi", Read(200, b"hi", False), id="until close"),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", Read(200, b"hi", False), id="1.0"
    ),
    pytest.param(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
        Read(200, b"hi", True),
        id="1.0 keep-alive",
    ),
    pytest.param(
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
        Read(200, b"hi", False),
        id="close",
    ),
    pytest.param(
        OK + b"Connection: Close\r\nContent-Length: 2\r\n\r\nhi",
        Read(200, b"hi", False),
        id="Close",
    ),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", Read(204, b"", True), id="204"),
    pytest.param(b"HTTP/1.1 304 Not Modified\r\n\r\n", Read(304, b"", True), id="304"),
    pytest.param(
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
        Read(200, b"hi", True),
        id="an interim response",
    ),
    pytest.param(
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK + b"Content-Length: 2\r\n\r\nhi",
        Read(200, b"hi", True),
        id="several interim responses",
    ),
    pytest.param(
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", Read(200, b"hi", True), id="no reason"
    ),
    pytest.param(b"HTTP/1.1 777 x\r\nContent-Length: 0\r\n\r\n", Read(777, b"", True), id="777"),
    pytest.param(
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n",
        Read(200, b"hi", True),
        id="trailers",
    ),
    pytest.param(
        OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=b;c\r\nhi\r\n0;x\r\n\r\n",
        Read(200, b"hi", True),
        id="chunk extensions",
    ),
    pytest.param(
        OK + b"Content-Length: 2\r\n\r\nhi" + OK,
        Read(200, b"hi", False),
        id="bytes behind the body",
    ),
    pytest.param(OK + b"Content-Length: 3\r\n\r\nhi", None, id="cut body"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhi", None, id="cut chunk"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", None, id="no last chunk"),
    pytest.param(OK + b"Content-Le", None, id="cut head"),
    pytest.param(b"", None, id="nothing"),
    pytest.param(b"\x16\x03\x01\x00\x01", None, id="TLS where none was asked for"),
    pytest.param(b"SSH-2.0-OpenSSH\r\n", None, id="another protocol"),
    pytest.param(b"<html></html>", None, id="no head"),
    pytest.param(b"HTTP/1.1 OK\r\n\r\n", None, id="no status"),
    pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", None, id="four digits"),
    pytest.param(OK + b"Content-Length: -2\r\n\r\nhi", None, id="negative length"),
    pytest.param(OK + b"Content-Length: 2, 3\r\n\r\nhi", None, id="a list of lengths"),
    pytest.param(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", None, id="two lengths"),
    pytest.param(OK + b"Content-Length: two\r\n\r\nhi", None, id="a length in words"),
    pytest.param(OK + b"Transfer-Encoding: gzip\r\n\r\nhi", None, id="an unknown coding"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n", None, id="0x2"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2 2\r\nhi\r\n0\r\n\r\n", None, id="2 2"),
    pytest.param(OK + b"Bad Name: x\r\nContent-Length: 2\r\n\r\nhi", None, id="a space in a name"),
    pytest.param(OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\nhi", None, id="NUL in a value"),
    pytest.param(OK + b"X: " + b"x" * 200_000 + b"\r\n\r\n", None, id="a head without end"),
]


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_vectors(data: bytes, expected: Read | None) -> None:
    """Each shape of response is read so, whole and byte by byte."""
    assert ours([data] if data else []) == expected
    if len(data) < 1000:
        assert ours([data[i : i + 1] for i in range(len(data))]) == expected
