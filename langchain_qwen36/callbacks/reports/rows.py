"""Build the rows of a report: calls by model, gateway and tier, and the notes below them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from langchain_qwen36.callbacks.records import CallRecord, Summary, summarize
from langchain_qwen36.pricing import Money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal


class Row(NamedTuple):
    """One line of a report."""

    model: str
    gateway: str
    tier: str
    summary: Summary
    cost: Decimal | None
    """The cost; None: unknown."""
    currency: str | None
    share: float | None
    """Share of all that was paid in this currency, 0 to 1; None if nothing was."""


def rows(records: Iterable[CallRecord]) -> list[Row]:
    """Return the rows of a report, the dearest first within a currency."""
    records = list(records)
    totals = summarize(records).costs
    groups: defaultdict[tuple[str, str, str, str | None], list[CallRecord]] = defaultdict(list)
    for record in records:
        groups[_line(record)].append(record)
    lines = [_row(key, summarize(group), totals) for key, group in groups.items()]
    return sorted(lines, key=lambda row: (row.currency or "~", -(row.cost or 0), row[:3]))


def _line(record: CallRecord) -> tuple[str, str, str, str | None]:
    cached = record.price_source == "llm_cache"
    tier = "LLM cache" if cached else record.tier or "-"
    return (record.model or "unknown", record.gateway or "unknown", tier, record.currency)


def _row(
    key: tuple[str, str, str, str | None], summary: Summary, totals: Mapping[str, Decimal]
) -> Row:
    model, gateway, tier, currency = key
    share = None
    if currency and totals.get(currency):
        share = float(summary.costs[currency] / totals[currency])
    return Row(model, gateway, tier, summary, summary.cost, currency, share)


def money(cost: Decimal | None, currency: str | None) -> str:
    """Return `0.0123 USD` to the last digit, `0`, or `unknown`."""
    if cost is None:
        return "unknown"
    return str(Money(cost, currency)) if currency else "0"


def sums(summary: Summary) -> str:
    """Return the sum of each currency, as one text."""
    if not summary.costs:
        return "unknown cost" if summary.partial else "0"
    return " + ".join(money(cost, currency) for currency, cost in summary.costs.items())


def notes(summary: Summary) -> list[str]:
    """List what the sums do not show: what is missing, estimated, or was not paid."""
    counts = [
        (summary.unpriced_calls, "without a known price: the cost is partial"),
        (summary.priced_as_calls, "at the prices that `price_as` names, not their own"),
        (summary.estimated_calls, "estimated, for the answer was cut"),
        (summary.aborted_calls, "aborted"),
        (summary.failed_calls, "failed"),
        (summary.cached_calls, "answered by the LLM cache, at no cost"),
    ]
    return [
        f"{count} {'call' if count == 1 else 'calls'} {what}" for count, what in counts if count
    ]


def one_line(summary: Summary) -> str:
    """Return the text of `print(handler)`."""
    tokens, calls = summary.tokens, summary.calls
    line = (
        f"{sums(summary)} for {calls} {'call' if calls == 1 else 'calls'} "
        f"({tokens.input:,} tokens in, {tokens.output:,} out)"
    )
    return "; ".join([line, *notes(summary)])
