"""LangChain's floor: a model that has its answer ready, so that all that is left is LangChain."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_METADATA = {"model_provider": "floor"}


class FloorModel(BaseChatModel):
    """Answers with `deltas` that it was given.

    A chunk is built from its ready-made delta, for LangChain writes into each chunk and an object
    can be handed out only once; events are dicts that are handed out as they are.
    """

    _deltas: list[dict[str, Any]] = PrivateAttr(default_factory=list)
    _events: list[dict[str, Any]] = PrivateAttr(default_factory=list)
    _waiting_for: int = PrivateAttr(default=0)
    _all_came: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    @property
    def _llm_type(self) -> str:
        return "floor"

    def will_answer(self, deltas: list[dict[str, Any]]) -> None:
        """Have this answer ready: each delta is what `AIMessageChunk` takes."""
        self._deltas = deltas
        self._events = [
            {"event": "message-start", "role": "ai", "id": "", "metadata": {}},
            *_block_events(deltas),
            {"event": "message-finish", "metadata": {}, "additional_kwargs": {}},
        ]

    def will_wait(self, calls: int) -> None:
        """Answer no `ainvoke` before so many are waiting, as calls over a network wait."""
        self._waiting_for = calls
        self._all_came = asyncio.Event()

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        text = "".join(each["content"] for each in self._deltas)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        self._waiting_for -= 1
        if self._waiting_for > 0:
            await self._all_came.wait()
        self._all_came.set()
        return self._generate()

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for delta in self._deltas:
            yield ChatGenerationChunk(
                message=AIMessageChunk(**delta, response_metadata=dict(_METADATA))
            )
        yield ChatGenerationChunk(message=AIMessageChunk(content="", chunk_position="last"))

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream():
            yield chunk

    def _stream_chat_model_events(self, *_: Any, **__: Any) -> Iterator[dict[str, Any]]:
        yield from self._events

    async def _astream_chat_model_events(self, *_: Any, **__: Any) -> AsyncIterator[dict[str, Any]]:
        for event in self._events:
            yield event


def _block_events(deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the one block of the answer: a text, or a tool call."""
    calls = [each["tool_call_chunks"][0] for each in deltas if "tool_call_chunks" in each]
    if calls:
        pieces = [call["args"] for call in calls]
        named = {"id": calls[0]["id"], "name": calls[0]["name"]}
        begun = {"type": "tool_call_chunk", **named, "args": "", "index": 0}
        said = [{"type": "tool-call-delta", "args": piece} for piece in pieces]
        whole = {"type": "tool_call", **named, "args": json.loads("".join(pieces))}
    else:
        texts = [each["content"] for each in deltas]
        begun = {"type": "text", "text": ""}
        said = [{"type": "text-delta", "text": text} for text in texts]
        whole = {"type": "text", "text": "".join(texts)}
    return [
        {"event": "content-block-start", "index": 0, "content": begun},
        *[{"event": "content-block-delta", "index": 0, "delta": each} for each in said],
        {"event": "content-block-finish", "index": 0, "content": whole},
    ]
