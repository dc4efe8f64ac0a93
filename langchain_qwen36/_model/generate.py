"""Asking for a whole answer: in one piece or streamed inside, and once more where that helps."""

from __future__ import annotations

from contextlib import aclosing, closing, contextmanager
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_core.messages.ai import add_usage

from langchain_qwen36._response import response
from langchain_qwen36._response.chunks import ChunkWriter
from langchain_qwen36._response.reader import StreamReader
from langchain_qwen36._transport import StreamCall, apost, post
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatResult

    from langchain_qwen36._model.prepare import Asked


_AMOUNTS = (
    "total",
    "list",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "cache_saved",
    "reported",
)
"""What adds up in two cost records."""

Manager = TypeVar("Manager", "CallbackManagerForLLMRun", "AsyncCallbackManagerForLLMRun")


def answer(asked: Asked, run_manager: CallbackManagerForLLMRun | None = None) -> ChatResult:
    """The whole answer.

    Handlers hear of each chunk of a stream inside, with no token of text: who counts what a
    cancelled call cost must know how far it came.

    Raises:
        QwenError: what the gateway refused, or how the way there failed.
    """
    if not asked.request.body.get("stream"):
        payload, meta = post(asked.call)
        return response.from_wire(payload, asked.request, meta)
    stream = StreamCall(asked.call, partial(StreamReader, asked.request), restart=True)
    heard, writer = heard_by(run_manager), ChunkWriter()
    with closing(iter(stream)) as deltas:
        for delta in chain.from_iterable(deltas):
            if heard is not None:
                heard.on_llm_new_token("", chunk=writer.write(delta))
    return response.result(stream.reader, stream.meta)


async def aanswer(
    asked: Asked, run_manager: AsyncCallbackManagerForLLMRun | None = None
) -> ChatResult:
    """`answer`, async."""
    if not asked.request.body.get("stream"):
        payload, meta = await apost(asked.call)
        return response.from_wire(payload, asked.request, meta)
    stream = StreamCall(asked.call, partial(StreamReader, asked.request), restart=True)
    heard, writer = heard_by(run_manager), ChunkWriter()
    async with aclosing(aiter(stream)) as batches:
        async for deltas in batches:
            if heard is not None:
                for delta in deltas:
                    await heard.on_llm_new_token("", chunk=writer.write(delta))
    return response.result(stream.reader, stream.meta)


def heard_by(run_manager: Manager | None) -> Manager | None:
    """The run's callbacks, or None where nobody listens and no chunk need be made."""
    return run_manager if run_manager is not None and run_manager.handlers else None


def show_costs(run_manager: Manager | None) -> None:
    """Let LangSmith's tracers see the bill (`callbacks.trace`).

    The handlers are loaded where there are any: they would be a tenth of the package's import.
    """
    if (heard := heard_by(run_manager)) is not None:
        from langchain_qwen36.callbacks import langsmith as trace  # noqa: PLC0415

        trace.show_costs(heard)


def is_unforced(asked: Asked, result: ChatResult) -> bool:
    """Whether a forced call went out as "auto" and no call came back (DESIGN §4.6)."""
    message = _message(result)
    called = message.tool_calls or message.invalid_tool_calls
    return asked.request.ask_again_without_thinking and not called


@contextmanager
def carried(first: ChatResult) -> Iterator[None]:
    """A first answer that is paid for is not lost where the second request fails."""
    try:
        yield
    except QwenError as error:
        if error.partial is None:
            error.partial = _message(first)
        raise


def both(first: ChatResult, second: ChatResult) -> ChatResult:
    """The second answer, billed with the first: two requests were paid."""
    earlier, message = _message(first), _message(second)
    message.usage_metadata = add_usage(earlier.usage_metadata, message.usage_metadata)
    metadata = message.response_metadata
    metadata["requests"] = [
        {key: part.get(key) for key in ("id", "request_id", "usage", "cost")}
        for part in (earlier.response_metadata, dict(metadata))
    ]
    metadata["cost"] = _sum(earlier.response_metadata.get("cost"), metadata.get("cost"))
    return second


def once_more(asked: Asked, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The call's keywords for asking again: no thinking, and the tool that answers by name."""
    quiet: dict[str, Any] = {
        "thinking_budget": None,
        "reasoning_effort": None,
        "preserve_thinking": None,
        "enable_thinking": False,
    }
    name = asked.request.answer_tool
    return {**kwargs, **quiet, **({"tool_choice": name} if name else {})}


def _message(result: ChatResult) -> AIMessage:
    """The first choice; a reader makes no other messages."""
    return cast("AIMessage", result.generations[0].message)


def _sum(first: dict[str, Any] | None, second: dict[str, Any] | None) -> dict[str, Any] | None:
    """Two requests' cost records as one; unknown where either is."""
    if not first or not second or first["currency"] != second["currency"]:
        return None
    added = {key: _added(first.get(key), second.get(key)) for key in _AMOUNTS}
    return {**second, **added, "requests": 2}


def _added(first: float | None, second: float | None) -> float | None:
    """Two amounts, added as they print: 0.1 and 0.2 make 0.3."""
    if first is None or second is None:
        return None
    return float(Decimal(str(first)) + Decimal(str(second)))
