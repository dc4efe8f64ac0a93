"""One attempt's stream: bytes in, deltas out, and the verdict at its end; no I/O."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from langchain_qwen36._response.errors import head, request_id
from langchain_qwen36._response.fast_path import ChunkTemplate
from langchain_qwen36._response.sse import SSEDecoder
from langchain_qwen36._transport.call import completion, loads, refusal
from langchain_qwen36._transport.http import Reply
from langchain_qwen36.errors import (
    ContentFilterError,
    GatewayConnectionError,
    GatewayTimeoutError,
    QwenError,
    StreamInterruptedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from langchain_qwen36._request.types import Delta, Prose
    from langchain_qwen36._response.sse import Event
    from langchain_qwen36._transport.call import Call
    from langchain_qwen36._transport.http import Answer, Clock

_REFUSED = 300
_DONE = b"[DONE]"
_DONE_TOO = frozenset({b"[DONE]", b"DONE"})
"""How it is written by servers that trim, quote or lower it."""
_SIGNS_OF_LIFE = frozenset({b"PING", b"HEARTBEAT", b"KEEP-ALIVE", b"KEEPALIVE", b"KEEP ALIVE"})
"""What some proxies send as data, or as an event's name, where a comment belongs."""
_FRAMED = re.compile(rb"\s*(data|event|id|retry|error)?:")
"""The start of a body that is events, whatever its content type."""
_DRAIN_SECONDS = 0.1
_DRAIN_BYTES = 64 * 1024
"""How far a stream is read after [DONE], so that its connection can serve the next call."""
_HEAD_BYTES = 64 * 1024
_OF_THE_WAY = (GatewayConnectionError, GatewayTimeoutError)
"""Failures that leave open whether the answer had ended before them (F9, F40)."""


class Reader(Protocol):
    """What makes deltas of payloads: `_wire.stream.StreamReader`, one per attempt."""

    @property
    def chunks(self) -> int:
        """How many payloads it has taken."""
        ...

    def feed(self, payload: dict[str, Any]) -> list[Delta]:
        """Take one payload."""
        ...

    @property
    def plain(self) -> Prose | None:
        """The kind of what the last payload said, where it said that and nothing else."""
        ...

    def go_on(self, text: str) -> list[Delta]:
        """Take a payload that is the last one, a `plain` one, but for its text."""
        ...

    def finish(self, *, done: bool) -> list[Delta]:
        """Take the end; raises `StreamInterruptedError` where nothing says that it is one."""
        ...

    def partial(self) -> AIMessage | None:
        """Return what has come so far."""
        ...


class Feed:
    """Takes the bytes of one answer and says when it is enough.

    What fails on the way is kept until `finish`, for what came before it is handed out first.
    """

    def __init__(self, call: Call, reader: Reader, answer: Answer, clock: Clock) -> None:
        self.ended = False
        """No more bytes are wanted."""
        self._call = call
        self._reader = reader
        self._answer = answer
        self._clock = clock
        self._decoder = SSEDecoder(call.max_event_bytes)
        self._template = ChunkTemplate()
        self._plain: Prose | None = None
        """What the last payload said, if it can be gone on with."""
        self._head = b""
        self._done = False
        self._drained = 0
        self._failure: QwenError | None = None
        self._last: list[Delta] = []

    @property
    def is_whole(self) -> bool:
        """The answer is no stream: an error, a page, or a gateway that ignores `stream`."""
        kind = self._answer.headers.get("content-type", "").lower()
        return self._answer.status >= _REFUSED or "json" in kind or "html" in kind

    def take_whole(self, content: bytes) -> None:
        """Take an answer in one piece; its end is an end, unless it is events all the same.

        Raises:
            QwenError: it is no completion.
        """
        answer = self._answer
        if answer.status < _REFUSED and _FRAMED.match(content):
            self._last += self.take(content)
            return
        payload = completion(self._call, Reply(answer.status, answer.headers, content))
        self._last += self._reader.feed(payload)
        self._done = True

    def take(self, data: bytes) -> list[Delta]:
        """Take the next bytes; what comes with [DONE] is kept for `finish`."""
        if self._done:
            self._drain(data)
            return []
        deltas: list[Delta] = []
        try:
            self._bytes(data, deltas)
        except QwenError as error:
            self._failure = error
            self.ended = True
        if self._done:
            self._last = deltas + self._last
            return []
        return deltas

    def broke(self, error: QwenError) -> None:
        """The connection failed, or a clock ran out; after [DONE] neither matters."""
        if not self._done:
            self._failure = error

    def finish(self) -> list[Delta]:
        """Decide what the end was.

        Returns:
            The deltas that came with it.

        Raises:
            QwenError: the stream failed, with `partial` and `chunks`.
        """
        try:
            return self._end()
        except QwenError as error:
            if self._reader.chunks:
                error.partial = self._reader.partial()
                error.chunks = self._reader.chunks
                if isinstance(error, ContentFilterError) and "input" not in error.message.lower():
                    error.side = "output"
            error.request_id = error.request_id or request_id(self._answer.headers)
            raise

    def _bytes(self, data: bytes, deltas: list[Delta]) -> None:
        events = self._decoder.feed(data)
        if events:
            self._clock.event()
        elif not self._reader.chunks:
            self._head = (self._head + data)[:_HEAD_BYTES]
        for event in events:
            self._event(event, deltas)

    def _event(self, event: Event, deltas: list[Delta]) -> None:
        data = event.data
        if data == _DONE or self._done:
            self._after_done(event)
            return
        if self._plain and not event.name and (text := self._template.text_in(data, self._plain)):
            deltas += self._reader.go_on(text)
            return
        self._plain = None
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            self._mended(event, deltas)
            return
        # Looking into the bytes for a word costs 0.1 µs; asking the JSON for every place in which
        # an error may hide would cost 2.
        choices = type(payload) is dict and payload.get("choices")
        if choices and b'"error"' not in data and event.name != "error":
            deltas += self._feed(payload, data)
        else:
            self._odd(payload, event, deltas)

    def _feed(self, payload: dict[str, Any], data: bytes) -> list[Delta]:
        deltas = self._reader.feed(payload)
        if len(deltas) == 1 and (plain := self._reader.plain) is not None:
            self._plain = plain
            self._template.learn(data, plain, deltas[0].text)
        return deltas

    def _odd(self, payload: Any, event: Event, deltas: list[Delta]) -> None:
        """A payload that may be an error; a chunk that has both is a chunk first (F24)."""
        certain = event.name == "error"
        if not isinstance(payload, dict):
            payload = {"message": str(payload)} if certain else {}
        error = refusal(self._call, payload, self._answer.headers, certain=certain)
        if error is None:
            deltas += self._reader.feed(payload)
            return
        if payload.get("choices"):  # into `partial`, which is the error's
            deltas += self._reader.feed(self._call.payload_without_key(payload))
        raise error

    def _mended(self, event: Event, deltas: list[Delta]) -> None:
        """Take an event that is no JSON as it stands (F29, F30, F32)."""
        if event.name == "error":
            self._odd(event.data.decode("utf-8", "replace"), event, deltas)
        elif event.name.upper().encode() not in _SIGNS_OF_LIFE:
            # Some server writes one line behind the other, without the blank one.
            is_whole = _is_json(event.data)
            for line in [event.data] if is_whole else event.data.split(b"\n"):
                self._line(line, event, deltas)

    def _line(self, line: bytes, event: Event, deltas: list[Delta]) -> None:
        if _is_done(line):
            self._after_done(event)
        elif not self._done and not _is_sign_of_life(line):
            self._odd(self._parsed(line), event, deltas)

    def _parsed(self, line: bytes) -> Any:
        try:
            return loads(line)
        except ValueError as error:
            text = head(self._call.without_key(line).decode("utf-8", "replace"))
            raise UnexpectedResponseError(
                f"Chunk {self._reader.chunks + 1} of the stream is no JSON: {text!r}"
            ) from error

    def _after_done(self, event: Event) -> None:
        """Nothing after [DONE] counts but usage (F43, F44)."""
        if not self._done:
            self._done = True
            self._clock.limit(_DRAIN_SECONDS)
            self.ended = not self._answer.is_clocked
            return
        with suppress(orjson.JSONDecodeError):
            payload = orjson.loads(event.data)
            if isinstance(payload, dict) and payload.get("usage") and not payload.get("choices"):
                self._last += self._reader.feed(payload)

    def _drain(self, data: bytes) -> None:
        self._drained += len(data)
        self.ended = self._drained > _DRAIN_BYTES
        with suppress(UnexpectedResponseError):
            for event in self._decoder.feed(data):
                self._after_done(event)

    def _end(self) -> list[Delta]:
        failure = self._failure
        if failure is not None and not isinstance(failure, _OF_THE_WAY):
            raise failure
        self._flush()
        try:
            return self._last + self._reader.finish(done=self._done)
        except (StreamInterruptedError, UnexpectedResponseError):
            if failure is None:
                raise
        if isinstance(failure, GatewayConnectionError) and self._reader.chunks:
            raise StreamInterruptedError(
                f"The stream broke off after {self._reader.chunks} chunks. {failure.message}"
            ) from failure
        raise failure

    def _flush(self) -> None:
        """The last event counts without its blank line if it is whole (F41, F42)."""
        for event in self._decoder.close():
            first = event.data.split(b"\n")[0]
            if _is_json(event.data) or _is_json(first) or _is_done(first):
                self._event(event, self._last)
        if not self._reader.chunks and self._head.strip() and not _FRAMED.match(self._head):
            self.take_whole(self._head)


def _is_done(line: bytes) -> bool:
    return line.strip().strip(b'"').upper() in _DONE_TOO


def _is_sign_of_life(line: bytes) -> bool:
    return line.startswith(b":") or line.strip(b' "[]').upper() in _SIGNS_OF_LIFE


def _is_json(data: bytes) -> bool:
    try:
        loads(data)
    except ValueError:
        return False
    return True
