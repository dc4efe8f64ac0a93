"""What the catalogue holds: models, and offers of them at a gateway with dated prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal  # noqa: TC003 (pydantic resolves the annotations when a file is read)
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

ThinkingDefault = Literal["on", "off", "always", "never"]
"""Default thinking mode of a model; "always" and "never" cannot be switched."""

Modality = Literal["text", "image", "video", "audio"]
"""Kinds of input a model takes."""

Rate = Literal[
    "input",
    "output",
    "thinking_output",
    "cache_read",
    "cache_read_explicit",
    "cache_write",
]
"""The kinds of token that a tier prices."""


# Field types of the TOML files. Strict, for TOML has types: "1" is no number and 1 is no flag.
def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a text")
    return text


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


Text = Annotated[str, Field(strict=True), AfterValidator(_not_blank)]
Texts = tuple[Text, ...]
Tokens = Annotated[int, Field(strict=True, gt=0)]
Flag = Annotated[bool, Field(strict=True)]
Day = Annotated[date, Field(strict=True)]


class CatalogError(ValueError):
    """A catalogue file that cannot be used; the message names the file, the row and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a model is, at any gateway. None: no source says. Sizes are in tokens."""

    id: Text
    """The bare Qwen id, the same at every gateway."""
    kind: Literal["chat", "embedding", "rerank"] = "chat"
    """What it is asked for."""
    aliases: Annotated[Texts, AfterValidator(_lower)] = ()
    """Other spellings of the same model, in lower case."""
    family: Text | None = None
    """The series it belongs to, such as `qwen3.6`; docs/models.md lists them."""
    context_window: Tokens | None = None
    """Input, reasoning and answer together."""
    max_input_tokens: Tokens | None = None
    """The longest input without thinking."""
    max_input_tokens_thinking: Tokens | None = None
    """The longest input while thinking, where it differs."""
    max_output_tokens: Tokens | None = None
    """The longest answer; at Model Studio, reasoning comes on top."""
    max_thinking_tokens: Tokens | None = None
    """The ceiling of `thinking_budget`; a higher one is refused."""
    thinking: ThinkingDefault
    """Its default thinking mode."""
    reasoning_efforts: Texts | None = None
    """The values of `reasoning_effort` that its maker's API takes; None: it takes none."""
    inputs: tuple[Modality, ...]
    """What may go in."""
    dimensions: Annotated[tuple[Tokens, ...], Field(min_length=1)] | None = None
    """Of an embedding: the sizes of a vector that may be asked for, the default first."""
    max_dimensions: Tokens | None = None
    """Of open weights: any size up to it, where the server can cut."""
    max_inputs: Tokens | None = None
    """How many texts or documents one request takes at its maker's API."""
    tool_calling: Flag | None = None
    """Whether it calls tools."""
    json_schema: Flag | None = None
    """True where a source confirms `response_format` json_schema."""
    preserve_thinking: Flag | None = None
    """Whether the server can keep the reasoning of earlier turns."""
    max_completion_tokens: Flag | None = None
    """Whether the parameter that caps thinking and answer together is supported."""
    code_interpreter: Flag | None = None
    """Whether Model Studio's Chat Completions takes `enable_code_interpreter`."""
    tool_stream: Flag | None = None
    """Whether Model Studio's servers take `tool_stream`."""
    logprobs: Flag | None = None
    """Whether Model Studio's servers return log probabilities."""
    translation: Flag | None = None
    """Whether it only translates: one user message, and `translation_options`."""
    cumulative_stream: Flag | None = None
    """Whether each chunk of a stream repeats the text from its beginning."""
    open_weights: Flag
    """Whether anyone may serve it."""
    released: Day | None = None
    """The day it came out."""
    retired: Day | None = None
    """The day its maker took it off its API; old bills are still priced."""
    successor: Text | None = None
    """The id of the model that replaces a retired one."""
    source: Text
    """Where this is from."""
    checked: Day
    """The day the source was last seen to say so."""

    def is_retired(self, day: date) -> bool:
        """Return whether its maker has taken it off its API by a day."""
        return self.retired is not None and self.retired <= day


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The rates of one step of the input's length, per 1M tokens, in the price's currency.

    A rate that no list prints is filled in when the file is read and named in `derived`.
    """

    over: int
    """The tier begins above this many input tokens."""
    up_to: int | None
    """The last input size it covers; None: no bound."""
    input: Decimal
    """Input that no cache had."""
    output: Decimal
    """An answer without reasoning."""
    thinking_output: Decimal
    """What an answer costs that came with reasoning; mostly the same as `output`."""
    cache_read: Decimal
    """A hit of the implicit cache."""
    cache_read_explicit: Decimal
    """A hit of a block marked with `cache_control`."""
    cache_write: Decimal
    """Creating a block marked with `cache_control`."""
    derived: frozenset[Rate] = frozenset()
    """Rates that are worked out or assumed, not printed."""

    @property
    def label(self) -> str:
        """`flat`, `≤256K`, `>256K`, or 256K and 1M with a dash between."""
        if self.up_to is None:
            return f">{_short(self.over)}" if self.over else "flat"
        if not self.over:
            return f"≤{_short(self.up_to)}"
        return f"{_short(self.over)}\N{EN DASH}{_short(self.up_to)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an offer costs from a day on."""

    valid_from: date | None
    """The first day, or the first moment with its UTC offset; None: since ever, as far as known."""
    currency: str
    """Of all its rates, such as `USD`."""
    tiers: tuple[Tier, ...]
    """Rising; one request pays one tier, whole.

    See docs/quirks.md#one-price-tier-for-a-whole-request.
    """
    batch: Decimal | None = None
    """The factor of a batch call; None: not sold in batch, as far as is known."""
    unit: Decimal | None = None
    """The smallest amount: each part of a bill is rounded up to a whole number of it."""
    source: str
    """Where it is printed."""
    checked: date
    """The day the source was last seen to say so."""
    note: str | None = None
    """What a reader of a bill should know."""

    def tier_for(self, input_tokens: int) -> Tier | None:
        """Return the tier of a request with so many input tokens, cached ones counted.

        The upper bound belongs to the tier. None: longer than the list goes.
        """
        for tier in self.tiers:
            if tier.up_to is None or input_tokens <= tier.up_to:
                return tier
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model as one gateway serves it."""

    gateway: str
    """The gateway's name."""
    model: Model
    """What is served."""
    wire_id: str
    """How this gateway spells the model."""
    thinking: ThinkingDefault
    """Default thinking mode at this gateway; the model's own unless its list differs."""
    retired: date | None = None
    """The day this gateway stopped selling it; None where only the model itself may be retired."""
    successor: str | None = None
    """The id of the model that this gateway sells in its stead."""
    prices: tuple[Price, ...] = field(default=())
    """Oldest first; empty: no price is known."""

    def price_at(self, at: date) -> Price | None:
        """Return the price that held on a day or, given a `datetime`, at a moment.

        A price may begin at midnight of another time zone (`2026-10-19T00:00:00+08:00`): a moment
        is compared exactly, a plain day with the day of that zone. A moment without a zone is UTC.
        """
        for price in reversed(self.prices):
            if price.valid_from is None or _has_begun(price.valid_from, at):
                return price
        return None

    def is_retired(self, day: date) -> bool:
        """Return whether this gateway no longer sells it by a day, or its maker no longer does."""
        if self.retired is not None:
            return self.retired <= day
        return not self.model.open_weights and self.model.is_retired(day)


def _has_begun(start: date, at: date) -> bool:
    if not isinstance(at, datetime):
        return (start.date() if isinstance(start, datetime) else start) <= at
    if not isinstance(start, datetime):
        return start <= at.astimezone(UTC).date() if at.tzinfo else start <= at.date()
    return start <= (at if at.tzinfo else at.replace(tzinfo=UTC))


def _short(tokens: int) -> str:
    """256000 → 256K; 262144 → 256K too, for lists print units of 1024 the same way."""
    if tokens and tokens % 1_000_000 == 0:
        return f"{tokens // 1_000_000}M"
    for unit in (1000, 1024):
        if tokens % unit == 0:
            return f"{tokens // unit}K"
    return str(tokens)
