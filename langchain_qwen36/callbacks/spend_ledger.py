"""Reserve a handler's calls in a spend ledger before they are sent, and settle them after."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import var_child_runnable_config

from langchain_qwen36.callbacks.holds import parse_reserve
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend.entries import End, Start

if TYPE_CHECKING:
    from decimal import Decimal
    from uuid import UUID

    from langchain_qwen36.callbacks.holds import PendingCall
    from langchain_qwen36.callbacks.records import BilledAttempt, CallRecord, TokenCounts
    from langchain_qwen36.spend import Limit, SpendLedger

_FINAL = frozenset({"ok", "error"})


@dataclass(slots=True)
class _OpenCall:
    """A call that has not ended."""

    start: Start
    """Start of the request that is running."""
    is_reserved: bool = False


class DurableBook:
    """The open calls of one handler, in a ledger that outlives it."""

    def __init__(
        self,
        ledger: SpendLedger,
        *,
        limits: tuple[Limit, ...] = (),
        unpriced: str | Money = "refuse",
    ) -> None:
        """Store the ledger and the settings of its limits.

        Args:
            ledger: The ledger in which calls are reserved and settled.
            limits: Limits of this handler's calls, beside the ledger's own.
            unpriced: What limits do with a call whose cost cannot be known: `refuse`, `allow`, or
                the amount to hold and charge.
        """
        self.ledger = ledger
        self._limits = limits
        self._unpriced = unpriced
        self._open: dict[UUID, _OpenCall] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": {}}

    def reserve(self, call: PendingCall, *, by_model: bool) -> None:
        """Reserve a call.

        Args:
            call: The call that is about to be sent.
            by_model: Whether the model has the call admitted, just before it is sent, so that no
                event loop waits for a disk. Other chat classes cannot: their calls are reserved
                here.

        Raises:
            BudgetExceededError: A limit would be passed, so the call must not be sent.
            LedgerError: The ledger is down, and calls without it are refused.
        """
        opened = self._open[call.run_id] = _OpenCall(self._start(call))
        if not by_model:
            self._reserve(opened)

    def admit(self, run_id: UUID) -> None:
        """Reserve the first request of a call, which the model is about to send.

        Raises:
            BudgetExceededError: A limit would be passed, so it must not be sent.
            LedgerError: The ledger is down, and calls without it are refused.
        """
        if (opened := self._open.get(run_id)) and not opened.is_reserved:
            self._reserve(opened)

    async def aadmit(self, run_id: UUID) -> None:
        """`admit`, async."""
        if (opened := self._open.get(run_id)) and not opened.is_reserved:
            await self.ledger.areserve(opened.start)
            opened.is_reserved = True

    def next_request(self, run_id: UUID, billed: BilledAttempt) -> None:
        """Settle a request that may be billed, and reserve the one after it.

        Raises:
            BudgetExceededError: A limit would be passed, so it must not be sent.
            LedgerError: The ledger is down, and calls without it are refused.
        """
        if following := self._settle_request(run_id, billed):
            self.ledger.reserve(following)
            self._open[run_id].start = following

    async def anext_request(self, run_id: UUID, billed: BilledAttempt) -> None:
        """`next_request`, async."""
        if following := self._settle_request(run_id, billed):
            await self.ledger.areserve(following)
            self._open[run_id].start = following

    def settle(self, record: CallRecord) -> None:
        """Charge the cost of each request of a call, without waiting for the disk."""
        opened = self._open.get(record.run_id)
        if record.ending in _FINAL:
            self._open.pop(record.run_id, None)
        if opened is None:
            opened = _OpenCall(_start_of(record), is_reserved=True)
        elif not opened.is_reserved:
            opened.is_reserved = True
            if record.price_source in ("llm_cache", "not_billed") and not record.billed_attempts:
                return  # a cache answered, or it failed before it was reserved
        start = opened.start
        for number, attempt in enumerate(record.billed_attempts, 1):
            if number >= start.attempt:  # the earlier ones are settled
                self.ledger.settle_unawaited(
                    replace(start, attempt=number), _end_of(attempt, record, start)
                )
        last = max(start.attempt, len(record.billed_attempts) + 1)
        if record.price_source != "not_billed" or last == start.attempt:
            self.ledger.settle_unawaited(replace(start, attempt=last), _end(record, start))

    def release(self, run_id: UUID) -> None:
        """Release the hold of a call that another handler refused, and that is not sent."""
        opened = self._open.pop(run_id, None)
        if opened is not None and opened.is_reserved:
            self.ledger.release(opened.start)

    def _reserve(self, opened: _OpenCall) -> None:
        self.ledger.reserve(opened.start)
        opened.is_reserved = True

    def _settle_request(self, run_id: UUID, billed: BilledAttempt) -> Start | None:
        """Settle the running request of a call; return the start of the next one."""
        opened = self._open.get(run_id)
        if opened is None:
            return None
        start = opened.start
        self.ledger.settle_unawaited(start, _end_of(billed, None, start))
        return replace(start, attempt=start.attempt + 1)

    def _start(self, call: PendingCall) -> Start:
        likely, certain = call.hold or (None, None)
        if likely is None and isinstance(self._unpriced, Money):
            likely = certain = self._unpriced
        return Start(
            run_id=str(call.run_id),
            model=call.model or "",
            gateway=call.gateway or "",
            hold=likely,
            certain=certain,
            refuse_unpriced=self._unpriced == "refuse" and not call.is_reported,
            attribution=self.ledger.attribution(
                {**_context_of_graph(), **_configurable(), **call.metadata}, call.tags, call.tool
            ),
            limits=self._limits,
            started=call.started,
        )


def _configurable() -> dict[str, Any]:
    """Return the `configurable` of the graph that is running.

    LangGraph copies only some of its keys into the metadata: `thread_id`, but not `user_id`.
    """
    config = var_child_runnable_config.get()
    return dict(config.get("configurable") or {}) if config else {}


def _context_of_graph() -> dict[str, Any]:
    """Return the fields of the `context=` that the running graph was given.

    LangGraph names it as the place for a user's id, and copies none of it into the metadata.
    """
    langgraph = sys.modules.get("langgraph.runtime")  # a graph runs only if it was imported
    if langgraph is None or var_child_runnable_config.get() is None:
        return {}
    try:
        context = langgraph.get_runtime().context
    except (RuntimeError, KeyError, AttributeError):  # not in a graph
        return {}
    if isinstance(context, Mapping):
        return dict(context)
    if is_dataclass(context):
        return {field.name: getattr(context, field.name, None) for field in fields(context)}
    return dict(getattr(context, "__dict__", {}))


def check_ledger(ledger: object) -> None:
    """Refuse a ledger's URL in the place of the ledger.

    Raises:
        TypeError: The message shows the ledger of that URL.
    """
    if isinstance(ledger, str):
        raise TypeError(f"`ledger={ledger!r}` must be a SpendLedger: SpendLedger({ledger!r})")


def make_durable_book(
    ledger: SpendLedger | None, limits: tuple[Limit, ...], unpriced: str | Money
) -> DurableBook | None:
    """Parse a handler's `ledger=`, `limits=` and `unpriced=`.

    Raises:
        TypeError: `ledger` is another object, such as a ledger's URL.
        ValueError: There are limits without a ledger.
    """
    if ledger is None:
        if limits:
            raise ValueError("`limits=` are kept in a ledger: give the handler `ledger=` too")
        return None
    check_ledger(ledger)
    amount = unpriced if unpriced in ("refuse", "allow") else parse_reserve(unpriced)
    return DurableBook(ledger, limits=limits, unpriced=amount)


def _start_of(record: CallRecord) -> Start:
    """Return the start of a call that this handler did not see begin."""
    return Start(
        run_id=str(record.run_id),
        model=record.model or "",
        gateway=record.gateway or "",
        started=record.started,
    )


def _end(record: CallRecord, start: Start) -> End:
    """Return the end of a call's last request: the call without the requests before it."""
    tokens, cost, listed = record.tokens, record.cost, record.list_cost
    for attempt in record.billed_attempts:
        tokens = tokens - attempt.tokens
        if attempt.currency == record.currency:
            cost = None if cost is None else cost - (attempt.cost or 0)
            listed = None if listed is None else listed - (attempt.list_cost or 0)
    currency = record.currency or _currency(start)
    return End(
        cost=_money(cost, currency),
        listed=_money(listed, currency) if record.price_source == "reported" else None,
        source=record.price_source,
        estimated=record.estimated,
        ending=record.ending,
        error=record.error or "",
        model=record.model or "",
        gateway=record.gateway or "",
        tier=record.tier or "",
        request_id=record.request_id or "",
        response_id=record.response_id or "",
        ended=record.ended,
        **_token_columns(tokens),
    )


def _end_of(attempt: BilledAttempt, record: CallRecord | None, start: Start) -> End:
    """Return the end of a request before the last one."""
    return End(
        cost=_money(attempt.cost, attempt.currency or _currency(start)),
        source=record.price_source if record else "list",
        estimated=attempt.estimated,
        ending="error" if attempt.error else "ok",
        error=attempt.error or "",
        request_id=attempt.request_id or "",
        **_token_columns(attempt.tokens),
    )


def _token_columns(tokens: TokenCounts) -> dict[str, Any]:
    return {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_tokens": tokens.cache_write,
        "reasoning_tokens": tokens.reasoning,
    }


def _currency(start: Start) -> str:
    return start.hold.currency if start.hold else ""


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency)
