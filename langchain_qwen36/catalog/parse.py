"""TOML into rows, with every field checked: a bad file names its row and field.

Nothing is passed over: an unknown key, a negative rate, tiers that do not rise or two prices of
one day are errors, because a price that is silently wrong is worse than none.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar, get_args, overload

from langchain_qwen36.catalog.models import (
    CatalogError,
    Modality,
    Model,
    Offer,
    Price,
    Rate,
    ThinkingDefault,
    Tier,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
D = TypeVar("D")

_MISSING: Any = object()

_CACHE_RATES: tuple[Rate, ...] = ("cache_read", "cache_read_explicit", "cache_write")

# What a list that says nothing about caching is taken to charge, as factors of its input rate:
# never too low. No hit costs more than plain input, and creating an explicit block costs 125 %
# at Alibaba, who serves these models to all the others (dashscope.md §3.2).
_ASSUMED: dict[Rate, Decimal] = {"cache_read": Decimal(1), "cache_write": Decimal("1.25")}


@dataclass(slots=True)
class _Row:
    """A table of the file that gives out its keys once each and complains about the rest."""

    table: dict[str, Any]
    where: str

    @overload
    def take(self, key: str, read: Callable[[Any], T]) -> T: ...
    @overload
    def take(self, key: str, read: Callable[[Any], T], default: D) -> T | D: ...
    def take(self, key: str, read: Callable[[Any], T], default: Any = _MISSING) -> Any:
        if key not in self.table:
            if default is _MISSING:
                raise CatalogError(f"{self.where}: `{key}` is missing")
            return default
        value = self.table.pop(key)
        try:
            return read(value)
        except (TypeError, ValueError, InvalidOperation) as error:
            raise CatalogError(f"{self.where}: `{key}` = {value!r}: {error}") from None

    def tables(self, key: str) -> list[_Row]:
        rows = self.take(key, _tables, ())
        return [_Row(dict(row), f"{self.where}, {key} {n}") for n, row in enumerate(rows, 1)]

    def end(self) -> None:
        if self.table:
            raise CatalogError(f"{self.where}: unknown field `{next(iter(self.table))}`")


def read_models(text: str, file: str) -> list[Model]:
    """The `[[model]]` rows of a file.

    Raises:
        CatalogError: The file is no TOML, or a row is wrong.
    """
    root = _root(text, file)
    root.take("offer", _tables, ())
    models = [_model(row) for row in root.tables("model")]
    root.end()
    _once((model.id for model in models), f"{file}, model")
    return models


def read_offers(text: str, file: str, models: Mapping[str, Model]) -> list[Offer]:
    """The `[[offer]]` rows of a file; `models` maps the ids they may name.

    Raises:
        CatalogError: The file is no TOML, a row is wrong, or it names an unknown model.
    """
    root = _root(text, file)
    root.take("model", _tables, ())
    offers = [_offer(row, models) for row in root.tables("offer")]
    root.end()
    _once((f"{offer.gateway} {offer.model.id}" for offer in offers), f"{file}, offer")
    return offers


def _once(names: Iterable[str], where: str) -> None:
    """Two rows of one thing: the later one would silently win."""
    seen: set[str] = set()
    for n, name in enumerate(names, 1):
        if name in seen:
            raise CatalogError(f"{where} {n} ({name}): there is a row of it already")
        seen.add(name)


def _root(text: str, file: str) -> _Row:
    try:
        return _Row(tomllib.loads(text), file)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{file}: {error}") from None


def _model(row: _Row) -> Model:
    model_id = row.take("id", _text)
    row.where += f" ({model_id})"
    model = Model(
        id=model_id,
        aliases=tuple(alias.lower() for alias in row.take("aliases", _texts, ())),
        context_window=row.take("context_window", _count, None),
        max_input_tokens=row.take("max_input_tokens", _count, None),
        max_input_tokens_thinking=row.take("max_input_tokens_thinking", _count, None),
        max_output_tokens=row.take("max_output_tokens", _count, None),
        max_thinking_tokens=row.take("max_thinking_tokens", _count, None),
        thinking=row.take("thinking", _thinking),
        inputs=row.take("inputs", _modalities),
        tool_calling=row.take("tool_calling", _flag, None),
        json_schema=row.take("json_schema", _flag, None),
        json_object=row.take("json_object", _flag, None),
        preserve_thinking=row.take("preserve_thinking", _flag, None),
        max_completion_tokens=row.take("max_completion_tokens", _flag, None),
        one_shot_thinking=row.take("one_shot_thinking", _flag, None),
        code_interpreter=row.take("code_interpreter", _flag, None),
        tool_stream=row.take("tool_stream", _flag, None),
        logprobs=row.take("logprobs", _flag, None),
        translation=row.take("translation", _flag, None),
        cumulative_stream=row.take("cumulative_stream", _flag, None),
        open_weights=row.take("open_weights", _flag),
        released=row.take("released", _day, None),
        source=row.take("source", _text),
        checked=row.take("checked", _day),
    )
    row.end()
    return model


def _offer(row: _Row, models: Mapping[str, Model]) -> Offer:
    gateway, model_id = row.take("gateway", _text), row.take("model", _text)
    row.where += f" ({gateway} {model_id})"
    model = models.get(model_id)
    if model is None:
        raise CatalogError(f"{row.where}: `model` = {model_id!r}: no [[model]] has this id")
    offer = Offer(
        gateway=gateway,
        model=model,
        wire_id=row.take("id", _text, model_id),
        thinking=row.take("thinking", _thinking, model.thinking),
        prices=tuple(_price(price) for price in row.tables("price")),
    )
    starts = [price.valid_from or date.min for price in offer.prices]
    if starts != sorted(set(starts)):
        raise CatalogError(f"{row.where}: `valid_from` of its prices must rise, one price a day")
    row.end()
    return offer


def _price(row: _Row) -> Price:
    factors = _ASSUMED | _factors(_Row(row.take("cache", dict, {}), f"{row.where}, cache"))
    tiers = tuple(_tier(tier, factors) for tier in row.tables("tiers"))
    price = Price(
        valid_from=row.take("valid_from", _day, None),
        currency=row.take("currency", _currency),
        tiers=_stacked(tiers, row.where),
        batch=row.take("batch", _positive, None),
        unit=row.take("unit", _positive, None),
        source=row.take("source", _text),
        checked=row.take("checked", _day),
        note=row.take("note", _text, None),
    )
    row.end()
    return price


def _tier(row: _Row, factors: Mapping[Rate, Decimal]) -> Tier:
    """One tier; a cache rate that is not printed is a factor of the input's rate."""
    derived = set(row.take("derived", _rates, ()))
    rates: dict[Rate, Decimal] = {name: row.take(name, _rate) for name in ("input", "output")}
    rates["thinking_output"] = row.take("thinking_output", _rate, rates["output"])
    for name in _CACHE_RATES:
        printed = row.take(name, _rate, None)
        if printed is not None:
            rates[name] = printed
        elif name in factors:
            rates[name] = rates["input"] * factors[name]
            derived.add(name)
        else:  # Only the explicit hit has no factor of its own: it costs what any hit costs.
            rates[name] = rates["cache_read"]
            derived |= {name} if "cache_read" in derived else set()
    tier = Tier(over=0, up_to=row.take("up_to", _count, None), derived=frozenset(derived), **rates)
    row.end()
    return tier


def _stacked(tiers: tuple[Tier, ...], where: str) -> tuple[Tier, ...]:
    """Each tier begins where the one before ends."""
    if not tiers:
        raise CatalogError(f"{where}: `tiers` is empty")
    bounds = [tier.up_to for tier in tiers[:-1]]
    for n, (bound, tier) in enumerate(zip(bounds, tiers[1:], strict=True), 1):
        if bound is None or (tier.up_to is not None and tier.up_to <= bound):
            raise CatalogError(
                f"{where}, tiers {n + 1}: `up_to` must rise, and only the last may lack it"
            )
    starts = (0, *bounds)
    return tuple(replace(tier, over=start or 0) for tier, start in zip(tiers, starts, strict=True))


def _factors(row: _Row) -> dict[Rate, Decimal]:
    found = {name: row.take(name, _rate, None) for name in _CACHE_RATES}
    row.end()
    return {name: factor for name, factor in found.items() if factor is not None}


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("expected a text")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("expected a list of texts")
    return [_text(item) for item in value]


def _tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError("expected a list of tables")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError("expected a whole number of tokens above 0")
    return value


def _day(value: Any) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError("expected a date such as 2026-11-21, without quotes")
    return value


def _rate(value: Any) -> Decimal:
    """Rates are texts, for a TOML float would not be the number that was printed."""
    if not isinstance(value, str):
        raise TypeError('expected a rate in quotes, such as "0.17"')
    rate = Decimal(value)
    if not rate.is_finite() or rate < 0:
        raise ValueError("expected a finite rate, not below 0")
    return rate


def _positive(value: Any) -> Decimal:
    rate = _rate(value)
    if not rate:
        raise ValueError("expected more than 0")
    return rate


def _currency(value: Any) -> str:
    text = _text(value)
    if not (len(text) == 3 and text.isascii() and text.isupper()):  # noqa: PLR2004 (ISO 4217)
        raise ValueError('expected a currency code such as "USD"')
    return text


def _thinking(value: Any) -> ThinkingDefault:
    if value not in get_args(ThinkingDefault):
        raise ValueError(f"expected one of {', '.join(get_args(ThinkingDefault))}")
    return value  # type: ignore[no-any-return]


def _modalities(value: Any) -> tuple[Modality, ...]:
    if not set(_texts(value)) <= set(get_args(Modality)):
        raise ValueError(f"expected some of {', '.join(get_args(Modality))}")
    return tuple(value)


def _rates(value: Any) -> frozenset[Rate]:
    if not set(_texts(value)) <= set(get_args(Rate)):
        raise ValueError(f"expected some of {', '.join(get_args(Rate))}")
    return frozenset(value)
