"""The record of one call, and the summary of several: plain values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

Ending = Literal["ok", "error", "cancelled", "abandoned"]
"""How a call ended; `abandoned`: it was not read to its end, or no event reported its end
(docs/quirks.md#cancelled-calls)."""

PriceSource = Literal[
    "reported",  # the gateway reported what it charged
    "list",  # usage x our price list
    "price_as",  # usage x the list that `price_as=` names, since no list of its own exists
    "user",  # your `price_of=`
    "llm_cache",  # answered by LangChain's cache: docs/quirks.md#answers-from-langchains-cache
    "not_billed",  # on a server of your own, or docs/quirks.md#what-a-failed-call-costs
    "unknown",  # no price is known: docs/quirks.md#unknown-prices
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """Tokens of one or many calls; cache and reasoning counts are parts of input and output."""

    input: int = 0
    """All input, cached or not."""
    output: int = 0
    """All output, including the reasoning."""
    cache_read: int = 0
    """Part of the input that was read from a cache."""
    cache_write: int = 0
    """Part of the input that was written to a cache."""
    reasoning: int = 0
    """Part of the output that is reasoning; 0 if the gateway does not count it."""

    def __add__(self, other: TokenCounts) -> TokenCounts:
        return TokenCounts(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            reasoning=self.reasoning + other.reasoning,
        )

    def __sub__(self, other: TokenCounts) -> TokenCounts:
        return TokenCounts(
            input=self.input - other.input,
            output=self.output - other.output,
            cache_read=self.cache_read - other.cache_read,
            cache_write=self.cache_write - other.cache_write,
            reasoning=self.reasoning - other.reasoning,
        )

    @property
    def total(self) -> int:
        """The sum of input and output."""
        return self.input + self.output


class Parent(NamedTuple):
    """A run in which a call was made: a chain, an agent, a node, a tool."""

    run_id: UUID
    """LangChain's id of the run."""
    name: str | None
    """The run's name; None if it began before the handler was there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledAttempt:
    """A request of a call before its last one that the gateway may bill."""

    tokens: TokenCounts
    """The tokens of the request."""
    cost: Decimal | None
    """The cost; None: no price is known, so the call's cost does not include it."""
    currency: str | None
    """The currency; None if the price is unknown or nothing was charged."""
    input_cost: Decimal | None = None
    """The part of `cost` for all input."""
    output_cost: Decimal | None = None
    """The part of `cost` for the output."""
    list_cost: Decimal | None = None
    """What the price list says, which a gateway's own report may differ from."""
    estimated: bool = True
    """Whether the tokens are our own count."""
    error: str | None = None
    """Class of the exception that ended the request; None: it was answered."""
    request_id: str | None = None
    """The gateway's id of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call of a chat model; unknown values are None."""

    run_id: UUID
    """LangChain's id of the call."""
    parents: tuple[Parent, ...]
    """The runs in which the call was made, outermost first."""
    name: str | None
    """The run's name, as traces show it."""
    tags: tuple[str, ...]
    """The run's tags, including inherited ones."""
    model: str | None
    """The catalogue's id if the name is known, else the name as given."""
    gateway: str | None
    """Name of the gateway's row."""
    tier: str | None
    """Label of the price tier of the whole call, e.g. `≤256K`."""
    tokens: TokenCounts
    """The tokens of the call."""
    cost: Decimal | None
    """The cost of the call, in `currency`; None: no price is known (never 0)."""
    currency: str | None
    """The currency; None if the price is unknown or nothing was charged."""
    input_cost: Decimal | None
    """The part of `cost` for all input, cached or not; None if only the total is known."""
    output_cost: Decimal | None
    """The part of `cost` for the output."""
    price_source: PriceSource
    """The source of `cost`."""
    estimated: bool
    """Whether the tokens are our own count, or the last usage before a cut, which may be
    incomplete."""
    ending: Ending
    """How the call ended."""
    error: str | None
    """Class of the exception that ended it."""
    started: datetime
    """Start of the call in UTC."""
    ended: datetime
    """End of the call in UTC."""
    request_id: str | None = None
    """The gateway's id of the request, for its invoice and its support."""
    response_id: str | None = None
    """The id of the completion."""
    response_model: str | None = None
    """The model as the gateway names it in the response."""
    list_cost: Decimal | None = None
    """What the price list says, in `currency`; it is `cost`, unless the gateway reported another
    amount. None: no list has the call."""
    attempts: int = 1
    """Requests that were sent for the call; `cost` includes all that may be billed."""
    billed_attempts: tuple[BilledAttempt, ...] = ()
    """Requests before the last one that may be billed; `cost` and `tokens` include them."""
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Numbers and short texts of the run's metadata: `user_id`, `thread_id`, …"""
    tool: str | None = None
    """The tool in which the call was made."""

    @property
    def parent_run_id(self) -> UUID | None:
        """The id of the run directly above."""
        return self.parents[-1].run_id if self.parents else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The sums of a set of calls."""

    calls: int
    """Calls that went to a gateway; hits of LangChain's cache are counted separately."""
    cached_calls: int
    """Calls answered by LangChain's cache: no cost, and their tokens only in `llm_cache_tokens`."""
    failed_calls: int
    """Calls that ended in an error."""
    aborted_calls: int
    """Calls that were cancelled or abandoned."""
    estimated_calls: int
    """Calls whose tokens are, at least in part, our own count."""
    unpriced_calls: int
    """Calls without a known price, of all or some of their requests: `costs` lacks these."""
    priced_as_calls: int
    """Calls whose cost is by the list that `price_as=` names."""
    tokens: TokenCounts
    """Tokens of the calls that went to a gateway."""
    llm_cache_tokens: TokenCounts
    """Tokens of the calls that LangChain's cache answered."""
    costs: Mapping[str, Decimal]
    """Sum of each currency; currencies are never added."""

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of both sets of calls together."""
        sums = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name != "costs"
        }
        names = sorted({*self.costs, *other.costs})
        none = Decimal(0)
        costs = {name: self.costs.get(name, none) + other.costs.get(name, none) for name in names}
        return Summary(**sums, costs=costs)

    @property
    def partial(self) -> bool:
        """Whether the cost of some calls is missing from the sums."""
        return self.unpriced_calls > 0

    @property
    def cost(self) -> Decimal | None:
        """The sum if there is one currency, as a Decimal; None: no call's price is known.

        Raises:
            ValueError: Calls were paid in several currencies; `costs` has a sum for each.
        """
        if len(self.costs) > 1:
            raise ValueError(
                f"Calls were paid in {' and '.join(self.costs)}, which are never added: "
                "read `.costs`, a sum per currency."
            )
        if self.costs:
            return next(iter(self.costs.values()))
        return None if self.partial else Decimal(0)


def summarize(records: Iterable[CallRecord]) -> Summary:
    """Add up records; `Summary.costs` is sorted by currency."""
    records = list(records)
    paid = [record for record in records if record.price_source != "llm_cache"]
    cached = [record for record in records if record.price_source == "llm_cache"]
    return Summary(
        calls=len(paid),
        cached_calls=len(cached),
        failed_calls=sum(record.ending == "error" for record in paid),
        aborted_calls=sum(record.ending in ("cancelled", "abandoned") for record in paid),
        estimated_calls=sum(record.estimated for record in paid),
        unpriced_calls=sum(_lacks_cost(record) for record in paid),
        priced_as_calls=sum(record.price_source == "price_as" for record in paid),
        tokens=sum((record.tokens for record in paid), TokenCounts()),
        llm_cache_tokens=sum((record.tokens for record in cached), TokenCounts()),
        costs=_costs(paid),
    )


def _lacks_cost(record: CallRecord) -> bool:
    attempts = record.billed_attempts
    return record.cost is None or any(attempt.cost is None for attempt in attempts)


def _costs(records: Iterable[CallRecord]) -> dict[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for record in records:
        if record.cost is not None and record.currency is not None:
            sums[record.currency] += record.cost
    return dict(sorted(sums.items()))
