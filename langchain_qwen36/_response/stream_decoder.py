"""Turn the bytes of one attempt's stream into deltas, and its end into a result or an error."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36._response import nesting_limit
from langchain_qwen36._response.errors import request_id, truncate
from langchain_qwen36._response.fast_path import ChunkTemplate
from langchain_qwen36._response.message import partial_message
from langchain_qwen36._response.payload import (
    HTTP_ERROR_FROM,
    HTTPBody,
    embedded_error,
    loads,
    parse_completion,
)
from langchain_qwen36._response.sse import NamedEvent, SSEDecoder
from langchain_qwen36._response.surrogates import SurrogateJoiner
from langchain_qwen36.errors import (
    ContentFilterError,
    GatewayConnectionError,
    GatewayTimeoutError,
    QwenError,
    StreamInterruptedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._response.delta import Delta
    from langchain_qwen36._response.payload import ResponseContext
    from langchain_qwen36._response.reader import CompletionReader
    from langchain_qwen36._response.sse import Event

_DONE = b"[DONE]"
_DONE_VARIANTS = frozenset({b"[DONE]", b"DONE"})
"""The end of a stream, also as servers write it that trim, quote or lower-case it."""
_KEEP_ALIVE_PAYLOADS = frozenset(
    {b"PING", b"HEARTBEAT", b"KEEP-ALIVE", b"KEEPALIVE", b"KEEP ALIVE"}
)
"""Keep-alive payloads that some proxies send as data or event names instead of comments."""
_SSE_FIELD = re.compile(rb"\s*(data|event|id|retry|error)?:")
"""The start of a body that is events, whatever its content type."""
_DRAIN_BYTES = 64 * 1024
"""How far a stream is read after [DONE], so that its connection can serve the next call."""
_HEAD_BYTES = 64 * 1024
_TRANSPORT_ERRORS = (GatewayConnectionError, GatewayTimeoutError)
"""Errors after which the answer may still be complete."""


class StreamDecoder:
    """Turns the bytes of one response into deltas, and tells when no more bytes are needed.

    An error in the stream is kept until `finish`: the deltas before it are returned first.
    """

    def __init__(
        self,
        context: ResponseContext,
        reader: CompletionReader,
        status: int,
        headers: Mapping[str, str],
    ) -> None:
        self.ended = False
        """No more bytes are needed."""
        self.done = False
        """`[DONE]` or a complete body came: later bytes are only read to free the connection."""
        self.saw_event = False
        """Whether the bytes fed last held an event; comments do not count."""
        self._context = context
        self._reader = reader
        self._status = status
        self._headers = headers
        self._decoder = SSEDecoder(context.max_event_bytes)
        self._template = ChunkTemplate()
        self._joiner = SurrogateJoiner()
        self._head = b""
        self._drained = 0
        self._failure: QwenError | None = None
        self._last: list[Delta] = []

    @property
    def is_single_body(self) -> bool:
        """Whether the body is read to its end at once: an error, a page, or one JSON completion.

        The content type decides, since some gateways ignore `stream`, either way. Without one, it
        is what was requested.
        """
        kind = self._headers.get("content-type", "").lower()
        if self._status >= HTTP_ERROR_FROM or "json" in kind or "html" in kind:
            return True
        return not self._context.is_stream and "event-stream" not in kind

    def feed_body(self, content: bytes) -> None:
        """Add a body that was read to its end, which ends the answer unless the body is events.

        Raises:
            QwenError: the body is no completion.
        """
        if self._status < HTTP_ERROR_FROM and _SSE_FIELD.match(content):
            self._last += self.feed(content)
            return
        payload = parse_completion(self._context, HTTPBody(self._status, self._headers, content))
        self._last += self._reader.feed(payload)
        self.done = True

    def feed(self, data: bytes) -> list[Delta]:
        """Add the next bytes; deltas that come with [DONE] are kept for `finish`."""
        if self.done:
            self._drain(data)
            return []
        deltas: list[Delta] = []
        try:
            self._bytes(data, deltas)
        except QwenError as error:
            self._failure = error
            self.ended = True
        if self.done:
            self._last = deltas + self._last
            return []
        return deltas

    def connection_failed(self, error: QwenError) -> None:
        """Record a failed connection or a timeout; after [DONE] neither matters."""
        if not self.done:
            self._failure = error

    def finish(self) -> list[Delta]:
        """Decide how the stream ended.

        Returns:
            The deltas that came with the end.

        Raises:
            QwenError: the stream failed, with `partial` and `chunks`.
        """
        try:
            return self._end()
        except QwenError as error:
            if self._reader.chunks:
                error.partial = partial_message(self._reader)
                error.chunks = self._reader.chunks
                if isinstance(error, ContentFilterError) and "input" not in error.message.lower():
                    error.side = "output"
            error.request_id = error.request_id or request_id(self._headers)
            raise

    def _bytes(self, data: bytes, deltas: list[Delta]) -> None:
        events = self._decoder.feed(data)
        self.saw_event = bool(events)
        if not events and not self._reader.chunks:
            self._head = (self._head + data)[:_HEAD_BYTES]
        for event in events:
            if type(event) is bytes and not self.done and (text := self._template.text_in(event)):
                deltas += self._reader.append_plain(text)
            else:
                self._event(event, deltas)

    def _event(self, event: Event, deltas: list[Delta]) -> None:
        name, data = event if isinstance(event, NamedEvent) else ("", event)
        if data == _DONE or self.done:
            self._after_done(data)
            return
        self._template.forget()
        try:
            payload = nesting_limit.loads(data)
        except orjson.JSONDecodeError:
            self._parse_malformed(name, data, deltas)
            return
        if self._joiner:
            payload = self._joiner.join(payload)
        # Looking into the bytes for a word costs 0.1 µs; searching the JSON for every place in
        # which an error may be would cost 2.
        choices = type(payload) is dict and payload.get("choices")
        if choices and b'"error"' not in data and name != "error":
            deltas += self._feed_payload(payload, data)
        else:
            self._parse_unusual(payload, name, deltas)

    def _feed_payload(self, payload: dict[str, Any], data: bytes) -> list[Delta]:
        deltas = self._reader.feed(payload)
        if len(deltas) == 1 and (plain := self._reader.plain) is not None:
            self._template.learn(data, plain, deltas[0].text)
        return deltas

    def _parse_unusual(self, payload: Any, name: str, deltas: list[Delta]) -> None:
        """Read a payload that may be an error; if it is also a chunk, the chunk is read first."""
        certain = name == "error"
        if _is_ping(payload, name):
            return
        if not isinstance(payload, dict):
            payload = {"message": str(payload)} if certain else {}
        error = embedded_error(self._context, payload, self._headers, certain=certain)
        if error is None:
            deltas += self._reader.feed(payload)
            return
        if payload.get("choices"):  # goes into the error's `partial`
            deltas += self._reader.feed(self._context.redact_payload(payload))
        raise error

    def _parse_malformed(self, name: str, data: bytes, deltas: list[Delta]) -> None:
        """Read an event that is no JSON as it stands."""
        if name == "error":
            self._parse_unusual(data.decode("utf-8", "replace"), name, deltas)
        elif name.upper().encode() not in _KEEP_ALIVE_PAYLOADS:
            # Some server writes one line behind the other, without the blank one.
            for line in [data] if _is_json(data) else data.split(b"\n"):
                self._line(line, name, deltas)

    def _line(self, line: bytes, name: str, deltas: list[Delta]) -> None:
        # Some proxy frames the lines of an event stream as events once more.
        line = line.removeprefix(b"data:")
        if _is_done(line):
            self._after_done(line)
        elif not self.done and not _is_keep_alive(line):
            self._parse_unusual(self._parsed(line), name, deltas)

    def _parsed(self, line: bytes) -> Any:
        try:
            return loads(line, self._joiner)
        except ValueError as error:
            text = truncate(self._context.redact(line).decode("utf-8", "replace"))
            raise UnexpectedResponseError(
                f"Chunk {self._reader.chunks + 1} of the stream is no JSON: {text!r}"
            ) from error

    def _after_done(self, data: bytes) -> None:
        """Read a payload after [DONE], of which only usage counts."""
        if not self.done:
            self.done = True
            return
        with suppress(orjson.JSONDecodeError):
            payload = nesting_limit.loads(data)
            if isinstance(payload, dict) and payload.get("usage") and not payload.get("choices"):
                self._last += self._reader.feed(payload)

    def _drain(self, data: bytes) -> None:
        self.saw_event = False
        self._drained += len(data)
        self.ended = self._drained > _DRAIN_BYTES
        with suppress(UnexpectedResponseError):
            for event in self._decoder.feed(data):
                self._after_done(_data_of(event))

    def _end(self) -> list[Delta]:
        failure = self._failure
        if failure is not None and not isinstance(failure, _TRANSPORT_ERRORS):
            raise failure
        self._flush()
        try:
            return self._last + self._reader.finish(done=self.done)
        except (StreamInterruptedError, UnexpectedResponseError):
            if failure is None:
                raise
        if isinstance(failure, GatewayConnectionError) and self._reader.chunks:
            raise StreamInterruptedError(
                f"The stream broke off after {self._reader.chunks} chunks. {failure.message}"
            ) from failure
        raise failure

    def _flush(self) -> None:
        """Read the last event, without its blank line, if it is complete."""
        for event in self._decoder.close():
            data = _data_of(event)
            first = data.split(b"\n")[0]
            if _is_json(data) or _is_json(first) or _is_done(first):
                self._event(event, self._last)
        if self._joiner:
            for payload in self._joiner.rest():
                self._last += self._reader.feed(payload)
        if not self._reader.chunks and self._head.strip() and not _SSE_FIELD.match(self._head):
            self.feed_body(self._head)


def _data_of(event: Event) -> bytes:
    return event.data if isinstance(event, NamedEvent) else event


def _is_ping(payload: Any, name: str) -> bool:
    """Return whether JSON is only a keep-alive: `{"type": "ping"}`, as in Anthropic's API."""
    if not isinstance(payload, dict) or payload.keys() & {"choices", "usage", "error"}:
        return False
    names = (name, payload.get("type"), payload.get("event"), payload.get("object"))
    return any(str(name).upper().encode() in _KEEP_ALIVE_PAYLOADS for name in names if name)


def _is_done(line: bytes) -> bool:
    return line.strip().strip(b'"').upper() in _DONE_VARIANTS


def _is_keep_alive(line: bytes) -> bool:
    return line.startswith(b":") or line.strip(b' "[]').upper() in _KEEP_ALIVE_PAYLOADS


def _is_json(data: bytes) -> bool:
    try:
        loads(data)
    except ValueError:
        return False
    return True
