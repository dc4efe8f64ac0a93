"""Implement LangChain's hooks of `ChatQwen36`: prepare, admit and send requests, convert answers.

Each async hook follows its sync twin. The hooks take the keywords of the call as one mapping.
"""

from __future__ import annotations

from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import run_in_executor

from langchain_qwen36._model.connection import (
    async_api_key,
    ensure_engine_running,
    sync_api_key,
)
from langchain_qwen36._model.generate import (
    BookIfCancelled,
    active_callbacks,
    arun,
    attach_partial_result,
    billed_request,
    expose_costs,
    kwargs_without_thinking,
    langfuse_span,
    last_chunk,
    run,
    tool_call_is_missing,
    with_combined_billing,
)
from langchain_qwen36._model.prepare import prepare_call
from langchain_qwen36._response.chunks import ChunkWriter
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._response.v3_events import EventWriter
from langchain_qwen36._transport import StreamCall
from langchain_qwen36.spend import announced_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_qwen36._model.base import BaseChatQwen
    from langchain_qwen36._model.prepare import PreparedCall
    from langchain_qwen36._response.delta import Delta


def generate(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    kwargs: dict[str, Any],
) -> ChatResult:
    """Implement `_generate`: send one request, or two if a forced tool call is missing."""
    expose_costs(run_manager)
    prepared = _prepare(model, messages, stop, kwargs, stream=False)
    admitted = announced_calls.admit(run_manager and run_manager.run_id)
    result = run(prepared, run_manager, admitted)
    if tool_call_is_missing(prepared, result):
        again = _prepare(
            model, messages, stop, kwargs_without_thinking(prepared, kwargs), stream=False
        )
        with attach_partial_result(result):
            if admitted is not None:
                admitted.next_request(billed_request(result))
            second = run(again, run_manager, admitted)
        return with_combined_billing(result, second)
    return result


async def agenerate(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    kwargs: dict[str, Any],
) -> ChatResult:
    """Implement `_agenerate`."""
    expose_costs(run_manager)
    with BookIfCancelled(run_manager, sent=False):
        prepared = await _aprepare(model, messages, stop, kwargs, stream=False)
        admitted = await announced_calls.aadmit(run_manager and run_manager.run_id)
    result = await arun(prepared, run_manager, admitted)
    if tool_call_is_missing(prepared, result):
        again = await _aprepare(
            model, messages, stop, kwargs_without_thinking(prepared, kwargs), stream=False
        )
        with attach_partial_result(result):
            if admitted is not None:
                await admitted.anext_request(billed_request(result))
            second = await arun(again, run_manager, admitted)
        return with_combined_billing(result, second)
    return result


def stream(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    kwargs: dict[str, Any],
) -> Iterator[ChatGenerationChunk]:
    """Implement `_stream`: yield a chunk for each delta, and one that closes the stream."""
    span = langfuse_span()
    prepared, call = _begin_stream(model, messages, stop, run_manager, kwargs)
    writer = ChunkWriter()
    with closing(iter(call)) as batches:
        for deltas in batches:
            for delta in deltas:
                chunk = writer.write(delta)
                if run_manager is not None:
                    run_manager.on_llm_new_token(_token(delta), chunk=chunk)
                yield chunk
    yield last_chunk(prepared, writer, call, span)


async def astream(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    kwargs: dict[str, Any],
) -> AsyncIterator[ChatGenerationChunk]:
    """Implement `_astream`."""
    prepared, call = await _abegin_stream(model, messages, stop, run_manager, kwargs)
    writer = ChunkWriter()
    async with aclosing(aiter(call)) as batches:
        async for deltas in batches:
            for delta in deltas:
                chunk = writer.write(delta)
                if run_manager is not None:
                    await run_manager.on_llm_new_token(_token(delta), chunk=chunk)
                yield chunk
    yield last_chunk(prepared, writer, call)


def stream_events(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    kwargs: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Implement `_stream_chat_model_events`: yield v3 events, without building chunks first."""
    expose_costs(run_manager)
    prepared, call = _begin_stream(model, messages, stop, run_manager, kwargs)
    writer, chunks = EventWriter(prepared.request), ChunkWriter()
    callbacks = active_callbacks(run_manager)
    with closing(iter(call)) as batches:
        for deltas in batches:
            for delta in deltas:
                if callbacks is not None:
                    callbacks.on_llm_new_token(_token(delta), chunk=chunks.write(delta))
                yield from writer.write(delta)
    yield from writer.finish(call.reader, call.meta)


async def astream_events(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    kwargs: dict[str, Any],
) -> AsyncIterator[dict[str, Any]]:
    """Implement `_astream_chat_model_events`."""
    expose_costs(run_manager)
    prepared, call = await _abegin_stream(model, messages, stop, run_manager, kwargs)
    writer, chunks = EventWriter(prepared.request), ChunkWriter()
    callbacks = active_callbacks(run_manager)
    async with aclosing(aiter(call)) as batches:
        async for deltas in batches:
            for delta in deltas:
                if callbacks is not None:
                    await callbacks.on_llm_new_token(_token(delta), chunk=chunks.write(delta))
                for event in writer.write(delta):
                    yield event
    for event in writer.finish(call.reader, call.meta):
        yield event


def _begin_stream(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: CallbackManagerForLLMRun | None,
    kwargs: Mapping[str, Any],
) -> tuple[PreparedCall, StreamCall]:
    """Prepare and admit a streamed call; iterating over it sends the request."""
    prepared = _prepare(model, messages, stop, kwargs, stream=True)
    admitted = announced_calls.admit(run_manager and run_manager.run_id)
    new_reader = partial(CompletionReader, prepared.request)
    return prepared, StreamCall(prepared.api_call, new_reader, admitted)


async def _abegin_stream(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    run_manager: AsyncCallbackManagerForLLMRun | None,
    kwargs: Mapping[str, Any],
) -> tuple[PreparedCall, StreamCall]:
    """`_begin_stream`, async."""
    prepared = await _aprepare(model, messages, stop, kwargs, stream=True)
    admitted = await announced_calls.aadmit(run_manager and run_manager.run_id)
    new_reader = partial(CompletionReader, prepared.request)
    return prepared, StreamCall(prepared.api_call, new_reader, admitted)


def _prepare(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    kwargs: Mapping[str, Any],
    *,
    stream: bool,
) -> PreparedCall:
    endpoint = ensure_engine_running(model._endpoint)  # noqa: SLF001, a part of the model
    key = sync_api_key(model, endpoint)
    return prepare_call(model, endpoint, key, messages, stop=stop, kwargs=kwargs, stream=stream)


async def _aprepare(
    model: BaseChatQwen,
    messages: list[BaseMessage],
    stop: list[str] | None,
    kwargs: Mapping[str, Any],
    *,
    stream: bool,
) -> PreparedCall:
    endpoint = model._endpoint  # noqa: SLF001
    if endpoint.gateway.embedded:
        endpoint = await run_in_executor(None, ensure_engine_running, endpoint)
    key = await async_api_key(model, endpoint)
    return prepare_call(model, endpoint, key, messages, stop=stop, kwargs=kwargs, stream=stream)


def _token(delta: Delta) -> str:
    return delta.text if delta.kind == "text" else ""
