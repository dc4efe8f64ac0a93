"""List the models of a gateway: its own `/models`, joined with the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from langchain_qwen36._model.connection import ensure_engine_running, httpx_options
from langchain_qwen36._response.errors import error_from
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.errors import GatewayConnectionError, UnexpectedResponseError
from langchain_qwen36.gateways import select_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from langchain_qwen36.catalog import Modality, Offer, ThinkingDefault
    from langchain_qwen36.gateways import Endpoint, Gateway

_ERROR_FROM = 400
_TIMEOUT = 30.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model as a gateway lists it; unknown values are None."""

    id: str
    """The gateway's spelling."""
    model: str | None
    """The bare Qwen id; None: the catalogue does not know the model."""
    context_window: int | None
    """Tokens of the context window."""
    inputs: tuple[Modality, ...] | None
    """Kinds of input that the model takes."""
    thinking: ThinkingDefault | None
    """The default thinking mode at this gateway."""
    currency: str | None
    """Currency of the two rates."""
    input_rate: Decimal | None
    """Price per 1M input tokens in the first tier."""
    output_rate: Decimal | None
    """Price per 1M output tokens in the first tier."""
    retired: bool
    """Whether the model is no longer sold."""
    successor: str | None
    """The model that replaces a retired one."""


def list_models(
    gateway: str | Gateway | None = None,
    *,
    base_url: str | None = None,
    api_key: str | SecretStr | None = None,
    http_client: httpx.Client | None = None,
    only_qwen: bool = True,
) -> list[ListedModel]:
    """List the models of a gateway, as `ChatQwen36` would choose it.

    Raises:
        MissingKeyError: No gateway can be chosen, or its key is not set.
        QwenError: The gateway refuses, or cannot be reached.
    """
    chosen = select_endpoint(gateway, base_url, has_key=api_key is not None)
    endpoint = ensure_engine_running(chosen)
    key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
    ids = _fetch(endpoint, SecretStr(key or endpoint.key or ""), http_client)
    models = [_join(endpoint.gateway, name) for name in ids]
    # The embedded engine's one model is the user's choice, whoever made it.
    only_qwen = only_qwen and not endpoint.gateway.embedded
    return [model for model in models if model.model or not only_qwen or "qwen" in model.id.lower()]


def catalog_models(gateway: Gateway) -> list[ListedModel]:
    """List the models that the catalogue has a price of at a gateway, without a request."""
    name = gateway.price_list or gateway.name
    offers = PriceBook.bundled().offers
    return [_join(gateway, offers[key].wire_id) for key in offers if key[0] == name]


def _fetch(endpoint: Endpoint, key: SecretStr, client: httpx.Client | None) -> Iterable[str]:
    headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    url = f"{endpoint.base_url}/models"
    options = {} if client else httpx_options(endpoint)
    try:
        response = (client or httpx).get(url, headers=headers, timeout=_TIMEOUT, **options)
    except httpx.HTTPError as error:
        raise GatewayConnectionError(
            f"{url}: {type(error).__name__}.", gateway=endpoint.gateway.name
        ) from None
    if response.status_code >= _ERROR_FROM:
        lowered = {name.lower(): value for name, value in response.headers.items()}
        raise error_from(response.status_code, lowered, response.content, gateway=endpoint.gateway)
    try:
        return [str(entry["id"]) for entry in _entries(response.json())]
    except (ValueError, KeyError, TypeError):
        raise UnexpectedResponseError(
            f"{url}: no list of models.", gateway=endpoint.gateway.name
        ) from None


def _entries(payload: Any) -> list[dict[str, Any]]:
    """Return the entries of OpenAI's `{"data": […]}`, or of the bare list of some servers."""
    entries = payload["data"] if isinstance(payload, dict) else payload
    if not isinstance(entries, list):
        raise TypeError("no list")
    return entries


def _join(gateway: Gateway, name: str) -> ListedModel:
    book, now = PriceBook.bundled(), datetime.now(UTC)
    model, offer = book.model(name), book.offer(gateway.price_list or gateway.name, name)
    price = offer.price_at(now) if offer and gateway.billing != "plan" else None
    return ListedModel(
        id=name,
        model=model.id if model else None,
        context_window=model.context_window if model else None,
        inputs=model.inputs if model else None,
        thinking=offer.thinking if offer else (model.thinking if model else None),
        currency=price.currency if price else None,
        input_rate=price.tiers[0].input if price else None,
        output_rate=price.tiers[0].output if price else None,
        retired=offer is not None and offer.is_retired(now.date()),
        successor=_successor(offer),
    )


def _successor(offer: Offer | None) -> str | None:
    return (offer.successor or offer.model.successor) if offer else None
