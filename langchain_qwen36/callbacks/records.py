"""The record of one call, and the summary of many: plain values."""

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
"""How a call ended; `abandoned`: nobody read it to its end, or no event reported its end
(docs/quirks.md#cancelled-calls)."""

PriceSource = Literal[
    "reported",  # the gateway reported what it charged
    "list",  # usage x our price list
    "price_as",  # usage x the list that `price_as=` names, for no list of its own has it
    "user",  # your `price_of=`
    "llm_cache",  # answered by LangChain's cache: docs/quirks.md#answers-from-langchains-cache
    "not_billed",  # on a server of your own, or docs/quirks.md#what-a-failed-call-costs
    "unknown",  # no price is known: docs/quirks.md#unknown-prices
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """Tokens of one or many calls; cache and reasoning counts are parts of input and output."""

    input: int = 0
    """All that went in, cached or not."""
    output: int = 0
    """All that came out, thoughts included."""
    cache_read: int = 0
    """Of the input: read from a cache."""
    cache_write: int = 0
    """Of the input: written to a cache."""
    reasoning: int = 0
    """Of the output: thoughts; 0 where the gateway does not count them."""

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
        """Input and output."""
        return self.input + self.output


class Parent(NamedTuple):
    """A run that a call was made in: a chain, an agent, a node, a tool."""

    run_id: UUID
    """LangChain's id of the run."""
    name: str | None
    """None where its start was not seen: it began before the handler was there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledAttempt:
    """A request of a call before its last one that the gateway may bill."""

    tokens: TokenCounts
    """What went in and came out of it."""
    cost: Decimal | None
    """None: no price is known, so the call's cost does not hold it."""
    currency: str | None
    """None where the price is unknown or nothing was charged."""
    input_cost: Decimal | None = None
    """The part of `cost` for all input."""
    output_cost: Decimal | None = None
    """The rest of it."""
    estimated: bool = True
    """Its tokens were counted by us."""
    error: str | None = None
    """Class of the exception that ended it; None: it was answered."""
    request_id: str | None = None
    """The gateway's id of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call of a chat model. What is not known is None."""

    run_id: UUID
    """LangChain's id of the call."""
    parents: tuple[Parent, ...]
    """The runs it was made in, outermost first."""
    name: str | None
    """The run's name, as traces show it."""
    tags: tuple[str, ...]
    """The run's tags, inherited ones too."""
    model: str | None
    """The catalogue's id where the name is known, else the name as it was given."""
    gateway: str | None
    """Name of the gateway's row."""
    tier: str | None
    """Label of the price tier of the whole call, e.g. `≤256K`."""
    tokens: TokenCounts
    """What went in and came out."""
    cost: Decimal | None
    """What the call cost, in `currency`; None: no price is known (never 0)."""
    currency: str | None
    """None where the price is unknown or nothing was charged."""
    input_cost: Decimal | None
    """The part of `cost` for all input, cached or not; None where only the total is known."""
    output_cost: Decimal | None
    """The rest of it."""
    price_source: PriceSource
    """Where `cost` is from."""
    estimated: bool
    """TokenCounts were counted by us, or the usage seen before the cut may not be the last."""
    ending: Ending
    """How the call ended."""
    error: str | None
    """Class of the exception that ended it."""
    started: datetime
    """In UTC."""
    ended: datetime
    """In UTC."""
    request_id: str | None = None
    """The gateway's id of the request, as its invoice and its support name it."""
    response_id: str | None = None
    """The id of the completion."""
    response_model: str | None = None
    """The model as the gateway names it in the response."""
    attempts: int = 1
    """Requests that were sent for the call; all that may be billed are in `cost`."""
    billed_attempts: tuple[BilledAttempt, ...] = ()
    """The requests before the last one that may be billed; parts of `cost` and `tokens`."""
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Numbers and short texts of the run's metadata: `user_id`, `thread_id`, …"""
    tool: str | None = None
    """The tool in which the call was made."""

    @property
    def parent_run_id(self) -> UUID | None:
        """The run directly above."""
        return self.parents[-1].run_id if self.parents else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a set of calls comes to."""

    calls: int
    """Calls that went to a gateway; hits of LangChain's cache are counted apart."""
    cached_calls: int
    """Answered by LangChain's cache: no cost, and their tokens only in `llm_cache_tokens`."""
    failed_calls: int
    """Ended in an error."""
    aborted_calls: int
    """Cancelled or abandoned."""
    estimated_calls: int
    """Whose tokens were counted by us, at least in part."""
    unpriced_calls: int
    """Calls without a known price: `costs` does not hold them."""
    priced_as_calls: int
    """Calls whose cost is by the list that `price_as=` names."""
    tokens: TokenCounts
    """Of the calls that went to a gateway."""
    llm_cache_tokens: TokenCounts
    """Of the calls that LangChain's cache answered."""
    costs: Mapping[str, Decimal]
    """Sum per currency; currencies are never added."""

    def __add__(self, other: Summary) -> Summary:
        """Both sets of calls together."""
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
        """The sum where there is one currency, as a Decimal; None: no call's price is known.

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
        unpriced_calls=sum(record.cost is None for record in paid),
        priced_as_calls=sum(record.price_source == "price_as" for record in paid),
        tokens=sum((record.tokens for record in paid), TokenCounts()),
        llm_cache_tokens=sum((record.tokens for record in cached), TokenCounts()),
        costs=_costs(paid),
    )


def _costs(records: Iterable[CallRecord]) -> dict[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for record in records:
        if record.cost is not None and record.currency is not None:
            sums[record.currency] += record.cost
    return dict(sorted(sums.items()))
