"""Build `ChatResult`, `AIMessage` and their metadata from what the reader collected."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from langchain_qwen36._content.messages import PROVIDER
from langchain_qwen36._logging import logger_for
from langchain_qwen36._response import usage
from langchain_qwen36._response.delta import TransportInfo
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36.pricing import price_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages.ai import UsageMetadata

    from langchain_qwen36._request.types import Request
    from langchain_qwen36._response.choice import Choice

logger = logger_for(__name__)


def read_completion(payload: dict[str, Any], request: Request, meta: TransportInfo) -> ChatResult:
    """Read a response with one JSON body by the same reader as a stream.

    Raises:
        UnexpectedResponseError: The payload holds no choices.
    """
    reader = CompletionReader(request)
    reader.feed(payload)
    reader.finish(done=True)
    return chat_result(reader, meta)


def chat_result(reader: CompletionReader, meta: TransportInfo) -> ChatResult:
    """Return the result of a finished reader: one generation per choice.

    LangChain's older interfaces read `llm_output`.
    """
    generations = []
    counted = usage.from_wire(reader.raw_usage)
    for _, choice in sorted(reader.choices.items()):
        metadata = response_metadata(reader, choice, meta, counted)
        info = {name: metadata[name] for name in ("finish_reason", "logprobs") if name in metadata}
        generations.append(
            ChatGeneration(message=ai_message(choice, metadata, counted), generation_info=info)
        )
    first = cast("AIMessage", generations[0].message)
    return ChatResult(generations=generations, llm_output=llm_output(first))


def llm_output(message: AIMessage) -> dict[str, Any]:
    """Return usage under OpenAI's names, and the model's name; unknown usage is empty."""
    counted = message.usage_metadata
    tokens = (
        {
            "prompt_tokens": counted["input_tokens"],
            "completion_tokens": counted["output_tokens"],
            "total_tokens": counted["total_tokens"],
        }
        if counted
        else {}
    )
    return {"token_usage": tokens, "model_name": message.response_metadata.get("model_name")}


def partial_message(reader: CompletionReader) -> AIMessage | None:
    """Return the message so far, for an error to carry; None before anything came.

    An incomplete tool call is among its invalid ones.
    """
    if not reader.choices:
        return None
    reader.promote_lowest_choice()
    counted = usage.from_wire(reader.raw_usage)
    metadata = response_metadata(reader, reader.first, TransportInfo(), counted)
    return ai_message(reader.first, metadata, counted, interrupted=True)


def ai_message(
    choice: Choice,
    metadata: Mapping[str, Any],
    counted: UsageMetadata | None,
    *,
    interrupted: bool = False,
) -> AIMessage:
    """Return one choice as a message.

    `content` is a string and the reasoning is in `additional_kwargs["reasoning_content"]`; the id
    stays None, so that LangChain sets the run's. Usage is on the first choice only, or sums over
    generations would count it twice. With `interrupted` a call without arguments is invalid.
    """
    kwargs = additional_kwargs(choice)
    if reasoning := choice.full_reasoning():
        kwargs["reasoning_content"] = reasoning
    blocks = [call.block for call in choice.finished_calls(interrupted=interrupted)]
    return AIMessage(
        content=choice.full_text(),
        name=choice.name,
        additional_kwargs=kwargs,
        response_metadata=dict(metadata),
        tool_calls=[block for block in blocks if block["type"] == "tool_call"],
        invalid_tool_calls=[block for block in blocks if block["type"] == "invalid_tool_call"],
        usage_metadata=counted if choice.index == 0 else None,
    )


def response_metadata(
    reader: CompletionReader, choice: Choice, meta: TransportInfo, counted: UsageMetadata | None
) -> dict[str, Any]:
    """Return the whole response_metadata of one choice, for the message or for the last chunk.

    See docs/quirks.md#metadata-that-is-added-up.

    `model_name` is the model as the server names it, `requested_model` the requested one, which is
    priced. The server's own facts (`provider`, `generationId`, `meta`, `provider_metadata`,
    `timings`, …) keep their names; ours win over them.
    """
    request = reader.request
    facts = {**reader.metadata, **choice.metadata}
    reason = finish_reason(choice, done=reader.done)
    metadata = {
        **facts,
        "model_name": facts.pop("model", None) or request.requested_model,
        "requested_model": request.requested_model,
        "model_provider": PROVIDER,
        "gateway": request.gateway.name,
        "finish_reason": reason,
        "normalized_finish_reason": _normalized(choice, reason),
        "native_finish_reason": choice.native_finish or choice.raw_finish,
        "request_id": meta.request_id or facts.get("request_id"),
        "attempts": meta.attempts if meta.attempts > 1 else None,
        "failed_attempts": list(meta.failed_attempts) or None,
        "headers": dict(meta.headers) if request.include_headers else None,
        "batch": request.batch or None,  # decides the price, also if the message is priced again
        "thinking": request.thinking,  # decides the rate of the output, also if priced again
        # Not `usage`: Langfuse would take that for a count in Anthropic's form.
        "gateway_usage": dict(reader.raw_usage) if reader.raw_usage else None,
        "notes": _notes(reader, choice) or None,
        "empty_answer": _empty_answer(choice) or None,
        "logprobs": choice.logprobs or None,
        "model": None,
    }
    if reader.done:
        _warn(choice, request, metadata)
    metadata["cost"] = price_call(counted, metadata, request.offer, discount=request.price_discount)
    return {name: value for name, value in metadata.items() if value is not None}


def additional_kwargs(choice: Choice) -> dict[str, Any]:
    """Return further fields of the message: `reasoning_details`, annotations, a refusal.

    See docs/quirks.md#reasoning-details.
    """
    kwargs = choice.extras | {name: item.whole() for name, item in choice.partial_objects.items()}
    if items := choice.reasoning.details.items:
        kwargs["reasoning_details"] = items
    return kwargs


def alternatives(reader: CompletionReader) -> dict[str, Any]:
    """Return the choices that were not streamed, under `alternatives`; {} without any."""
    others = [
        {
            "index": index,
            "content": choice.full_text(),
            "reasoning_content": choice.full_reasoning() or None,
            "tool_calls": [call.block for call in choice.finished_calls()],
            "finish_reason": finish_reason(choice, done=reader.done),
            "logprobs": choice.logprobs or None,
        }
        for index, choice in sorted(reader.choices.items())
        if index
    ]
    return {"alternatives": others} if others else {}


def finish_reason(choice: Choice, *, done: bool) -> str | None:
    """Return the finish reason that agrees with the content; None if nothing ended the answer.

    See docs/quirks.md#finish-reasons-that-disagree.

    "stop" becomes "tool_calls" if there are calls, and the other way round. A proper end without
    any reason is derived from the content; `notes` say so.
    """
    reason = choice.reason or ("stop" if done else None)
    if reason in ("stop", "tool_calls"):
        return "tool_calls" if choice.calls else "stop"
    return reason


FINISH_FIELDS = ("finish_reason", "normalized_finish_reason")
"""Keys that langchain-core 1.8.4 reads in `response_metadata` and in a `message-finish` event.

A third key, `finish_state`, tells whether Anthropic's servers wait for more; no Qwen server has
such a state: docs/quirks.md#finish-reasons-that-disagree.
"""
_NORMALIZED = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_call",
    "content_filter": "content_filter",
    "error": "error",
}


def _normalized(choice: Choice, reason: str | None) -> str | None:
    """Return the finish reason in langchain-core's words; None if nothing ended the answer."""
    if choice.extras.get("refusal"):
        return "refusal"
    return _NORMALIZED.get(reason, "other") if reason else None


def _notes(reader: CompletionReader, choice: Choice) -> dict[str, str]:
    notes = dict(reader.request.notes)
    if choice.recovered:
        notes["tool_calls"] = "recovered from the text of the answer"
    if choice.reasoning_is_answer:
        notes["reasoning"] = (
            "Thinking was off, yet the server sent the whole answer as reasoning: it is the text. "
            "Check the server's reasoning parser."
        )
    if reader.done and choice.raw_finish is None:
        notes["finish_reason"] = "inferred: the server sent none"
    return notes


def _warn(choice: Choice, request: Request, metadata: Mapping[str, Any]) -> None:
    """Log what a user pays for without wanting it."""
    if metadata["empty_answer"]:
        logger.warning(_advice_for_an_empty_answer(choice), metadata["finish_reason"])
    # `transformers serve` streams the line breaks between the template's empty tags as thoughts.
    if request.thinking is False and any(piece.strip() for piece in choice.reasoning.pieces):
        _warn_of_thoughts(request.gateway.name, request.requested_model)


def _advice_for_an_empty_answer(choice: Choice) -> str:
    if not choice.truncated and "<tool_call>" in choice.full_reasoning():
        return (
            "The model wrote a tool call inside its reasoning, and nothing else (finish_reason "
            "%r): no tokens were missing. Try again, or pass `enable_thinking=False`; vLLM needs "
            "`--reasoning-parser` and `--tool-call-parser` that fit the model."
        )
    return (
        "The answer was all thinking (finish_reason %r): raise `max_tokens`, set "
        "`thinking_budget`, or pass `enable_thinking=False`."
    )


@cache
def _warn_of_thoughts(gateway: str, model: str) -> None:
    """Warn once for each model of a gateway, since it will happen each time.

    See docs/quirks.md#reasoning-effort.
    """
    logger.warning(
        "%s at %s thinks although thinking is switched off; its thoughts are billed.",
        model,
        gateway,
    )


def _empty_answer(choice: Choice) -> bool:
    """Return whether all is reasoning (docs/quirks.md#answers-that-are-all-thinking)."""
    return bool(choice.reasoning.pieces) and not choice.calls and not choice.full_text().strip()
