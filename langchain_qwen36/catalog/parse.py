"""Read catalogue files: TOML tables into models and offers, every field checked by pydantic.

An unknown key, a negative rate, tiers that do not rise or two prices of one day are errors, because
a price that is silently wrong is worse than none. This module is imported when the first file is
read: building the validators costs milliseconds that `import langchain_qwen36` need not pay.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from langchain_qwen36.catalog.models import (
    CatalogError,
    Day,
    Model,
    Offer,
    Text,
    ThinkingDefault,
    Tokens,
)
from langchain_qwen36.catalog.price import Medium, Price, Rate, Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORDING = {
    "tuple_type": "expected a list",
    "frozen_set_type": "expected a list",
    "too_short": "expected at least one",
    "bool_type": "expected true or false",
    "string_type": "expected a text",
    "date_type": "expected a date such as 2026-11-21, without quotes",
}
"""TOML's words for pydantic's error types, which speak of Python."""

_CACHE_RATES: tuple[Rate, ...] = ("cache_read", "cache_read_explicit", "cache_write")


def _decimal(value: Any) -> Decimal:
    """Read a rate from text, since a TOML float would not be the printed number."""
    if not isinstance(value, str):
        raise ValueError('expected a rate in quotes, such as "0.17"')  # noqa: TRY004 (pydantic)
    try:
        rate = Decimal(value)
    except InvalidOperation:
        raise ValueError("expected a number") from None
    if not rate.is_finite():
        raise ValueError("expected a finite number")
    return rate


def _moment(value: Any) -> Any:
    """Require a UTC offset: a time without one would mean another day elsewhere."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("expected a UTC offset, such as 2026-10-19T00:00:00+08:00")
        return value
    if not isinstance(value, date):
        raise ValueError("expected a date such as 2026-11-21, without quotes")  # noqa: TRY004
    return value


Amount = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0)]
Factor = Annotated[Decimal, BeforeValidator(_decimal), Field(gt=0)]
Moment = Annotated[Any, BeforeValidator(_moment)]


class _Row(BaseModel):
    """A table of a file: immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _CacheFactors(_Row):
    """Cache rates as factors of the input rate, for a list that prints no cache rates.

    The defaults, for lists that say nothing about caching, are never too low: no hit costs more
    than plain input, and creating an explicit block costs 125 % at Alibaba, who serves these models
    to most others. An explicit hit costs the same as any hit.
    """

    cache_read: Amount = Decimal(1)
    cache_read_explicit: Amount | None = None
    cache_write: Amount = Decimal("1.25")


class _TierRow(_Row):
    up_to: Tokens | None = None
    input: Amount
    output: Amount
    thinking_output: Amount | None = None
    cache_read: Amount | None = None
    cache_read_explicit: Amount | None = None
    cache_write: Amount | None = None
    derived: frozenset[Rate] = frozenset()

    def tier(self, over: int, factors: _CacheFactors) -> Tier:
        """Fill in the cache rates that are not printed, and name them as derived."""
        rates: dict[Rate, Decimal] = {}
        derived = set(self.derived)
        for name in _CACHE_RATES:
            printed, factor = getattr(self, name), getattr(factors, name)
            if printed is not None:
                rates[name] = printed
            elif factor is not None:
                rates[name] = self.input * factor
                derived.add(name)
            else:
                rates[name] = rates["cache_read"]
                derived |= {name} if "cache_read" in derived else set()
        thinking = self.output if self.thinking_output is None else self.thinking_output
        return Tier(
            over=over,
            up_to=self.up_to,
            input=self.input,
            output=self.output,
            thinking_output=thinking,
            derived=frozenset(derived),
            **rates,
        )


class _PriceRow(_Row):
    valid_from: Moment | None = None
    currency: Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$")]
    tiers: tuple[_TierRow, ...] = Field(min_length=1)
    cache: _CacheFactors = _CacheFactors()
    batch: Factor | None = None
    unit: Factor | None = None
    not_priced: frozenset[Medium] = frozenset()
    source: Text
    checked: Day
    note: Text | None = None

    @model_validator(mode="after")
    def _tiers_rise(self) -> _PriceRow:
        for n, (low, high) in enumerate(pairwise(self.tiers), 2):
            if low.up_to is None or (high.up_to is not None and high.up_to <= low.up_to):
                raise ValueError(f"tiers {n}: `up_to` must rise, and only the last may lack it")
        return self

    def price(self) -> Price:
        bounds = (0, *(tier.up_to or 0 for tier in self.tiers[:-1]))
        return Price(
            valid_from=self.valid_from,
            currency=self.currency,
            tiers=tuple(
                row.tier(over, self.cache) for row, over in zip(self.tiers, bounds, strict=True)
            ),
            batch=self.batch,
            unit=self.unit,
            not_priced=self.not_priced,
            source=self.source,
            checked=self.checked,
            note=self.note,
        )


class _OfferRow(_Row):
    gateway: Text
    model: Text
    id: Text | None = None
    thinking: ThinkingDefault | None = None
    retired: Day | None = None
    successor: Text | None = None
    price: tuple[_PriceRow, ...] = ()

    @model_validator(mode="after")
    def _prices_rise(self) -> _OfferRow:
        starts = [_day(price.valid_from) for price in self.price]
        if starts != sorted(set(starts)):
            raise ValueError("`valid_from` of its prices must rise, one price a day")
        return self

    def offer(self, model: Model) -> Offer:
        return Offer(
            gateway=self.gateway,
            model=model,
            wire_id=self.id or self.model,
            thinking=self.thinking or model.thinking,
            retired=self.retired,
            successor=self.successor,
            prices=tuple(row.price() for row in self.price),
        )


class _File(_Row):
    model: tuple[Annotated[Model, Field()], ...] = ()
    offer: tuple[_OfferRow, ...] = ()


_FILE = TypeAdapter(_File)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one file; `offers` adds the models that they name."""

    file: str
    models: tuple[Model, ...]
    _offers: tuple[_OfferRow, ...]

    def offers(self, models: Mapping[str, Model]) -> list[Offer]:
        """Return the offers, each with its model.

        Raises:
            CatalogError: An offer names a model that is not in `models`.
        """
        offers = []
        for n, row in enumerate(self._offers, 1):
            if row.model not in models:
                where = f"{self.file}: offer {n} ({row.gateway} {row.model})"
                raise CatalogError(f"{where}: `model` = {row.model!r}: no [[model]] has this id")
            offers.append(row.offer(models[row.model]))
        return offers


def read(text: str, file: str) -> Rows:
    """Read the `[[model]]` and `[[offer]]` tables of a file.

    Raises:
        CatalogError: The file is not TOML, a field is wrong, or two rows describe the same model or
            offer.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{file}: {error}") from None
    try:
        rows = _FILE.validate_python(tables)
    except ValidationError as error:
        raise CatalogError(f"{file}: {_first(error, tables)}") from None
    _once((model.id for model in rows.model), f"{file}: model")
    _once((f"{offer.gateway} {offer.model}" for offer in rows.offer), f"{file}: offer")
    return Rows(file, rows.model, rows.offer)


def _once(names: Iterable[str], where: str) -> None:
    """Refuse two rows with one name: the later one would silently win."""
    earlier: set[str] = set()
    for n, name in enumerate(names, 1):
        if name in earlier:
            raise CatalogError(f"{where} {n} ({name}): there is a row of it already")
        earlier.add(name)


def _first(error: ValidationError, tables: Any) -> str:
    """Return the first error as `offer 1 (apiyi qwen3.6-plus), price 1, tiers 2: `input` = …`."""
    problem = error.errors(include_url=False)[0]
    path, value = list(problem["loc"]), tables
    rows: list[str] = []
    while len(path) > 1 and isinstance(path[1], int) and isinstance(value[path[0]][path[1]], dict):
        value = value[path[0]][path[1]]
        rows.append(f"{path[0]} {path[1] + 1}{'' if rows else _name(value)}")
        path = path[2:]
    field = ".".join(str(key) for key in path if not isinstance(key, int))
    message = _WORDING.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    match problem["type"]:
        case "value_error" if not path:
            text = message
        case "extra_forbidden" | "unexpected_keyword_argument":
            text = f"unknown field `{field}`"
        case "missing":
            text = f"`{field}` is missing"
        case _:
            text = f"`{field}` = {problem['input']!r}: {message}"
    return f"{', '.join(rows)}: {text}" if rows else text


def _name(table: Any) -> str:
    """Return the name of a row, as ` (gateway model)` or ` (id)`."""
    keys: Sequence[str] = ("gateway", "model") if "gateway" in table else ("id",)
    names = " ".join(str(table[key]) for key in keys if key in table)
    return f" ({names})" if names else ""


def _day(start: date | None) -> date:
    if start is None:
        return date.min
    return start.date() if isinstance(start, datetime) else start
