"""Run non-streaming calls.

`run` sends one request and returns a `ChatResult`. Gateways that refuse non-streaming requests
while thinking are read through an internal stream. If a forced tool choice had to be sent as
"auto" and the model called no tool, `ChatQwen36._generate` asks a second time with thinking off.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import aclosing, closing, contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_core.messages.ai import add_usage

from langchain_qwen36._model import legacy_functions
from langchain_qwen36._response.chunks import ChunkWriter
from langchain_qwen36._response.message import chat_result, llm_output
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36._transport import StreamCall
from langchain_qwen36.errors import QwenError
from langchain_qwen36.pricing import sum_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_qwen36._model.prepare import PreparedCall
    from langchain_qwen36.spend.announced_calls import AdmittedCall


Manager = TypeVar("Manager", "CallbackManagerForLLMRun", "AsyncCallbackManagerForLLMRun")


def run(
    prepared: PreparedCall,
    run_manager: CallbackManagerForLLMRun | None = None,
    admitted: AdmittedCall | None = None,
) -> ChatResult:
    """Send a prepared request and return the complete result.

    While an internal stream is read, handlers receive every chunk with an empty token, so that a
    cost handler can estimate a cancelled call.

    Raises:
        QwenError: The gateway rejected the request, or the transport failed.
    """
    stream = StreamCall(
        prepared.api_call, partial(CompletionReader, prepared.request), admitted, restart=True
    )
    callbacks = active_callbacks(run_manager) if prepared.api_call.is_stream else None
    writer = ChunkWriter()
    with closing(iter(stream)) as batches:
        for delta in chain.from_iterable(batches):
            if callbacks is not None:
                callbacks.on_llm_new_token("", chunk=writer.write(delta))
    return _completed(chat_result(stream.reader, stream.meta), prepared)


async def arun(
    prepared: PreparedCall,
    run_manager: AsyncCallbackManagerForLLMRun | None = None,
    admitted: AdmittedCall | None = None,
) -> ChatResult:
    """Send a prepared request and return the complete result; the async twin of `run`."""
    stream = StreamCall(
        prepared.api_call, partial(CompletionReader, prepared.request), admitted, restart=True
    )
    callbacks = active_callbacks(run_manager) if prepared.api_call.is_stream else None
    writer = ChunkWriter()
    with BookIfCancelled(run_manager):
        async with aclosing(aiter(stream)) as batches:
            async for deltas in batches:
                if callbacks is not None:
                    for delta in deltas:
                        await callbacks.on_llm_new_token("", chunk=writer.write(delta))
    return _completed(chat_result(stream.reader, stream.meta), prepared)


class BookIfCancelled:
    """Record an `ainvoke` that was cancelled in this block, since core calls no handler for it.

    Args:
        run_manager: The run's callbacks.
        sent: Whether a request may have been sent, and so be billed.
    """

    def __init__(
        self, run_manager: AsyncCallbackManagerForLLMRun | None, *, sent: bool = True
    ) -> None:
        self._callbacks = active_callbacks(run_manager)
        self._sent = sent

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Record the call if its task was cancelled; the cancellation goes on."""
        if self._callbacks is None or not isinstance(error, asyncio.CancelledError):
            return
        from langchain_qwen36.callbacks.handler import book_cancelled_call  # noqa: PLC0415

        callbacks = self._callbacks
        book_cancelled_call(callbacks.handlers, callbacks.run_id, error, sent=self._sent)


def last_chunk(
    prepared: PreparedCall, writer: ChunkWriter, stream: StreamCall, span: Any = None
) -> ChatGenerationChunk:
    """Return the chunk that closes a stream: usage, metadata, and a legacy `function_call`.

    Args:
        prepared: The call.
        writer: The writer of the chunks before.
        stream: The response that was read.
        span: The result of `langfuse_span` when the call began; the cost is written on it.
    """
    chunk = writer.last(stream.reader, stream.meta)
    if span is not None:
        from langchain_qwen36.callbacks import tracers  # noqa: PLC0415 (loaded by then)

        tracers.write_on_span(span, chunk.message.response_metadata.get("cost"))
    if prepared.has_functions:
        whole = _first_message(chat_result(stream.reader, stream.meta))
        legacy_functions.add_function_call(chunk.message, whole.tool_calls)
    return chunk


def langfuse_span() -> Any | None:
    """Return the span that Langfuse's handler opened for a plain stream that begins now."""
    if "langfuse" not in sys.modules:
        return None
    from langchain_qwen36.callbacks import tracers  # noqa: PLC0415

    return tracers.langfuse_span()


def active_callbacks(run_manager: Manager | None) -> Manager | None:
    """Return the run manager if it has handlers, else None, so that no chunks are built."""
    return run_manager if run_manager is not None and run_manager.handlers else None


def expose_costs(run_manager: Manager | None) -> None:
    """Let LangSmith's tracers of the run read the cost of the message.

    The handlers are imported only if the run has any: they would be a tenth of the import.
    """
    if (callbacks := active_callbacks(run_manager)) is not None:
        from langchain_qwen36.callbacks import tracers  # noqa: PLC0415

        tracers.expose_costs(callbacks)


def tool_call_is_missing(prepared: PreparedCall, result: ChatResult) -> bool:
    """Return whether a forced tool choice was sent as "auto" and the model called no tool."""
    first = _first_message(result)
    called = first.tool_calls or first.invalid_tool_calls
    return prepared.request.retry_if_no_tool_call and not called


def billed_request(result: ChatResult) -> dict[str, Any]:
    """Return what a budget must know of a request that another one follows."""
    message = _first_message(result)
    metadata = message.response_metadata
    return {
        "usage": message.usage_metadata,
        "error": None,
        **{key: metadata.get(key) for key in ("thinking", "cost", "request_id")},
    }


@contextmanager
def attach_partial_result(first: ChatResult) -> Iterator[None]:
    """Attach the first, already billed result to an error raised by the second request."""
    try:
        yield
    except QwenError as error:
        if error.partial is None:
            error.partial = _first_message(first)
        raise


def with_combined_billing(first: ChatResult, second: ChatResult) -> ChatResult:
    """Return the second result with the usage and cost of both requests."""
    earlier, message = _first_message(first), _first_message(second)
    message.usage_metadata = add_usage(earlier.usage_metadata, message.usage_metadata)
    metadata = message.response_metadata
    metadata["requests"] = [
        {
            "usage": part.get("gateway_usage"),
            **{key: part.get(key) for key in ("id", "request_id", "thinking", "cost")},
        }
        for part in (earlier.response_metadata, dict(metadata))
    ]
    if failed := [
        attempt
        for part in (earlier.response_metadata, metadata)
        for attempt in part.get("failed_attempts") or ()
    ]:
        metadata["failed_attempts"] = failed
    metadata["cost"] = sum_records([r["cost"] for r in metadata["requests"]])
    second.llm_output = llm_output(message)
    return second


def kwargs_without_thinking(prepared: PreparedCall, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the call's keyword arguments with thinking off and the answer tool named."""
    thinking_off: dict[str, Any] = {
        "reasoning": None,
        "thinking_budget": None,
        "reasoning_effort": None,
        "preserve_thinking": None,
        "enable_thinking": False,
    }
    name = prepared.request.answer_tool
    return {**kwargs, **thinking_off, **({"tool_choice": name} if name else {})}


def combine_llm_outputs(outputs: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return one `llm_output` for several results: tokens added up, the first model's name."""
    given = [output for output in outputs if output]
    if not given:
        return {}
    if len(given) == 1:
        return {**given[0], "token_usage": dict(given[0]["token_usage"])}
    totals: Counter[str] = Counter()
    for output in given:
        totals.update(output["token_usage"])
    return {**given[0], "token_usage": dict(totals)}


def _completed(result: ChatResult, prepared: PreparedCall) -> ChatResult:
    """Add the `function_call` that callers of legacy `functions=` read."""
    if prepared.has_functions:
        message = _first_message(result)
        legacy_functions.add_function_call(message, message.tool_calls)
    return result


def _first_message(result: ChatResult) -> AIMessage:
    return cast("AIMessage", result.generations[0].message)
