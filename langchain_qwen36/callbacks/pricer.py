"""Price one call: by the cost record on its message, else by its usage and a price list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36._logging import logger_for
from langchain_qwen36._request.thinking import requested_thinking
from langchain_qwen36._response.usage import from_wire
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.gateways import GATEWAYS
from langchain_qwen36.pricing import (
    BilledTokens,
    Money,
    cost,
    money_of,
    price_call,
    sum_records,
)

if TYPE_CHECKING:
    from langchain_qwen36.callbacks.records import PriceSource
    from langchain_qwen36.catalog import Offer

logger = logger_for(__name__)

PriceOf = Callable[[str | None, str | None, Mapping[str, Any]], Money | None]
"""Your own price: `(model, gateway, usage_metadata) -> Money`, or None to use the price list."""


class PricedCall(NamedTuple):
    """The cost of a call, and its source."""

    money: Money | None
    source: PriceSource
    tier: str | None = None
    output: Decimal | None = None
    """The part for the answer; None if only the total is known."""
    listed: Decimal | None = None
    """What the price list says, whatever was paid; None if it is not known."""

    @property
    def amount(self) -> Decimal | None:
        """The amount paid: 0 if nothing was, None if it is not known."""
        if self.money is not None:
            return self.money.amount
        return None if self.source == "unknown" else Decimal(0)

    @property
    def input(self) -> Decimal | None:
        """The part for all input, cached or not."""
        if self.money is None or self.output is None:
            return None
        return self.money.amount - self.output


class Estimate(NamedTuple):
    """The estimated cost of a call before it is sent."""

    total: Money
    input: Money | None
    """The part for the input; None: your own price, which has no parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricer:
    """Finds prices by a handler's settings."""

    book: PriceBook | None = None
    """The price book; None: the bundled one."""
    price_as: str | None = None
    """`gateway` or `gateway:model`, whose list prices calls that no list of their own does."""
    price_of: PriceOf | None = None
    discount: Decimal | float | str | None = None
    _unknown: set[str] = field(default_factory=set, repr=False)
    """Models that were warned of."""

    def __post_init__(self) -> None:
        cost({}, None, discount=self.discount)  # raises for an invalid discount
        gateway, _, model = (self.price_as or "").partition(":")
        if self.price_as is not None and gateway not in GATEWAYS:
            raise ValueError(
                f"`price_as={self.price_as!r}` is no known gateway; it is one of "
                f"{', '.join(GATEWAYS)}, alone or with a model: `gateway:model`."
            )
        if model and self._book.offer(gateway, model) is None:
            raise ValueError(
                f"`price_as={self.price_as!r}`: no price of {model!r} is known at {gateway!r}; "
                "give a `book=` that has it."
            )

    def model_id(self, *names: str | None) -> str | None:
        """Return one id for all spellings of a model; the first name if none is known."""
        given = [name for name in names if name]
        known = (self._book.model(name) for name in given)
        id_ = next((model.id for model in known if model), None)
        return id_ or next(iter(given), None)

    def price(
        self,
        usage: Mapping[str, Any],
        metadata: Mapping[str, Any],
        names: tuple[str | None, ...],
        gateway: str | None,
    ) -> PricedCall:
        """Price one call.

        Your `price_of` comes first, then the cost that the gateway reports, then the list; never
        two of them together.

        Args:
            usage: LangChain's `UsageMetadata`.
            metadata: The message's `response_metadata`.
            names: The requested model, and the model that answered.
            gateway: The gateway's name, if it is known.
        """
        if bill := self._users(usage, names, gateway):
            return bill
        own = metadata.get("cost")
        record = own if isinstance(own, Mapping) and "basis" in own else None
        offer = self._offer(gateway, names)
        if record is None or (record["basis"] == "list" and self._overrides_list):
            record = self._price(usage, metadata, offer) or record
        if record is not None:
            return _priced(record, record["basis"])
        if offer is None and (fallback := self._fallback_offer(names)):
            record = self._price(usage, metadata, fallback)
        if record is not None:
            return _priced(record, "price_as")
        if is_self_hosted(gateway):
            return PricedCall(None, "not_billed")
        self._warn(self.model_id(*names), gateway)
        return PricedCall(None, "unknown")

    def estimate(
        self,
        read: int,
        written: int,
        params: Mapping[str, Any],
        model: str | None,
        gateway: str | None,
        *,
        cached: bool = False,
    ) -> Estimate | None:
        """Price a call that is not made yet; None: its price is not known.

        Args:
            read: Input tokens that it may have.
            written: Output tokens that it may have.
            params: The run's `invocation_params`, with the model's own `price_book` and
                `price_discount`.
            model: The requested model.
            gateway: The gateway's name, if it is known.
            cached: Whether all input is written to a cache, which mostly costs more.
        """
        if self.price_of is not None:
            usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
            if priced := self._users(usage, (model,), gateway):
                return Estimate(priced.money, None) if priced.money else None
        own = params.get("price_book")
        book = own if self.book is None and isinstance(own, PriceBook) else self._book
        listed = cost(
            BilledTokens(
                input=0 if cached else read,
                cache_read=0,
                cache_write=read if cached else 0,
                output=written,
                reasoning=None,
            ),
            _offer_of(book, gateway, (model,)) or self._fallback_offer((model,)),
            discount=params.get("price_discount") if self.discount is None else self.discount,
            thinking=requested_thinking(params),
        )
        if listed is not None:
            return Estimate(listed.money, Money(listed.total - listed.output, listed.currency))
        free = Money(Decimal(0), "")
        return Estimate(free, free) if is_self_hosted(gateway) else None

    def _users(
        self, usage: Mapping[str, Any], names: tuple[str | None, ...], gateway: str | None
    ) -> PricedCall | None:
        if self.price_of is None:
            return None
        try:
            money = self.price_of(self.model_id(*names), gateway, usage)
        except Exception:
            # The call must still be recorded, and the user's own call must not fail.
            logger.exception("`price_of` failed, so a call of %s is unpriced", names[0])
            return PricedCall(None, "unknown")
        return PricedCall(money, "user") if money is not None else None

    @property
    def _book(self) -> PriceBook:
        return self.book or PriceBook.bundled()

    @property
    def _overrides_list(self) -> bool:
        """Whether our list is another one than the model used."""
        return self.book is not None or self.discount is not None

    def _price(
        self, usage: Mapping[str, Any], metadata: Mapping[str, Any], offer: Offer | None
    ) -> Mapping[str, Any] | None:
        if requests := metadata.get("requests"):
            return sum_records([self._price_request(each, offer) for each in requests])
        return price_call(usage, metadata, offer, discount=self.discount)

    def _price_request(
        self, request: Mapping[str, Any], offer: Offer | None
    ) -> Mapping[str, Any] | None:
        """Price one of the requests of a call, which pays a tier of its own."""
        record: Mapping[str, Any] = request.get("cost") or {}
        if record.get("basis") == "reported":
            return record
        metadata = {"gateway_usage": request.get("usage"), "thinking": request.get("thinking")}
        usage = from_wire(request.get("usage"))
        return price_call(
            usage, metadata, offer, discount=self.discount, batch=record.get("batch")
        ) or (record or None)

    def _offer(self, gateway: str | None, names: tuple[str | None, ...]) -> Offer | None:
        return _offer_of(self._book, gateway, names)

    def _fallback_offer(self, names: tuple[str | None, ...]) -> Offer | None:
        gateway, _, model = (self.price_as or "").partition(":")
        return self._offer(gateway or None, (model,) if model else names)

    def _warn(self, model: str | None, gateway: str | None) -> None:
        name = f"{model or 'a model without a name'} at {gateway or 'an unknown gateway'}"
        if name in self._unknown:
            return
        self._unknown.add(name)
        logger.warning(
            "No price is known for %s: its calls are counted in `unpriced_calls` and the total "
            "cost is partial. Give `price_of=`, `price_as=` or a `book=` with its price.",
            name,
        )


def _offer_of(book: PriceBook, gateway: str | None, names: tuple[str | None, ...]) -> Offer | None:
    """Return the model as a gateway sells it, from the list that the gateway charges by."""
    if gateway is None:
        return None
    known = GATEWAYS.get(gateway)
    price_list = (known and known.price_list) or gateway
    offers = (book.offer(price_list, name) for name in names if name)
    return next((offer for offer in offers if offer), None)


def is_self_hosted(gateway: str | None) -> bool:
    """Return whether a gateway is a server of your own, whose calls cost nothing."""
    known = GATEWAYS.get(gateway or "")
    return known is not None and (known.self_hosted or known.embedded)


def reports_cost(gateway: str | None) -> bool:
    """Return whether a gateway's responses state the cost of the call."""
    known = GATEWAYS.get(gateway or "")
    return known is not None and known.reports_cost


def _priced(record: Mapping[str, Any], source: PriceSource) -> PricedCall:
    output = _amount(record["output"]) if record["basis"] == "list" else None
    return PricedCall(money_of(record), source, record["tier"], output, _amount(record["list"]))


def _amount(value: float | None) -> Decimal | None:
    """Return an amount of a cost record exactly."""
    return None if value is None else Decimal(str(value))
