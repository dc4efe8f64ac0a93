"""Events are the same however the network cut them."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_qwen36._response.sse import Event, NamedEvent, SSEDecoder
from langchain_qwen36.errors import UnexpectedResponseError

WIRE = Path(__file__).parents[3] / "shared" / "wire"
RECORDINGS = sorted(WIRE.rglob("*.sse"))


def decode(*pieces: bytes) -> list[Event]:
    """Return what comes out of a stream that came in these pieces."""
    decoder = SSEDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def data(*payloads: bytes) -> list[Event]:
    """Events that have nothing but data."""
    return list(payloads)


def payload(event: Event) -> bytes:
    """Return the data of an event, with a name or without."""
    return event.data if isinstance(event, NamedEvent) else event


CASES = [
    pytest.param(b"data: a\n\ndata: b\n\n", data(b"a", b"b"), id="two events"),
    pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", data(b"a", b"b"), id="CRLF"),
    pytest.param(b"data: a\r\rdata: b\r\r", data(b"a", b"b"), id="CR"),
    pytest.param(b"data: a\n\r\ndata: b\r\n\n", data(b"a", b"b"), id="mixed line ends"),
    pytest.param(b"data:a\n\n", data(b"a"), id="no space"),
    pytest.param(b"data:  a\n\n", data(b" a"), id="only one space is the field's"),
    pytest.param(b"data: a\ndata: b\n\n", data(b"a\nb"), id="two data lines"),
    pytest.param(b"data: a\ndata\n\n", data(b"a\n"), id="a data line without a colon"),
    pytest.param(b"\xef\xbb\xbfdata: a\n\n", data(b"a"), id="one BOM"),
    pytest.param(
        b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", data(b"b"), id="not a second BOM"
    ),
    pytest.param(b": ping\n\ndata: a\n\n: ping\n\n", data(b"a"), id="comments"),
    pytest.param(b": ping\ndata: a\n\n", data(b"a"), id="a comment within an event"),
    pytest.param(b"data:\n\ndata: \n\ndata: a\n\n", data(b"a"), id="empty data"),
    pytest.param(b"retry: 3\n\nid: 7\n\ndata: a\n\n", data(b"a"), id="retry and id alone"),
    pytest.param(b"id: 7\ndata: a\nretry: 3\n\n", data(b"a"), id="retry and id beside data"),
    pytest.param(b"event: ping\n\ndata: a\n\n", data(b"a"), id="a name without data"),
    pytest.param(b"event: error\ndata: a\n\n", [NamedEvent("error", b"a")], id="a name"),
    pytest.param(
        b'error: {"detail":1}\n\n',
        [NamedEvent("error", b'{"detail":1}')],
        id="a field that is no data",
    ),
    pytest.param(b"data: a\n\n\n\n\ndata: b\n\n", data(b"a", b"b"), id="many blank lines"),
    pytest.param(b"\n\ndata: a\n\n", data(b"a"), id="blank lines first"),
    pytest.param(b"data: a\n\ndata: b", data(b"a", b"b"), id="no end at all"),
    pytest.param(b"data: a\n\ndata: b\n", data(b"a", b"b"), id="no blank line"),
    pytest.param(b"data: a\xe2\x80\xa8b\xc2\x85\n\n", data(b"a\xe2\x80\xa8b\xc2\x85"), id="U+2028"),
    pytest.param("data: 喵🥌\n\n".encode(), data("喵🥌".encode()), id="UTF-8"),
    pytest.param(b"data: \xff\n\n", data(b"\xff"), id="no UTF-8"),
    pytest.param(b"", [], id="nothing"),
]


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_whole(stream: bytes, events: list[Event]) -> None:
    """A stream in one piece gives its events."""
    assert decode(stream) == events


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_byte_by_byte(stream: bytes, events: list[Event]) -> None:
    """A stream cut between all its bytes gives the same events."""
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == events


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_every_cut(stream: bytes, events: list[Event]) -> None:
    """A stream cut in two anywhere gives the same events."""
    for cut in range(len(stream)):
        assert decode(stream[:cut], b"", stream[cut:]) == events


_LINES = st.sampled_from(
    [
        b"data: x",
        b"data:y",
        b"data",
        b": c",
        b"",
        b"event: e",
        b"error: z",
        b"id: 1",
        b"\xef\xbb\xbf",
    ]
)
_ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(st.lists(st.tuples(_LINES, _ENDS)), st.lists(st.integers(0, 200)))
def test_any_cuts_of_any_stream(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    """Wherever a stream is cut, its events are those of the whole."""
    stream = b"".join(line + end for line, end in lines)
    ends = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(ends)]
    assert decode(*pieces) == decode(stream)


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes(pieces: list[bytes]) -> None:
    """No bytes make the decoder fail, and their cuts do not matter."""
    assert decode(*pieces) == decode(b"".join(pieces))


def test_events_come_as_soon_as_they_are_whole() -> None:
    """The blank line hands an event over; nothing waits for the next one."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\ndata: b") == data(b"a")
    assert decoder.feed(b"\r\n\r") == data(b"b")


def test_a_large_event_in_small_pieces_takes_linear_time() -> None:
    """64 MiB in pieces of 1 KiB are joined once, not at every piece."""
    piece = b"x" * 1024
    decoder = SSEDecoder()
    decoder.feed(b"data: ")
    started = time.process_time()
    for _ in range(64 * 1024):
        decoder.feed(piece)
    (event,) = decoder.feed(b"\n\n")
    assert len(event) == 64 * 1024 * 1024
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"data: " + b"x" * 100 + b"\n\n"], id="whole"),
        pytest.param([b"data: ", b"x" * 50, b"x" * 50], id="in pieces, without an end"),
        pytest.param([b"data: a\n\ndata: " + b"x" * 100], id="after another event"),
        pytest.param([b"data: a", b"\n\ndata: " + b"x" * 100 + b"\n\n"], id="over a seam"),
    ],
)
def test_the_size_limit(pieces: list[bytes]) -> None:
    """An event above the limit ends the stream with an error that names the setting."""
    decoder = SSEDecoder(max_event_bytes=100)
    with pytest.raises(UnexpectedResponseError, match="max_event_bytes=100"):
        list(map(decoder.feed, pieces))


def test_the_size_limit_counts_events_not_streams() -> None:
    """Many small events may be longer than the limit together."""
    decoder = SSEDecoder(max_event_bytes=10)
    assert decoder.feed(b"data: a\n\n" * 100) == data(b"a") * 100


@pytest.mark.skipif(not RECORDINGS, reason="the recordings are not here")
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in RECORDINGS])
def test_recordings(path: Path) -> None:
    """Every recorded stream is JSON, event by event, whole and in pieces of seven bytes."""
    stream = path.read_bytes()
    events = decode(stream)
    assert decode(*(stream[i : i + 7] for i in range(0, len(stream), 7))) == events
    assert len(events) > 0
    for event in events:
        assert event == b"[DONE]" or isinstance(orjson.loads(payload(event)), dict)
