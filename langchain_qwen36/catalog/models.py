"""The types of the catalogue: models, and offers of models at a gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from langchain_qwen36.catalog.price import Price  # noqa: TC001 (pydantic resolves annotations)

ThinkingDefault = Literal["on", "off", "always", "never"]
"""Default thinking mode of a model; "always" and "never" cannot be switched."""

Modality = Literal["text", "image", "video", "audio"]
"""Kinds of input that a model takes."""


# Field types of the TOML files. Strict, since TOML has types: "1" is no number and 1 is no flag.
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
    """The properties of a model at any gateway. None: no source says. Sizes are in tokens."""

    id: Text
    """The bare Qwen id, the same at every gateway."""
    kind: Literal["chat", "embedding", "rerank"] = "chat"
    """The use of the model."""
    aliases: Annotated[Texts, AfterValidator(_lower)] = ()
    """Other spellings of the same model, in lower case."""
    family: Text | None = None
    """The series of the model, such as `qwen3.6`; docs/models.md lists them."""
    context_window: Tokens | None = None
    """Tokens of input, reasoning and answer together."""
    max_input_tokens: Tokens | None = None
    """The longest input without thinking."""
    max_input_tokens_thinking: Tokens | None = None
    """The longest input while thinking, if it differs."""
    max_output_tokens: Tokens | None = None
    """The longest answer; at Model Studio, reasoning comes on top."""
    max_thinking_tokens: Tokens | None = None
    """The maximum of `thinking_budget`; a higher one is refused."""
    thinking: ThinkingDefault
    """The default thinking mode."""
    reasoning_efforts: Texts | None = None
    """Values of `reasoning_effort` that the maker's API takes; None: it takes none."""
    inputs: tuple[Modality, ...]
    """Kinds of input that the model takes."""
    dimensions: Annotated[tuple[Tokens, ...], Field(min_length=1)] | None = None
    """Sizes of an embedding's vector that may be requested, the default first."""
    max_dimensions: Tokens | None = None
    """Largest size of an embedding with open weights; smaller ones if the server can cut."""
    max_inputs: Tokens | None = None
    """Most texts or documents in one request at the maker's API."""
    tool_calling: Flag | None = None
    """Whether the model calls tools."""
    json_schema: Flag | None = None
    """Whether a source confirms `response_format` json_schema."""
    preserve_thinking: Flag | None = None
    """Whether the server can keep the reasoning of earlier turns."""
    max_completion_tokens: Flag | None = None
    """Whether `max_completion_tokens`, which limits reasoning and answer together, is supported."""
    code_interpreter: Flag | None = None
    """Whether Model Studio's Chat Completions takes `enable_code_interpreter`."""
    tool_stream: Flag | None = None
    """Whether Model Studio's servers take `tool_stream`."""
    logprobs: Flag | None = None
    """Whether Model Studio's servers return log probabilities."""
    translation: Flag | None = None
    """Whether the model only translates: one user message, and `translation_options`."""
    cumulative_stream: Flag | None = None
    """Whether each chunk of a stream repeats the text from its beginning."""
    open_weights: Flag
    """Whether the weights are open, so that anyone may serve the model."""
    released: Day | None = None
    """The day of the model's release."""
    retired: Day | None = None
    """The day on which the maker took the model off its API; old bills are still priced."""
    successor: Text | None = None
    """The id of the model that replaces a retired one."""
    source: Text
    """Where the facts are from."""
    checked: Day
    """The day on which the source was last checked."""

    def is_retired(self, day: date) -> bool:
        """Return whether the maker has taken the model off its API by a day."""
        return self.retired is not None and self.retired <= day


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model as one gateway serves it."""

    gateway: str
    """The gateway's name."""
    model: Model
    """The model that is served."""
    wire_id: str
    """The gateway's spelling of the model."""
    thinking: ThinkingDefault
    """Default thinking mode at this gateway; the model's own unless the gateway's list differs."""
    retired: date | None = None
    """The day this gateway stopped selling the model; None: only the model itself may be
    retired."""
    successor: str | None = None
    """The id of the model that this gateway sells in its place."""
    prices: tuple[Price, ...] = field(default=())
    """Prices, the oldest first; empty: no price is known."""

    def price_at(self, at: date) -> Price | None:
        """Return the price that was valid on a day or, for a `datetime`, at a moment.

        A price may begin at midnight of another time zone (`2026-10-19T00:00:00+08:00`): a moment
        is compared exactly, a plain day with the day of that zone. A moment without a zone is UTC.
        """
        for price in reversed(self.prices):
            if price.valid_from is None or _has_begun(price.valid_from, at):
                return price
        return None

    def is_retired(self, day: date) -> bool:
        """Return whether the gateway or the maker stopped offering the model by a day."""
        if self.retired is not None:
            return self.retired <= day
        return not self.model.open_weights and self.model.is_retired(day)


def _has_begun(start: date, at: date) -> bool:
    if not isinstance(at, datetime):
        return (start.date() if isinstance(start, datetime) else start) <= at
    if not isinstance(start, datetime):
        return start <= at.astimezone(UTC).date() if at.tzinfo else start <= at.date()
    return start <= (at if at.tzinfo else at.replace(tzinfo=UTC))
