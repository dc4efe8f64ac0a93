"""Decode server-sent events from bytes, however the network cut them.

The rules are WHATWG's, with four differences that real gateways make necessary: one BOM is removed,
events without data are skipped, the last event counts without its blank line, and a field named
`error` becomes an event although no specification has it:
docs/quirks.md#server-sent-events-in-the-wild.
"""

from __future__ import annotations

from typing import NamedTuple

from langchain_qwen36.errors import UnexpectedResponseError

_BOM = b"\xef\xbb\xbf"


class NamedEvent(NamedTuple):
    """A server-sent event with a name."""

    name: str
    """Value of the `event:` field; `error` for a field of that name."""
    data: bytes
    """The payload as it came; the reader checks its encoding."""


Event = bytes | NamedEvent
"""An event, which mostly has no name: then it is its payload alone. Thousands of tuples from one
read would have Python's garbage collector look at all that lives."""


class SSEDecoder:
    """Decodes bytes into complete events, at a cost linear in the length of the stream.

    Args:
        max_event_bytes: Length of the longest event accepted; None: no limit.
    """

    def __init__(self, max_event_bytes: int | None = None) -> None:
        self._limit = max_event_bytes
        self._pending = bytearray()
        self._at_start = True
        self._after_cr = False

    def feed(self, data: bytes) -> list[Event]:
        """Add the next bytes and return the events that they complete.

        Raises:
            UnexpectedResponseError: an event is longer than `max_event_bytes`.
        """
        if self._after_cr or b"\r" in data:
            data = self._with_lf(data)
        if self._pending:
            # Only the seam and the new bytes are searched: an event in a million pieces stays
            # linear.
            seam = len(self._pending) - 1
            self._pending += data
            if self._pending.find(b"\n\n", seam) < 0:
                self._check(len(self._pending))
                return []
            data = bytes(self._pending)
            self._pending.clear()
        end = data.rfind(b"\n\n")
        if end < 0:
            self._pending += data
            self._check(len(data))
            return []
        self._pending += data[end + 2 :]
        self._check(len(self._pending))
        return self._events(data[:end])

    def close(self) -> list[Event]:
        """Return the event at the end of the stream that lacks its blank line, if any."""
        if not self._pending:
            return []
        rest = bytes(self._pending)
        self._pending.clear()
        return self._events(rest)

    def _events(self, blocks: bytes) -> list[Event]:
        if self._at_start and blocks:
            self._at_start = False
            blocks = blocks.removeprefix(_BOM)
        events: list[Event] = []
        parts = blocks.split(b"\n\n")
        may_be_long = self._limit is not None and len(blocks) > self._limit
        of_one_line = blocks.count(b"\n") == 2 * (len(parts) - 1)
        for block in parts:
            if may_be_long:
                self._check(len(block))
            # Nearly every block of every gateway is this one line: 0.3 µs instead of 1.2.
            if block[:6] == b"data: " and (of_one_line or b"\n" not in block):
                if len(block) > len(b"data: "):
                    events.append(block[6:])
            elif (event := _event(block)) is not None:
                events.append(event)
        return events

    def _with_lf(self, data: bytes) -> bytes:
        """Replace CR and CRLF by LF; a CR that ends one piece may have its LF in the next."""
        if not data:
            return data
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check(self, length: int) -> None:
        if self._limit is not None and length > self._limit:
            raise UnexpectedResponseError(
                f"The gateway sent an event of more than `max_event_bytes={self._limit}` bytes.",
                is_retryable=False,
            )


def _event(block: bytes) -> Event | None:
    """Read a block line by line; comments, `id` and `retry` mean nothing to a one-way reader."""
    name = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"error":
            name = "error"
            data.append(value)
    payload = b"\n".join(data)
    if not payload:
        return None
    return NamedEvent(name, payload) if name else payload
