"""A dated price of an offer, and the choice of the tier that a request pays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 (pydantic resolves the annotations when a file is read)
from decimal import Decimal  # noqa: TC003
from typing import Literal

Rate = Literal[
    "input",
    "output",
    "thinking_output",
    "cache_read",
    "cache_read_explicit",
    "cache_write",
]
"""The kinds of tokens that a tier prices."""

Medium = Literal["audio", "image", "video"]
"""The kinds of media that are counted in tokens of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The rates of one range of input lengths, per 1M tokens, in the price's currency.

    A rate that no list prints is filled in when the file is read, and named in `derived`.
    """

    over: int
    """The tier begins above this many input tokens."""
    up_to: int | None
    """Most input tokens of the tier; None: no limit."""
    input: Decimal
    """Rate of input that was not cached."""
    output: Decimal
    """Rate of an answer without reasoning."""
    thinking_output: Decimal
    """Rate of an answer with reasoning; mostly the same as `output`."""
    cache_read: Decimal
    """Rate of a hit of the implicit cache."""
    cache_read_explicit: Decimal
    """Rate of a hit of a block marked with `cache_control`."""
    cache_write: Decimal
    """Rate of creating a block marked with `cache_control`."""
    derived: frozenset[Rate] = frozenset()
    """Rates that are calculated or assumed, not printed."""

    @property
    def label(self) -> str:
        """The tier's name: `flat`, `≤256K`, `>256K`, or 256K and 1M with a dash between."""
        if self.up_to is None:
            return f">{_short(self.over)}" if self.over else "flat"
        if not self.over:
            return f"≤{_short(self.up_to)}"
        return f"{_short(self.over)}\N{EN DASH}{_short(self.up_to)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of an offer from a day on."""

    valid_from: date | None
    """The first day, or the first moment with its UTC offset; None: since ever, as far as known."""
    currency: str
    """Currency of all rates, such as `USD`."""
    tiers: tuple[Tier, ...]
    """The tiers in rising order; one request pays one tier, whole.

    See docs/quirks.md#one-price-tier-for-a-whole-request.
    """
    batch: Decimal | None = None
    """Factor of a batch call; None: not sold in batch, as far as is known."""
    unit: Decimal | None = None
    """The smallest amount: each line of a bill is rounded up to a multiple of it."""
    not_priced: frozenset[Medium] = frozenset()
    """Media whose tokens have rates of their own that are not in `tiers`: the price of a call with
    some is not known."""
    source: str
    """Where the price is printed."""
    checked: date
    """The day on which the source was last checked."""
    note: str | None = None
    """A remark for readers of a bill."""

    def tier_for(self, input_tokens: int) -> Tier | None:
        """Return the tier of a request with so many input tokens, cached ones included.

        The upper limit belongs to the tier. None: the input is longer than the list goes.
        """
        for tier in self.tiers:
            if tier.up_to is None or input_tokens <= tier.up_to:
                return tier
        return None


def _short(tokens: int) -> str:
    """Shorten a number: 256000 is 256K, 262144 too: lists print units of 1024 the same way."""
    if tokens and tokens % 1_000_000 == 0:
        return f"{tokens // 1_000_000}M"
    for unit in (1000, 1024):
        if tokens % unit == 0:
            return f"{tokens // unit}K"
    return str(tokens)
