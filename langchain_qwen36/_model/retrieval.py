"""The model's name, its prices and the usage of its requests, shared by embeddings and rerank."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping  # pydantic reads them
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import Field, InstanceOf, PrivateAttr, model_validator

from langchain_qwen36._logging import logger_for
from langchain_qwen36._model.client import ClientSettings
from langchain_qwen36._response.errors import request_id
from langchain_qwen36._response.usage import from_wire
from langchain_qwen36._transport.request import asend, send
from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.errors import MessageError, UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS
from langchain_qwen36.pricing.cost_record import money_of
from langchain_qwen36.pricing.price_call import price_call

logger = logger_for(__name__)

_Parsed = TypeVar("_Parsed")

if TYPE_CHECKING:
    from decimal import Decimal

    from langchain_qwen36._model.client import ClientRequest
    from langchain_qwen36._response.payload import HTTPBody, ResponseContext
    from langchain_qwen36.catalog import Model, Offer


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestUsage:
    """Usage of one request of embeddings or rerank; unknown values are None."""

    gateway: str
    """Name of the gateway's row."""
    model: str
    """The model's name as requested."""
    inputs: int
    """Number of texts or documents."""
    input_tokens: int | None
    """Tokens as the gateway counted them."""
    cost: Mapping[str, Any] | None
    """A cost record like a message's `response_metadata["cost"]`: `total`, `currency`, `basis`,
    …"""
    request_id: str | None
    """The id to quote to the gateway's support."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageTotal:
    """Usage of several requests."""

    requests: int = 0
    """Requests that succeeded."""
    inputs: int = 0
    """Number of texts or documents."""
    input_tokens: int = 0
    """Tokens of the requests for which the gateway counted them."""
    cost: Mapping[str, Decimal] = field(default_factory=dict)
    """Amount by currency."""
    unpriced: int = 0
    """Requests whose price is not known; those to a server of your own are free."""

    def plus(self, one: RequestUsage) -> UsageTotal:
        """Return the total with one more request."""
        costs = dict(self.cost)
        if one.cost is not None:
            money = money_of(one.cost)
            costs[money.currency] = costs.get(money.currency, 0) + money.amount
        return UsageTotal(
            requests=self.requests + 1,
            inputs=self.inputs + one.inputs,
            input_tokens=self.input_tokens + (one.input_tokens or 0),
            cost=costs,
            unpriced=self.unpriced + (one.cost is None and not _is_own_server(one.gateway)),
        )


def _is_own_server(gateway: str) -> bool:
    row = GATEWAYS.get(gateway)
    return row is not None and row.self_hosted


class _Account:
    """The usage of a model object, shared by its threads; a copy starts with the original's."""

    def __init__(self, total: UsageTotal | None = None) -> None:
        self.total = total or UsageTotal()
        self._lock = threading.Lock()

    def add(self, usage: RequestUsage) -> None:
        with self._lock:
            self.total = self.total.plus(usage)

    def __reduce__(self) -> tuple[type[_Account], tuple[UsageTotal]]:
        return (_Account, (self.total,))


class RetrievalModel(ClientSettings):
    """The settings of a model that embeds or ranks texts."""

    model: str
    """The model's bare id; `"openrouter:qwen3-embedding-8b"` also names the gateway. An id that
    the catalogue does not know goes through unchanged."""
    price_book: InstanceOf[PriceBook] | None = Field(default=None, exclude=True, repr=False)
    """Your own prices, before the bundled ones; `PriceBook.from_toml(path)`."""
    price_discount: float | None = Field(default=None, gt=0, le=1)
    """The share of the list price that your account pays, such as 0.85."""
    max_concurrency: int = Field(default=8, ge=1)
    """How many requests of one call run at once, if a list is longer than one takes."""
    chunk_size: int | None = Field(default=None, ge=1)
    """Texts or documents in one request. None: as many as the model takes; if that is not known, 64
    texts or 500 documents."""
    rate_limiter: InstanceOf[BaseRateLimiter] | None = Field(default=None, exclude=True, repr=False)
    """A limiter that is asked before each request, like a chat model's."""
    extra_body: dict[str, Any] | None = None
    """Keys of the body that win over everything else."""
    on_usage: Callable[[RequestUsage], object] | None = Field(
        default=None, exclude=True, repr=False
    )
    """Called after each request with its usage; from several threads if requests overlap."""

    _account: _Account = PrivateAttr(default_factory=_Account)

    @property
    def usage(self) -> UsageTotal:
        """The usage of this object's requests so far, without failed attempts."""
        return self._account.total

    @model_validator(mode="before")
    @classmethod
    def _split_gateway_from_model(cls, data: Any) -> Any:
        """Split `openrouter:qwen3-embedding-8b` into gateway and model; other colons stay."""
        name = data.get("model") if isinstance(data, dict) else None
        head, colon, tail = name.partition(":") if isinstance(name, str) else ("", "", "")
        if colon and head in GATEWAYS and data.get("gateway") is None:
            return {**data, "model": tail, "gateway": head}
        return data

    @property
    def _prices(self) -> str:
        gateway = self._endpoint.gateway
        return gateway.price_list or gateway.name

    @property
    def _wire_model(self) -> str:
        """The gateway's spelling of the model."""
        return PriceBook.retrieval().wire_id(self._prices, self.model)

    @property
    def _known_model(self) -> Model | None:
        return PriceBook.retrieval().model(self.model)

    def _check_chunk_size(self, inputs: str) -> None:
        """Refuse a chunk that is larger than the model takes.

        Args:
            inputs: What the model takes, for the error: texts or documents.

        Raises:
            UnsupportedSettingError: `chunk_size` is too large.
        """
        known = self._known_model
        if self.chunk_size and known and known.max_inputs and self.chunk_size > known.max_inputs:
            raise UnsupportedSettingError(
                f"`chunk_size={self.chunk_size}`: {known.id!r} takes {known.max_inputs} {inputs}."
            )

    def _largest_chunk(self, otherwise: int) -> int:
        """Return how many inputs one request takes, or `otherwise` if that is not known."""
        known = self._known_model
        return self.chunk_size or (known.max_inputs if known else None) or otherwise

    def _send(
        self, request: ClientRequest, parse: Callable[[ResponseContext, HTTPBody], _Parsed]
    ) -> _Parsed:
        """Send a request once the rate limiter lets it, and return its parsed response."""
        if self.rate_limiter is not None:
            self.rate_limiter.acquire()
        return send(self._call(request), parse)

    async def _asend(
        self, request: ClientRequest, parse: Callable[[ResponseContext, HTTPBody], _Parsed]
    ) -> _Parsed:
        """`_send`, async."""
        if self.rate_limiter is not None:
            await self.rate_limiter.aacquire()
        return await asend(await self._acall(request), parse)

    def _offer(self) -> Offer | None:
        gateway = self._endpoint.gateway
        if gateway.billing == "plan":
            return None
        own = self.price_book.offer(self._prices, self.model) if self.price_book else None
        return own or PriceBook.retrieval().offer(self._prices, self.model)

    def _record(self, payload: Mapping[str, Any], body: HTTPBody, inputs: int) -> RequestUsage:
        """Price a request by its response, add it to the total, and report it."""
        gateway = self._endpoint.gateway
        raw = payload.get("usage")
        raw = raw if isinstance(raw, dict) else _tokens_of_meta(payload)
        counted = from_wire(raw)
        metadata = {"gateway": gateway.name, "requested_model": self.model, "gateway_usage": raw}
        usage = RequestUsage(
            gateway=gateway.name,
            model=self.model,
            inputs=inputs,
            input_tokens=counted["input_tokens"] if counted else None,
            cost=price_call(counted, metadata, self._offer(), discount=self.price_discount),
            request_id=request_id(body.headers, payload),
        )
        self._account.add(usage)
        if self.on_usage is not None:
            try:
                self.on_usage(usage)
            except Exception:  # a failing callback must not lose an answer that was paid for
                logger.exception("`on_usage` failed for a request to %r.", gateway.name)
        return usage


def check_text(name: str, text: Any, result: str) -> None:
    """Refuse a value that is no text, or has no words: servers do not say which input was wrong.

    Args:
        name: The input's name, in the error.
        text: The input.
        result: What the model makes of a text, in the error.

    Raises:
        MessageError: the message names the input.
    """
    if not isinstance(text, str):
        raise MessageError(f"{name} is {type(text).__name__}, not a text.")
    if not text.strip():
        raise MessageError(f"{name} is empty: leave it out, it has no {result}.")


def _tokens_of_meta(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the tokens from where Cohere's API, which SiliconFlow speaks, has them."""
    meta = payload.get("meta")
    tokens = meta.get("tokens") if isinstance(meta, dict) else None
    return tokens if isinstance(tokens, dict) else {}
