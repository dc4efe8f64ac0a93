"""Records as JSON and CSV, for other programs; amounts are texts, so that no digit is lost."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from langchain_qwen36.callbacks.records import CallRecord, Summary, TokenCounts

SCHEMA = 1
"""Raised when a key of the JSON changes its meaning or goes; new keys may come."""

_CSV_COLUMNS = (
    "run_id",
    "parent_run_id",
    "name",
    "model",
    "gateway",
    "tier",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost",
    "currency",
    "input_cost",
    "output_cost",
    "price_source",
    "estimated",
    "ending",
    "error",
    "started",
    "ended",
    "tags",
)


def to_json(
    records: Iterable[CallRecord],
    total: Summary,
    groups: Mapping[str, Mapping[Any, Summary]],
) -> str:
    """All records and sums; `groups` maps e.g. `by_model` to the sums per model.

    What has no model, gateway or tier stands under the key `null`.
    """
    document = {
        "schema": SCHEMA,
        "total": _summary(total),
        **{name: {key: _summary(s) for key, s in group.items()} for name, group in groups.items()},
        "runs": [_record(record) for record in records],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def to_csv(records: Iterable[CallRecord]) -> str:
    """A line per call under a line of headings; an unknown value is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for record in records:
        tokens = {f"{kind}_tokens": n for kind, n in _tokens(record.tokens).items()}
        writer.writerow({**_record(record), **tokens, "tags": " ".join(record.tags)})
    return text.getvalue()


def _record(record: CallRecord) -> dict[str, Any]:
    return {
        "run_id": str(record.run_id),
        "parent_run_id": str(record.parent_run_id) if record.parents else None,
        "parents": [
            {"run_id": str(parent.run_id), "name": parent.name} for parent in record.parents
        ],
        "name": record.name,
        "tags": list(record.tags),
        "model": record.model,
        "gateway": record.gateway,
        "tier": record.tier,
        "tokens": _tokens(record.tokens),
        "cost": _digits(record.cost),
        "currency": record.currency,
        "input_cost": _digits(record.input_cost),
        "output_cost": _digits(record.output_cost),
        "price_source": record.price_source,
        "estimated": record.estimated,
        "ending": record.ending,
        "error": record.error,
        "started": record.started.isoformat(),
        "ended": record.ended.isoformat(),
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "calls": summary.calls,
        "cached_calls": summary.cached_calls,
        "failed_calls": summary.failed_calls,
        "aborted_calls": summary.aborted_calls,
        "estimated_calls": summary.estimated_calls,
        "unpriced_calls": summary.unpriced_calls,
        "priced_as_calls": summary.priced_as_calls,
        "partial": summary.partial,
        "tokens": _tokens(summary.tokens),
        "llm_cache_tokens": _tokens(summary.llm_cache_tokens),
        "costs": {currency: _digits(cost) for currency, cost in summary.costs.items()},
    }


def _tokens(tokens: TokenCounts) -> dict[str, int]:
    return {
        "input": tokens.input,
        "output": tokens.output,
        "cache_read": tokens.cache_read,
        "cache_write": tokens.cache_write,
        "reasoning": tokens.reasoning,
    }


def _digits(cost: Decimal | None) -> str | None:
    """Plain digits, without an exponent or trailing zeros."""
    return None if cost is None else format(cost.normalize(), "f")
