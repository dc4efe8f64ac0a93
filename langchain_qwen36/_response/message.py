"""What is said of an answer beside its content: response_metadata and additional_kwargs."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.messages import PROVIDER
from langchain_qwen36.pricing import price_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages.ai import UsageMetadata

    from langchain_qwen36._request.types import Request
    from langchain_qwen36._response.choice import Choice
    from langchain_qwen36._response.delta import TransportInfo
    from langchain_qwen36._response.reader import StreamReader

logger = logging.getLogger(__name__)


def response_metadata(
    reader: StreamReader, choice: Choice, meta: TransportInfo, counted: UsageMetadata | None
) -> dict[str, Any]:
    """The whole response_metadata of one choice, for the message or for the last chunk (T25).

    `model_name` is the served model as the server names it, `requested_model` the one that was
    asked for and is priced (P44). The server's own facts (`provider`, `generationId`, `meta`,
    `provider_metadata`, `timings`, …) stand under their own names; ours win over them.
    """
    request = reader.request
    facts = {**reader.facts, **choice.facts}
    metadata = {
        **facts,
        "model_name": facts.pop("model", None) or request.requested_model,
        "requested_model": request.requested_model,
        "model_provider": PROVIDER,
        "gateway": request.gateway.name,
        "finish_reason": finish_reason(choice, done=reader.done),
        "native_finish_reason": choice.native_finish or choice.raw_finish,
        "request_id": meta.request_id or facts.get("request_id"),
        "attempts": meta.attempts if meta.attempts > 1 else None,
        "headers": dict(meta.headers) if request.include_headers else None,
        "thinking": request.thinking,  # decides the rate of the output, also when priced again
        "usage": dict(reader.raw_usage) if reader.raw_usage else None,
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
    """What else came with the message: `reasoning_details` whole (P26), annotations, a refusal."""
    kwargs = choice.extras | {name: item.whole() for name, item in choice.objects.items()}
    if items := choice.details.items:
        kwargs["reasoning_details"] = items
    return kwargs


def alternatives(reader: StreamReader) -> dict[str, Any]:
    """The choices beside the streamed one, whole, under `alternatives`; {} if there are none."""
    others = [
        {
            "index": index,
            "content": choice.full_text(),
            "reasoning_content": choice.full_thoughts() or None,
            "tool_calls": [call.block for call in choice.settled_calls()],
            "finish_reason": finish_reason(choice, done=reader.done),
            "logprobs": choice.logprobs or None,
        }
        for index, choice in sorted(reader.choices.items())
        if index
    ]
    return {"alternatives": others} if others else {}


def finish_reason(choice: Choice, *, done: bool) -> str | None:
    """The finish reason that agrees with what came (P62); None while nothing ended the answer.

    Calls make a "stop" a "tool_calls" and the other way round. A proper end without any reason
    is read from the content; `notes` say so.
    """
    reason = choice.reason or ("stop" if done else None)
    if reason in ("stop", "tool_calls"):
        return "tool_calls" if choice.calls else "stop"
    return reason


def _notes(reader: StreamReader, choice: Choice) -> dict[str, str]:
    notes = dict(reader.request.notes)
    if choice.recovered:
        notes["tool_calls"] = "recovered from the text of the answer"
    if reader.done and choice.raw_finish is None:
        notes["finish_reason"] = "inferred: the server sent none"
    return notes


def _warn(choice: Choice, request: Request, metadata: Mapping[str, Any]) -> None:
    """Log what a user pays for without wanting it."""
    if metadata["empty_answer"]:
        logger.warning(
            "The answer was all thinking (finish_reason %r): raise `max_tokens`, set "
            "`thinking_budget`, or pass `enable_thinking=False`.",
            metadata["finish_reason"],
        )
    if request.thinking is False and choice.thoughts:
        _warn_of_thoughts(request.gateway.name, request.requested_model)


@cache
def _warn_of_thoughts(gateway: str, model: str) -> None:
    """Once for each model of a gateway, for it will do so each time (P58)."""
    logger.warning(
        "%s at %s thinks although thinking is switched off; its thoughts are billed.",
        model,
        gateway,
    )


def _empty_answer(choice: Choice) -> bool:
    """Whether all that came was thinking (P36)."""
    return bool(choice.thoughts) and not choice.calls and not choice.full_text().strip()
