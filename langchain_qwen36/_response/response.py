"""A finished answer as LangChain's `ChatResult`, from one payload or from a stream's reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.outputs import ChatGeneration, ChatResult

from langchain_qwen36._response import usage
from langchain_qwen36._response.answer import message
from langchain_qwen36._response.message import response_metadata
from langchain_qwen36._response.reader import StreamReader

if TYPE_CHECKING:
    from langchain_qwen36._request.types import Request
    from langchain_qwen36._response.delta import TransportInfo


def from_wire(payload: dict[str, Any], request: Request, meta: TransportInfo) -> ChatResult:
    """Read a one-shot answer with the same code as a stream.

    Raises:
        UnexpectedResponseError: The payload holds no choices.
    """
    reader = StreamReader(request)
    reader.feed(payload)
    reader.finish(done=True)
    return result(reader, meta)


def result(reader: StreamReader, meta: TransportInfo) -> ChatResult:
    """The answer of a reader that has finished: one generation per choice."""
    generations = []
    counted = usage.from_wire(reader.raw_usage)
    for _, choice in sorted(reader.choices.items()):
        metadata = response_metadata(reader, choice, meta, counted)
        info = {name: metadata[name] for name in ("finish_reason", "logprobs") if name in metadata}
        generations.append(
            ChatGeneration(message=message(choice, metadata, counted), generation_info=info)
        )
    return ChatResult(generations=generations)
