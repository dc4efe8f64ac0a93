"""Estimate the size and the price of a run before anything is sent: `--dry-run`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from langchain_qwen36 import pricing, tokens
from langchain_qwen36.bulk.batch.comparison import compare
from langchain_qwen36.bulk.check import check
from langchain_qwen36.bulk.journal import Journal
from langchain_qwen36.bulk.task import ModelTask
from langchain_qwen36.callbacks.holds import FIRST_ANSWER
from langchain_qwen36.callbacks.pricer import is_self_hosted
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.errors import JournalError
from langchain_qwen36.pricing import Money
from langchain_qwen36.pricing.money import sum_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from langchain_qwen36._model.cost_estimate import CostEstimate
    from langchain_qwen36.bulk.job import Job
    from langchain_qwen36.catalog import Offer

_SAMPLE = 1000
"""Number of rows whose tokens are counted, spread evenly over the input."""
_SHOWN = 3
_LEAST_CACHED = 1024
"""Tokens of the shortest prefix that a prompt cache keeps: docs/prompt-caching.md."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """The size and the price of a run; unknown values are None."""

    rows: int
    bad_rows: int
    problems: list[str]
    """Texts of the first problems, with their lines."""
    done: int
    """Rows that have an answer in the journal."""
    input_tokens: int
    """Input tokens of all rows, extrapolated from a sample."""
    output_tokens: int
    """Output tokens of all rows, by the answers in the journal, else `max_tokens`, else 500 a
    row."""
    tiers: dict[str, int] = field(default_factory=dict)
    """Number of rows by price tier."""
    live: Money | None = None
    """List price of live calls, with nothing cached."""
    is_free: bool = False
    """Whether the calls go to a server of the user's own."""
    batch: Money | None = None
    """List price as a batch job; None: the gateway does not sell this model in batches."""
    shared_prefix: float = 0.0
    """Share of the input that is a prefix of all rows of the sample."""
    break_even: float | None = None
    """Share of the input that a cache must serve for live calls to be cheaper than a batch."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the first requests, as they would be sent."""

    @property
    def is_live_cheaper(self) -> bool:
        """Whether a cache may make live calls cheaper than a batch."""
        return self.break_even is not None and self.shared_prefix > self.break_even


def plan(job: Job, *, expected_output: int | None = None) -> Plan:
    """Estimate what a run would send and cost; nothing is sent and nothing is written.

    Args:
        job: The run.
        expected_output: Output tokens of a row; estimated when left out.

    Raises:
        BulkInputError: The input cannot be read at all.
    """
    checked = check(job.source, job.prompt)
    every = max(1, checked.rows // _SAMPLE)
    requests = list(islice(_requests(job), 0, None, every))
    done, usual = _history(job)
    task = job.task
    sizes: list[CostEstimate] = []
    if isinstance(task, ModelTask):
        sizes = [task.estimate(request) for request in requests]
    longest = next((size.output_tokens for size in sizes), None)
    output = expected_output or usual or longest or FIRST_ANSWER
    planned = Plan(
        rows=checked.rows,
        bad_rows=checked.bad,
        problems=checked.problems,
        done=done,
        input_tokens=0,
        output_tokens=output * (checked.rows - checked.bad),
        requests=[task.body(request) for request in requests[:_SHOWN]],
    )
    if isinstance(task, ModelTask) and requests:
        _price(planned, task, requests, [size.input_tokens for size in sizes], output)
    return planned


def _requests(job: Job) -> Iterator[Any]:
    for row in job.source:
        if row.problem is None and job.prompt.problem_of(row.fields) is None:
            yield job.prompt.fill(row.fields)


def _history(job: Job) -> tuple[int, int | None]:
    """Return the number of answers in the journal, and their mean length in tokens."""
    try:
        with Journal(job.state, read_only=True) as journal:
            done = journal.counts().get("done", 0)
            total = journal.totals().usage["output_tokens"]
    except JournalError:
        return 0, None
    return done, (total // done or None) if done else None


def _price(
    planned: Plan, task: ModelTask, requests: list[Any], sizes: list[int], output: int
) -> None:
    model = task.model
    rows = planned.rows - planned.bad_rows
    planned.input_tokens = sum(sizes) * rows // len(sizes)
    planned.shared_prefix = _shared_prefix(requests, sum(sizes) / len(sizes))
    gateway = model._endpoint.gateway  # noqa: SLF001
    book = model.price_book or PriceBook.bundled()
    offer = book.offer(gateway.price_list or gateway.name, task.model_name)
    if (live := _cost(task, offer, sizes, output, batch=False)) is None:
        planned.is_free = is_self_hosted(gateway.name)
        return
    scale = Decimal(rows) / len(sizes)
    planned.tiers = {
        label: round(count * scale) for label, count in Counter(c.tier.label for c in live).items()
    }
    planned.live = _sum(live, scale)
    if (batched := _cost(task, offer, sizes, output, batch=True)) is not None:
        planned.batch = _sum(batched, scale)
        usage = {"input_tokens": sum(sizes) // len(sizes), "output_tokens": output}
        rate = compare(usage, offer, thinking=task.will_think()).break_even_hit_rate
        planned.break_even = None if rate is None or rate >= 1 else float(rate)


def _cost(
    task: ModelTask, offer: Offer | None, sizes: list[int], output: int, *, batch: bool
) -> list[pricing.Cost] | None:
    thinking = task.will_think()
    costs = [
        pricing.cost(
            {"input_tokens": size, "output_tokens": output},
            offer,
            discount=task.model.price_discount,
            batch=batch,
            thinking=thinking,
        )
        for size in sizes
    ]
    known = [cost for cost in costs if cost is not None]
    return known if len(known) == len(sizes) else None


def _sum(costs: Iterable[pricing.Cost], scale: Decimal) -> Money:
    total = sum_of(cost.money for cost in costs)
    return Money(round(total.amount * scale, 6), total.currency)


def _shared_prefix(requests: list[Any], mean: float) -> float:
    """Return the share of the input that is a prefix of all requests, if a cache would keep it."""
    if len(requests) < 2:  # noqa: PLR2004
        return 0.0
    shared = tokens.count_text(_common_start([_text(request) for request in requests]))
    return min(shared / mean, 1.0) if shared >= _LEAST_CACHED else 0.0


def _common_start(texts: list[str]) -> str:
    """Return the common prefix of all texts: that of the first and the last in sorted order."""
    first, last = min(texts), max(texts)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[:length]


def _text(request: Any) -> str:
    if isinstance(request, str):
        return request
    return "\0".join(str(message.text) for message in request)
