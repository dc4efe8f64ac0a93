"""Track a call from its start event to its record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from langchain_qwen36 import tokens
from langchain_qwen36._request.prompt_size import prompt_size_of_run
from langchain_qwen36._response.errors.billing import may_be_billed
from langchain_qwen36.callbacks.attempts import (
    add_attempt,
    attempts_of,
    bill_attempt,
    list_attempt,
    token_counts,
)
from langchain_qwen36.callbacks.pricer import PricedCall, Pricer
from langchain_qwen36.callbacks.records import BilledAttempt, CallRecord, Ending, Parent
from langchain_qwen36.callbacks.response_summary import (
    ResponseSummary,
    summarize_messages,
    usable_usage,
)
from langchain_qwen36.errors import QwenError
from langchain_qwen36.gateways import GATEWAYS, gateway_of_host
from langchain_qwen36.spend.accounts import METADATA_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage

OUR_TYPE = "qwen36-chat"
"""`_llm_type` of our model, which reserves its calls in a ledger itself."""
_MAX_METADATA_CHARS = 256
"""Most characters; longer texts are hardly ids, and a record must not keep a prompt."""
_ACCOUNT_KEYS = frozenset(key for keys in METADATA_KEYS.values() for key in keys)
"""Metadata keys that name a call's accounts; they are kept whoever set them."""


@dataclass(slots=True, kw_only=True)
class TrackedCall:
    """A call that has started. Its prompt and chunks are dropped when it ends."""

    run_id: UUID
    parents: tuple[Parent, ...]
    name: str | None
    tags: tuple[str, ...]
    model: str | None
    """The requested model."""
    gateway: str | None
    messages: Sequence[BaseMessage]
    tools: Sequence[Any] | None
    params: Mapping[str, Any] = field(default_factory=dict)
    """The run's `invocation_params`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Metadata of the run's config."""
    tool: str | None = None
    """The tool in which the call is made."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    chunks: list[BaseMessage] = field(default_factory=list)
    billed_attempts: list[Mapping[str, Any]] = field(default_factory=list)
    """Earlier requests of the call that the gateway may bill."""
    prompt_tokens: int | None = None
    """Our count of the prompt; made only if the gateway's never came."""
    recorded_as_abandoned: bool = False
    """Whether it was recorded as abandoned; a later end event replaces the record."""

    def count_prompt(self) -> int:
        """Return our count of the prompt's tokens, as it is sent; counted once."""
        if self.prompt_tokens is None:
            self.prompt_tokens = self._count_prompt()
        return self.prompt_tokens

    def _count_prompt(self) -> int:
        gateway = GATEWAYS.get(self.gateway or "")
        if gateway is None or self.params.get("_type") != OUR_TYPE:  # another package's model
            return tokens.count_messages(self.messages, self.tools)
        return prompt_size_of_run(self.messages, self.tools, self.params, self.model or "", gateway)

    def bill(
        self, attempt: Mapping[str, Any], pricer: Pricer, gateway: str | None
    ) -> BilledAttempt:
        """Price a request before the last one."""
        return bill_attempt(attempt, pricer, self.model, gateway, self.count_prompt)

    def mark_as_abandoned(self) -> None:
        """Drop all but what a late end needs."""
        self.recorded_as_abandoned, self.messages, self.chunks = True, (), []


def short_values(metadata: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return the numbers, ids and short texts of a run's metadata, without LangSmith's own keys.

    What names an account is never left out, only cut: the call would pass the account's limit.
    """
    values = {
        key: _short(value, is_account=key in _ACCOUNT_KEYS)
        for key, value in metadata.items()
        if key in _ACCOUNT_KEYS or not key.startswith(("ls_", "lc_", "langgraph_"))
    }
    return {key: value for key, value in values.items() if value is not None}


def _short(value: Any, *, is_account: bool) -> str | int | float | None:
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and len(value) > _MAX_METADATA_CHARS:
        return value[:_MAX_METADATA_CHARS] if is_account else None
    return value


def gateway_of_start(
    serialized: Mapping[str, Any] | None, params: Mapping[str, Any], metadata: Mapping[str, Any]
) -> str | None:
    """Return the gateway that a call goes to, as far as its start event tells.

    Our model has the gateway in its parameters; a class that was made for one gateway is named like
    it; for others the base URL may be known.
    """
    if isinstance(gateway := params.get("gateway"), str):
        return gateway
    if (provider := metadata.get("ls_provider")) in GATEWAYS:
        return cast("str", provider)
    kwargs = (serialized or {}).get("kwargs") or {}
    for key in ("base_url", "openai_api_base", "api_base"):
        if isinstance(url := kwargs.get(key), str) and (known := gateway_of_host(url)):
            return known.name
    return None


def record_success(call: TrackedCall, response: ResponseSummary, pricer: Pricer) -> CallRecord:
    """Return the record of a call that succeeded; without usage it is estimated."""
    if _from_llm_cache(response):
        return _record(call, response, PricedCall(None, "llm_cache"), _End("ok"), pricer)
    return _priced(call, response, _End("ok"), pricer)


def record_failure(call: TrackedCall, error: BaseException, pricer: Pricer) -> CallRecord:
    """Return the record of a call that an exception ended, with the cost that may be billed.

    See docs/quirks.md#calls-that-end-early.
    """
    response = summarize_messages(call.chunks)
    if isinstance(error, QwenError):
        if error.partial is not None:
            response = summarize_messages([error.partial])
        response = response._replace(metadata={**response.metadata, **attempts_of(error)})
    name = type(error).__name__
    if response.usage is None and not response.text and not may_be_billed(error):
        end = _End(ending_of(error), error=name)
        record = _record(call, response, PricedCall(None, "not_billed"), end, pricer)
        return _with_attempts(record, response, call, pricer)
    # The last usage of a cut answer is complete only if the answer had its finish reason.
    cut = "finish_reason" not in response.metadata
    return _priced(call, response, _End(ending_of(error), estimated=cut, error=name), pricer)


def record_abandoned(call: TrackedCall, cause: BaseException | None, pricer: Pricer) -> CallRecord:
    """Return the record of a call whose end no event reported, given what ended its run.

    See docs/quirks.md#cancelled-calls.
    """
    ending = ending_of(cause) if cause and not isinstance(cause, Exception) else "abandoned"
    return _priced(call, summarize_messages(call.chunks), _End(ending, estimated=True), pricer)


def ending_of(error: BaseException) -> Ending:
    """Return how an exception ends a call."""
    if isinstance(error, GeneratorExit):
        return "abandoned"
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return "cancelled"
    return "error"


def _from_llm_cache(response: ResponseSummary) -> bool:
    """Return whether LangChain's cache answered: it writes an integer 0, a free call has a float.

    See docs/quirks.md#answers-from-langchains-cache.
    """
    mark = (response.usage or {}).get("total_cost")
    return type(mark) is int and mark == 0


class _End(NamedTuple):
    """The end of a call."""

    ending: Ending
    estimated: bool = False
    error: str | None = None


def _priced(call: TrackedCall, response: ResponseSummary, end: _End, pricer: Pricer) -> CallRecord:
    usage = usable_usage(response.usage)
    if usage != response.usage:
        response, end = response._replace(usage=usage), end._replace(estimated=True)
    if usage is None:
        usage = _estimate(call, response.text)
        response, end = response._replace(usage=usage), end._replace(estimated=True)
    names, gateway = _names(call, response.metadata), _gateway(call, response.metadata)
    priced = pricer.price(usage, response.metadata, names, gateway)
    record = _record(call, response, priced, end, pricer)
    return _with_attempts(record, response, call, pricer)


def _with_attempts(
    record: CallRecord, response: ResponseSummary, call: TrackedCall, pricer: Pricer
) -> CallRecord:
    """Add the requests before the last one, which a cancelled call alone knows.

    An answer after which the call continued is already in the sums of the last message, or an error
    carries it as partial.
    """
    metadata = response.metadata
    for attempt in call.billed_attempts or metadata.get("failed_attempts") or ():
        billed = call.bill(attempt, pricer, record.gateway)
        is_held = attempt.get("error") is None and (
            "requests" in metadata or attempt.get("usage") == response.usage
        )
        record = (list_attempt if is_held else add_attempt)(record, billed)
    return record


def _record(
    call: TrackedCall, response: ResponseSummary, priced: PricedCall, end: _End, pricer: Pricer
) -> CallRecord:
    return CallRecord(
        run_id=call.run_id,
        parents=call.parents,
        name=call.name,
        tags=call.tags,
        model=pricer.model_id(*_names(call, response.metadata)),
        gateway=_gateway(call, response.metadata),
        tier=priced.tier,
        tokens=token_counts(response.usage or {}),
        cost=priced.amount,
        currency=priced.money.currency if priced.money else None,
        input_cost=priced.input,
        output_cost=priced.output,
        list_cost=priced.listed,
        price_source=priced.source,
        estimated=end.estimated,
        ending=end.ending,
        error=end.error,
        started=call.started,
        ended=datetime.now(UTC),
        request_id=_text(response.metadata.get("request_id")),
        response_id=_text(response.metadata.get("id")),
        response_model=_text(response.metadata.get("model_name")),
        attempts=response.metadata.get("attempts") or 1,
        metadata=call.metadata,
        tool=call.tool,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _names(call: TrackedCall, metadata: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return the requested model, by which the call is priced, and the response's name of it."""
    return (call.model, metadata.get("model_name"))


def _gateway(call: TrackedCall, metadata: Mapping[str, Any]) -> str | None:
    name = metadata.get("gateway")
    return name if isinstance(name, str) else call.gateway


def _estimate(call: TrackedCall, text: str) -> dict[str, int]:
    read, written = call.count_prompt(), tokens.count_text(text)
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
