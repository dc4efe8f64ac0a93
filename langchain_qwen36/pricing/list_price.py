"""Compute the list price of a call: usage times offer, exactly.

One request pays one tier, and all its tokens pay that tier's rates: `Price.tier_for` in
`catalog/price.py` chooses it by the total input tokens, cached ones included. Tokens are split into
disjoint kinds first: plain input, cache hits, cache writes, output, which includes the reasoning.
Fees of server tools such as web search are not included: `plugin_calls_of` names the calls of them
that were counted, and `reported_cost` holds what a gateway says that it charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, get_args

from langchain_qwen36.catalog.price import Medium
from langchain_qwen36.pricing.money import Money, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from langchain_qwen36.catalog import Offer, Price, Rate, Tier

_MILLION = Decimal(1_000_000)
_MEDIA = get_args(Medium)
_NO_MEDIA: frozenset[str] = frozenset()


class UsageError(ValueError):
    """An impossible usage: a negative count, or more cached tokens than input tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledTokens:
    """The tokens of one call in disjoint kinds."""

    input: int
    """Input neither read from a cache nor written to one."""
    cache_read: int
    """Input read from a cache."""
    cache_write: int
    """Input written to a cache."""
    output: int
    """The whole answer, including its reasoning."""
    reasoning: int | None
    """The part of the output that is reasoning; None: the gateway did not say."""
    media: frozenset[str] = frozenset()
    """The media of which some tokens are, in input or answer: `audio`, `image`, `video`."""

    @classmethod
    def of(cls, usage: Mapping[str, Any]) -> BilledTokens:
        """Split LangChain's `UsageMetadata`; a missing or null count is 0.

        Reasoning above the output is reduced to the output: some gateways send that
        (docs/quirks.md#reasoning-tokens-and-output-tokens).

        Raises:
            UsageError: A count is negative or no whole number, or more input tokens came from or
                went to a cache than there were.
        """
        ins = usage.get("input_token_details") or {}
        outs = usage.get("output_token_details") or {}
        total, output = _count(usage, "input_tokens"), _count(usage, "output_tokens")
        read, write = _count(ins, "cache_read"), _count(ins, "cache_creation")
        if read + write > total:
            raise UsageError(
                f"cache_read ({read}) and cache_creation ({write}) "
                f"cannot exceed input_tokens ({total})"
            )
        reasoning = None if outs.get("reasoning") is None else _count(outs, "reasoning")
        return cls(
            input=total - read - write,
            cache_read=read,
            cache_write=write,
            output=output,
            reasoning=None if reasoning is None else min(reasoning, output),
            media=_media_in(ins, outs) if ins or outs else _NO_MEDIA,
        )

    @property
    def total(self) -> int:
        """Tokens of input and output."""
        return self.total_input + self.output

    @property
    def total_input(self) -> int:
        """All tokens of the input; they decide the tier."""
        return self.input + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The list price of one call, with the rates that make it up."""

    gateway: str
    """Name of the gateway's row to which the price list belongs."""
    model: str
    """The bare Qwen id."""
    tokens: BilledTokens
    """The tokens that were billed."""
    price: Price
    """The price that was valid on the day."""
    tier: Tier
    """The tier of the whole request."""
    rates: Mapping[Rate, Decimal]
    """The rate of each kind of token that occurred, per 1M, before discount and batch factor."""
    input: Decimal
    """Cost of input that was not cached."""
    cache_read: Decimal
    """Cost of input read from a cache."""
    cache_write: Decimal
    """Cost of input written to a cache."""
    output: Decimal
    """Cost of the answer, including its reasoning."""
    discount: Decimal | None
    """The share of the list price that was paid, such as 0.85; None: all of it."""
    batch: bool
    """Whether the call was priced as a batch call."""

    @property
    def total(self) -> Decimal:
        """The sum of the four parts."""
        return self.input + self.cache_read + self.cache_write + self.output

    @property
    def currency(self) -> str:
        """Currency of all amounts."""
        return self.price.currency

    @property
    def money(self) -> Money:
        """The total with its currency."""
        return Money(self.total, self.price.currency)

    @property
    def cache_saved(self) -> Decimal:
        """Savings from prompt caching at list price; negative if the cache was only written."""
        through = self.tokens.cache_read + self.tokens.cache_write
        if not through:
            return Decimal(0)
        share = _rate_factor(self.price, self.discount, batch=self.batch)
        plain = _amount(through, self.tier.input * share, self.price.unit)
        return plain - self.cache_read - self.cache_write

    @property
    def derived(self) -> bool:
        """Whether a rate that was used is calculated or assumed, not printed."""
        return not self.tier.derived.isdisjoint(self.rates)


def cost(
    usage: Mapping[str, Any] | BilledTokens,
    offer: Offer | None,
    *,
    at: date | None = None,
    discount: Decimal | float | str | None = None,
    batch: bool = False,
    thinking: bool | None = None,
    cache_type: str | None = None,
) -> Cost | None:
    """Return the list price of one call, or None if it is not known; never 0 for an unknown price.

    Args:
        usage: LangChain's `UsageMetadata`, or its tokens as `BilledTokens`.
        offer: The model as the gateway serves it; None gives None.
        at: The day of the call, or its moment as a `datetime`; now when left out.
        discount: The share of the list price that your account pays, e.g. `"0.85"` for 15 % off.
        batch: Whether the call was made in batch mode; the result is None if no batch price is
            known.
        thinking: Whether the call thought; used only if the usage does not say and the model has a
            rate for it; the gateway's default when left out. A call that was to think but did not
            pays the plain rate.
        cache_type: The result of `cache_type_of`: `"ephemeral"` means that the hits were in
            explicitly cached blocks, which are cheaper. It is not needed for a call that wrote such
            a block.

    Raises:
        UsageError: The usage is impossible.
        ValueError: The discount is not above 0 and at most 1.
    """
    tokens = usage if isinstance(usage, BilledTokens) else BilledTokens.of(usage)
    factor = _discount(discount)
    if (
        offer is None
        or (price := offer.price_at(at or datetime.now(UTC))) is None
        or (tier := price.tier_for(tokens.total_input)) is None
        or (batch and price.batch is None)
        or not price.not_priced.isdisjoint(tokens.media)
    ):
        return None
    kinds = _billing_lines(
        tokens, batch=batch, explicit=cache_type == "ephemeral", offer=offer, thinking=thinking
    )
    share = _rate_factor(price, factor, batch=batch)
    parts = {
        part: _amount(count, getattr(tier, rate) * share, price.unit)
        for part, (rate, count) in kinds.items()
    }
    return Cost(
        gateway=offer.gateway,
        model=offer.model.id,
        tokens=tokens,
        price=price,
        tier=tier,
        rates={rate: getattr(tier, rate) for rate, count in kinds.values() if count},
        discount=factor,
        batch=batch,
        **parts,
    )


def cache_type_of(usage: Any) -> str | None:
    """Return the type of the cache hits in a raw usage object of any shape; None: not given."""
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    cache_type = details.get("cache_type") if isinstance(details, dict) else None
    return cache_type if isinstance(cache_type, str) else None


def media_of(usage: Any) -> frozenset[str]:
    """Return the media of which a raw usage object of any shape counts tokens.

    `UsageMetadata` leaves them out where they overlap with cached ones.
    """
    keys = ("prompt_tokens_details", "completion_tokens_details")
    details = [usage.get(key) for key in keys] if isinstance(usage, dict) else []
    counts = [each for each in details if isinstance(each, dict)]
    return frozenset(k for k in _MEDIA if any(each.get(f"{k}_tokens") for each in counts))


def plugin_calls_of(usage: Any) -> dict[str, int] | None:
    """Return how often the server used each tool of its own, from a raw usage object.

    It is None if not given. The form is `{"plugins": {"search": {"count": 2}}}` (Model Studio: code
    interpreter).
    """
    plugins = usage.get("plugins") if isinstance(usage, dict) else None
    counted = {
        name: plugin["count"]
        for name, plugin in (plugins.items() if isinstance(plugins, dict) else ())
        if isinstance(plugin, dict) and type(plugin.get("count")) is int and plugin["count"] > 0
    }
    return counted or None


def _billing_lines(
    tokens: BilledTokens, *, batch: bool, explicit: bool, offer: Offer, thinking: bool | None
) -> dict[str, tuple[Rate, int]]:
    """Return the rate and the tokens of each part of the cost."""
    hit: Rate = "cache_read_explicit" if explicit or tokens.cache_write else "cache_read"
    if batch:  # The factors do not combine: docs/quirks.md#one-price-tier-for-a-whole-request
        hit = "input"
    if tokens.reasoning is not None:
        thinking = tokens.reasoning > 0
    elif thinking is None:
        thinking = offer.thinking in {"on", "always"}
    return {
        "input": ("input", tokens.input),
        "cache_read": (hit, tokens.cache_read),
        "cache_write": ("cache_write", tokens.cache_write),
        "output": ("thinking_output" if thinking else "output", tokens.output),
    }


def _rate_factor(price: Price, discount: Decimal | None, *, batch: bool) -> Decimal:
    """Return discount times batch factor."""
    return (discount or Decimal(1)) * ((price.batch if batch else None) or Decimal(1))


def _amount(tokens: int, rate: Decimal, unit: Decimal | None) -> Decimal:
    amount = tokens * rate / _MILLION
    if unit is None:
        return amount
    return (amount / unit).to_integral_value(rounding=ROUND_CEILING) * unit


def _media_in(ins: Mapping[str, Any], outs: Mapping[str, Any]) -> frozenset[str]:
    found = [kind for kind in _MEDIA if ins.get(kind) or outs.get(kind)]
    return frozenset(found) if found else _NO_MEDIA


def _count(table: Mapping[str, Any], key: str) -> int:
    value = table.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"{key} ({value!r}) is no count of tokens")
    return value


def _discount(value: Decimal | float | str | None) -> Decimal | None:
    if value is None:
        return None
    factor = parse_decimal(value)
    if factor is None or not 0 < factor <= 1:
        raise ValueError(
            f"discount={value!r} must be what you pay of the list, above 0 and at most 1: "
            '"0.85" for 15 % off'
        )
    return factor
