"""Read the batch price of a model that a gateway sells under an id of its own, `…:batch`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_qwen36.bulk.batch.actions import Send, repeat
from langchain_qwen36.catalog import Offer, Price, Tier, find_model
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.pricing.money import parse_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_qwen36.bulk.batch.actions import Steps

_SUFFIX = ":batch"
_MILLION = 1_000_000
_PATH = "/models"


class ListedBatchPrice(NamedTuple):
    """A gateway's listed batch rates of a model, in US dollars per 1M tokens."""

    input: str | None
    output: str | None
    read: str
    """The day of reading, as an ISO date."""

    def offer(self, gateway: str, model_name: str, wire_id: str) -> Offer | None:
        """Return an offer with these rates; None: a rate is missing, or the model is not known."""
        model = find_model(model_name)
        if model is None or self.input is None or self.output is None:
            return None
        rate, answer = Decimal(self.input), Decimal(self.output)
        tier = Tier(
            over=0,
            up_to=None,
            input=rate,
            output=answer,
            thinking_output=answer,
            cache_read=rate,
            cache_read_explicit=rate,
            cache_write=rate,
        )
        price = Price(
            valid_from=None,
            currency="USD",
            tiers=(tier,),
            batch=Decimal(1),  # the listed rates are those of a batch
            source=f"{gateway}{_PATH}: {wire_id}{_SUFFIX}",
            checked=datetime.fromisoformat(self.read).date(),
        )
        return Offer(
            gateway=gateway, model=model, wire_id=wire_id, thinking=model.thinking, prices=(price,)
        )


def read_listed_price(gateway: str, wire_id: str) -> Steps[ListedBatchPrice]:
    """Read a model's batch price from the gateway's own list of models.

    Raises:
        UnsupportedSettingError: The list lacks the model; the message names its Qwen models.
        QwenError: The list cannot be read.
    """
    reply = yield from repeat(Send(method="GET", path=_PATH))
    entries = {str(entry.get("id")): entry for entry in _entries(reply.payload)}
    entry = entries.get(f"{wire_id}{_SUFFIX}")
    if entry is None:
        known = [name for name in entries if name.endswith(_SUFFIX) and "qwen" in name.lower()]
        names = ", ".join(name.removesuffix(_SUFFIX) for name in known) or "no Qwen model"
        raise UnsupportedSettingError(
            f"`gateway={gateway!r}` lists no {wire_id}{_SUFFIX}; in batches it runs {names}. "
            "Run it live, or choose one of these."
        )
    pricing = entry.get("pricing")
    rates = pricing if isinstance(pricing, dict) else {}
    today = datetime.now(UTC).date().isoformat()
    return ListedBatchPrice(_rate(rates, "prompt"), _rate(rates, "completion"), today)


def _entries(payload: Any) -> Iterator[Mapping[str, Any]]:
    entries = payload.get("data") if isinstance(payload, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield entry


def _rate(rates: Mapping[str, Any], name: str) -> str | None:
    """Return a rate per 1M tokens; None: it is missing, or below 0 (the gateway's "it depends")."""
    rate = parse_decimal(rates[name]) if rates.get(name) is not None else None
    return None if rate is None or rate < 0 else str(rate * _MILLION)
