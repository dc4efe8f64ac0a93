"""The rows of the catalogue: what a model is, who serves it, and at what price."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from decimal import Decimal

ThinkingDefault = Literal["on", "off", "always", "never"]
"""What a model does when nobody says; "always" and "never" cannot be switched."""

Modality = Literal["text", "image", "video"]
"""What may go in."""

Rate = Literal[
    "input",
    "output",
    "thinking_output",
    "cache_read",
    "cache_read_explicit",
    "cache_write",
]
"""The kinds of token that a tier prices."""


class CatalogError(ValueError):
    """A catalogue file that cannot be used; the message names the file, the row and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a model is, whoever serves it. None: no source says. Sizes are tokens."""

    id: str
    """The bare Qwen id, the same at every gateway."""
    aliases: tuple[str, ...] = ()
    """Other spellings of the same model, in lower case."""
    context_window: int | None = None
    """Input, thoughts and answer together."""
    max_input_tokens: int | None = None
    """The longest input without thinking."""
    max_input_tokens_thinking: int | None = None
    """The longest input while thinking, where it differs."""
    max_output_tokens: int | None = None
    """The longest answer; thinking comes on top (dashscope.md §0.4)."""
    max_thinking_tokens: int | None = None
    """The ceiling of `thinking_budget`; a higher one is refused."""
    thinking: ThinkingDefault
    """What it does when nobody says."""
    inputs: tuple[Modality, ...]
    """What may go in."""
    tool_calling: bool | None = None
    """Whether it calls tools."""
    json_schema: bool | None = None
    """True where a source confirms `response_format` json_schema."""
    json_object: bool | None = None
    """True where a source confirms `response_format` json_object."""
    preserve_thinking: bool | None = None
    """Whether the server can keep the reasoning of earlier turns."""
    max_completion_tokens: bool | None = None
    """Whether the parameter that caps thinking and answer together is supported."""
    one_shot_thinking: bool | None = None
    """Whether a source says that thinking works without streaming (dashscope.md §2)."""
    code_interpreter: bool | None = None
    """Whether its maker's Chat Completions takes `enable_code_interpreter`."""
    tool_stream: bool | None = None
    """Whether its maker's servers take `tool_stream` (dashscope.md §4.3)."""
    logprobs: bool | None = None
    """Whether its maker's own servers give log probabilities (dashscope.md §4.2)."""
    translation: bool | None = None
    """Whether it only translates: one user message, and `translation_options`."""
    cumulative_stream: bool | None = None
    """Whether each chunk of a stream repeats the text from its beginning."""
    open_weights: bool
    """Whether anyone may serve it."""
    released: date | None = None
    """The day it came out."""
    source: str
    """Where this is from."""
    checked: date
    """The day the source was last seen to say so."""


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
    """The first day; None: since ever, as far as is known."""
    currency: str
    """Of all its rates, such as `USD`."""
    tiers: tuple[Tier, ...]
    """Rising; one request pays one tier, whole (dashscope.md §3)."""
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
        """The tier of a request with so many input tokens, cached ones counted.

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
    """Name of the gateway's row."""
    model: Model
    """What is served."""
    wire_id: str
    """How this gateway spells the model."""
    thinking: ThinkingDefault
    """What happens here when nobody says; the model's own default unless the row differs."""
    prices: tuple[Price, ...] = field(default=())
    """Oldest first; empty: no price is known."""

    def price_at(self, day: date) -> Price | None:
        """The price on a day, or None where none is known for it."""
        if isinstance(day, datetime):
            day = day.date()
        for price in reversed(self.prices):
            if price.valid_from is None or price.valid_from <= day:
                return price
        return None


def _short(tokens: int) -> str:
    """256000 → 256K; 262144 → 256K too, for lists print units of 1024 the same way."""
    if tokens and tokens % 1_000_000 == 0:
        return f"{tokens // 1_000_000}M"
    for unit in (1000, 1024):
        if tokens % unit == 0:
            return f"{tokens // unit}K"
    return str(tokens)
