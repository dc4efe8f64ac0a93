"""Price the requests of a call before its last one, each of which a gateway may bill."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_qwen36.callbacks.records import BilledAttempt, CallRecord, TokenCounts
from langchain_qwen36.callbacks.response_summary import usable_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from langchain_qwen36.callbacks.pricer import Pricer
    from langchain_qwen36.errors import QwenError


def attempts_of(error: QwenError) -> dict[str, Any]:
    """Return an error's attempts, under the keys of `response_metadata`."""
    facts = {
        "attempts": error.attempts,
        "request_id": error.request_id,
        "failed_attempts": error.failed_attempts,
    }
    return {key: value for key, value in facts.items() if value}


def bill_attempt(
    attempt: Mapping[str, Any],
    pricer: Pricer,
    model: str | None,
    gateway: str | None,
    count_prompt: Callable[[], int],
) -> BilledAttempt:
    """Price an attempt.

    Args:
        attempt: The known facts of the attempt: `usage` or `output_tokens`, `error`, `request_id`,
            `cost` …
        pricer: The prices.
        model: The requested model.
        gateway: The gateway's name.
        count_prompt: Counts the prompt, if no usage of the attempt came.
    """
    usage = usable_usage(attempt.get("usage"))
    counted = usage or {
        "input_tokens": count_prompt(),
        "output_tokens": attempt.get("output_tokens") or 0,
    }
    metadata = {key: attempt.get(key) for key in ("thinking", "cost")}
    priced = pricer.price(counted, metadata, (model,), gateway)
    return BilledAttempt(
        tokens=token_counts(counted),
        cost=priced.amount,
        currency=priced.money.currency if priced.money else None,
        input_cost=priced.input,
        output_cost=priced.output,
        list_cost=priced.listed,
        estimated=usage is None or attempt.get("error") is not None,
        error=attempt.get("error"),
        request_id=attempt.get("request_id"),
    )


def list_attempt(record: CallRecord, attempt: BilledAttempt) -> CallRecord:
    """Add an attempt to the record's list, without changing its sums, which include it already."""
    return replace(record, billed_attempts=(*record.billed_attempts, attempt))


def add_attempt(record: CallRecord, attempt: BilledAttempt) -> CallRecord:
    """Add an attempt to the record of its call; without a known price, its tokens alone."""
    added = replace(
        record,
        estimated=record.estimated or attempt.estimated,
        tokens=record.tokens + attempt.tokens,
        billed_attempts=(*record.billed_attempts, attempt),
    )
    if record.cost is None or not attempt.cost or record.currency not in (None, attempt.currency):
        return added
    is_first = record.currency is None  # the last attempt was not billed
    return replace(
        added,
        currency=attempt.currency,
        cost=record.cost + attempt.cost,
        input_cost=attempt.input_cost if is_first else _sum(record.input_cost, attempt.input_cost),
        output_cost=attempt.output_cost
        if is_first
        else _sum(record.output_cost, attempt.output_cost),
        list_cost=attempt.list_cost if is_first else _sum(record.list_cost, attempt.list_cost),
    )


def token_counts(usage: Mapping[str, Any]) -> TokenCounts:
    """Convert LangChain's `UsageMetadata` to token counts."""
    ins = usage.get("input_token_details") or {}
    outs = usage.get("output_token_details") or {}
    return TokenCounts(
        input=usage.get("input_tokens") or 0,
        output=usage.get("output_tokens") or 0,
        cache_read=ins.get("cache_read") or 0,
        cache_write=ins.get("cache_creation") or 0,
        reasoning=outs.get("reasoning") or 0,
    )


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other
