"""Write deltas as events of LangChain's v3 protocol, without building chunks.

See docs/quirks.md#native-v3-events. Reasoning ends before the answer starts:
docs/quirks.md#order-of-blocks-in-v3-streams. Tool calls stay open to the end: their arguments may
interleave, and only the end tells whether a call can be run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._content.messages import PROVIDER
from langchain_qwen36._response import usage
from langchain_qwen36._response.citations import with_citations
from langchain_qwen36._response.message import (
    FINISH_FIELDS,
    additional_kwargs,
    alternatives,
    response_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._request.types import Request
    from langchain_qwen36._response.delta import Delta, TransportInfo
    from langchain_qwen36._response.reader import CompletionReader

Event = dict[str, Any]

_NOTHING: Mapping[str, Any] = {}


class EventWriter:
    """Writes one stream as protocol events, dicts ready to be yielded."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._started = False
        self._blocks = 0
        self._open: str | None = None
        self._pieces: list[str] = []
        self._piece_type = ""
        self._index = 0
        """Index of the open block."""
        self._calls: dict[int, int] = {}

    def write(self, delta: Delta) -> list[Event]:
        """Return the events of one delta; the first call also starts the message."""
        kind = delta.kind
        if kind == self._open:
            # Nearly every delta ends here: what the events have in common is ready.
            self._pieces.append(delta.text)
            piece = {"type": self._piece_type, kind: delta.text}
            return [{"event": "content-block-delta", "index": self._index, "delta": piece}]
        events = [] if self._started else [self._message_start()]
        match kind:
            case "text" | "reasoning":
                self._open_prose(kind, events)
                events += self.write(delta)
            case "tool_call":
                self._tool_call(delta, events)
            case "logprobs":
                pass  # the protocol has no such event; they come with message-finish
            case _:
                assert_never(kind)
        return events

    def finish(self, reader: CompletionReader, meta: TransportInfo) -> list[Event]:
        """Return the events that close the open blocks and the message.

        The caller closes the HTTP response before it yields the last one
        (docs/quirks.md#native-v3-events).
        """
        events = [] if self._started else [self._message_start()]
        kwargs = additional_kwargs(reader.first)
        self._close(events, kwargs)
        if refusal := kwargs.get("refusal"):
            block = {"type": "refusal", "refusal": refusal}
            events += [_start(self._blocks, block), _finish(self._blocks, block)]
            self._blocks += 1
        events += [
            _finish(self._calls[call.number], dict(call.block))
            for call in reader.first.finished_calls()
        ]
        if thoughts := reader.first.full_reasoning():
            kwargs["reasoning_content"] = thoughts
        counted = usage.from_wire(reader.raw_usage)
        metadata = response_metadata(reader, reader.first, meta, counted) | alternatives(reader)
        end: Event = {
            "event": "message-finish",
            "metadata": metadata,
            "additional_kwargs": kwargs,
            **{name: metadata[name] for name in FINISH_FIELDS if name in metadata},
        }
        if counted:
            end["usage"] = counted
        return [*events, end]

    def _message_start(self) -> Event:
        self._started = True
        return {
            "event": "message-start",
            "role": "ai",
            # Empty, so that LangChain sets the run's id (docs/quirks.md#message-ids-in-streams).
            "id": "",
            "metadata": {"provider": PROVIDER, "model": self._request.requested_model},
        }

    def _open_prose(self, kind: str, events: list[Event]) -> None:
        """Start a block of text or reasoning."""
        self._close(events)
        self._open = kind
        self._piece_type = f"{kind}-delta"
        self._index = self._blocks
        events.append(_start(self._index, {"type": kind, kind: ""}))
        self._blocks += 1

    def _tool_call(self, delta: Delta, events: list[Event]) -> None:
        index = self._calls.get(delta.tool_call_index)
        if index is None:
            self._close(events)
            index = self._calls[delta.tool_call_index] = self._blocks
            self._blocks += 1
            block = {"type": "tool_call_chunk", "id": delta.id, "name": delta.name, "args": ""}
            events.append(_start(index, {**block, "index": delta.tool_call_index}))
        if delta.text:
            events.append(
                {
                    "event": "content-block-delta",
                    "index": index,
                    "delta": {"type": "tool-call-delta", "args": delta.text},
                }
            )

    def _close(self, events: list[Event], kwargs: Mapping[str, Any] = _NOTHING) -> None:
        """Finish the open block of text or reasoning; at the end, a text with its sources."""
        if self._open is not None:
            block: dict[str, Any] = {"type": self._open, self._open: "".join(self._pieces)}
            if self._open == "text":
                block = with_citations(block, kwargs)
            events.append(_finish(self._index, block))
            self._open = None
            self._pieces = []


def _start(index: int, block: dict[str, Any]) -> Event:
    return {"event": "content-block-start", "index": index, "content": block}


def _finish(index: int, block: dict[str, Any]) -> Event:
    return {"event": "content-block-finish", "index": index, "content": block}
