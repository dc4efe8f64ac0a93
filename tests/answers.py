"""Answers as servers send them, and one answer read in every style LangChain knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from langchain_qwen36._request.types import Request
from langchain_qwen36._response import content_blocks as blocks
from langchain_qwen36._response.chunks import ChunkWriter
from langchain_qwen36._response.delta import TransportInfo
from langchain_qwen36._response.message import chat_result
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._response.v3_events import EventWriter
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGenerationChunk

blocks.register()

WEATHER = {"get_weather": {"type": "object", "properties": {"city": {"type": "string"}}}}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def request(**changes: Any) -> Request:
    """Return a request as the answer's reader sees it; `gateway` by name."""
    gateway = GATEWAYS[changes.pop("gateway", "dashscope")]
    said: dict[str, Any] = {
        "body": {},
        "model": None,
        "requested_model": "qwen3.6-plus",
        "thinking": True,
        "tools": {},
        "notes": {},
    }
    return Request(gateway=gateway, **(said | changes))


def chunk(delta: Mapping[str, Any] | None = None, finish: str | None = None, **top: Any) -> dict:
    """One payload of a stream."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "created": 1, "model": "qwen3.6-plus", "choices": [choice]} | top


def text_chunks(pieces: Iterable[str], finish: str = "stop") -> list[dict]:
    """Return a stream whose answer comes in these pieces."""
    return [*(chunk({"content": piece}) for piece in pieces), chunk(finish=finish)]


def tool_delta(args: Any = "", **said: Any) -> dict:
    """One entry of a delta's `tool_calls`; `name` goes into its function."""
    function = {"arguments": args}
    if "name" in said:
        function["name"] = said.pop("name")
    return {"type": "function", **said, "function": function}


def call_chunks(*entries: dict, finish: str = "tool_calls") -> list[dict]:
    """Return a stream with one tool delta a chunk."""
    return [*(chunk({"tool_calls": [entry]}) for entry in entries), chunk(finish=finish)]


def completion(message: Mapping[str, Any], finish: str | None = "stop", **top: Any) -> dict:
    """Return a one-shot answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "created": 1, "model": "qwen3.6-plus", "choices": [choice]} | top


class Read(NamedTuple):
    """One answer, read in three styles."""

    invoke: AIMessage
    merged: AIMessage
    v3: AIMessage
    chunks: list[ChatGenerationChunk]
    events: list[dict]


def read(
    payloads: Iterable[dict],
    said: Request | None = None,
    *,
    done: bool = True,
    meta: TransportInfo | None = None,
) -> Read:
    """Feed the payloads to one reader and write what comes in all styles."""
    said = said or request()
    meta = meta or TransportInfo()
    reader, chunk_writer, event_writer = CompletionReader(said), ChunkWriter(), EventWriter(said)
    chunks: list[ChatGenerationChunk] = []
    events: list[dict] = []
    for payload in payloads:
        for delta in reader.feed(payload):
            chunks.append(chunk_writer.write(delta))
            events += event_writer.write(delta)
    for delta in reader.finish(done=done):
        chunks.append(chunk_writer.write(delta))
        events += event_writer.write(delta)
    chunks.append(chunk_writer.last(reader, meta))
    events += event_writer.finish(reader, meta)
    assert_valid_event_stream(events)
    stream = ChatModelStream()
    for event in events:
        stream.dispatch(event)
    merged = merge_chat_generation_chunks(chunks)
    assert merged is not None
    assert stream.output_message is not None
    invoke = chat_result(reader, meta).generations[0].message
    return Read(invoke, merged.message, stream.output_message, chunks, events)


def gist(message: AIMessage) -> dict[str, Any]:
    """Return what must be the same in every style; ids of calls only by being there."""
    thoughts = message.additional_kwargs.get("reasoning_content", "")
    shown = [b for b in message.content if isinstance(b, dict) and b["type"] == "reasoning"]
    if shown:
        assert "".join(b["reasoning"] for b in shown) == thoughts
    return {
        "text": str(message.text),
        "thoughts": thoughts,
        "calls": [(c["name"], c["args"]) for c in message.tool_calls],
        "invalid": [(c["name"], c["args"]) for c in message.invalid_tool_calls],
        "usage": message.usage_metadata,
        "finish": message.response_metadata["finish_reason"],
        "details": message.additional_kwargs.get("reasoning_details"),
    }


def agreed(payloads: Iterable[dict], said: Request | None = None, *, done: bool = True) -> dict:
    """Return what all three styles say of a stream; fails where they differ."""
    answer = read(payloads, said, done=done)
    invoke = gist(answer.invoke)
    assert invoke == gist(answer.merged)
    assert invoke == gist(answer.v3)
    ids = [c["id"] for m in answer[:3] for c in (*m.tool_calls, *m.invalid_tool_calls)]
    assert all(ids)
    assert len(set(ids)) * 3 == len(ids)
    return invoke


def recording(file: Path) -> tuple[list[dict], bool]:
    """Return the payloads of a recorded body, and whether it ended properly."""
    body = file.read_text("utf-8", "replace")
    if file.suffix == ".json":
        return [json.loads(body)], True
    lines = [line.removeprefix("data:").strip() for line in body.split("\n") if line[:5] == "data:"]
    return [json.loads(line) for line in lines if line != "[DONE]"], "[DONE]" in lines
