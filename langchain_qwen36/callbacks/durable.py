"""Book a handler's calls in a spend ledger: reserve each before it is sent, settle it after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import var_child_runnable_config

from langchain_qwen36.callbacks.holds import parse_reserve
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend.admission import Admission, announce, withdraw
from langchain_qwen36.spend.entries import End, Start

if TYPE_CHECKING:
    from decimal import Decimal
    from uuid import UUID

    from langchain_qwen36.callbacks.holds import PendingCall
    from langchain_qwen36.callbacks.records import CallRecord
    from langchain_qwen36.spend import Limit, SpendLedger

_FINAL = frozenset({"ok", "error"})


class DurableBook:
    """The calls of one handler in a ledger that outlives it."""

    def __init__(
        self,
        ledger: SpendLedger,
        *,
        limits: tuple[Limit, ...] = (),
        unpriced: str | Money = "refuse",
    ) -> None:
        """Choose the ledger.

        Args:
            ledger: Where calls are reserved and settled.
            limits: Limits of this handler's calls, beside the ledger's own.
            unpriced: What limits do with a call whose cost cannot be known: `refuse`, `allow`,
                or the amount that is held and charged.
        """
        self.ledger = ledger
        self._limits = limits
        self._unpriced = unpriced
        self._admissions: dict[UUID, Admission] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_admissions": {}}

    def reserve(self, call: PendingCall, *, by_model: bool) -> None:
        """Reserve a call.

        Args:
            call: What is about to be sent.
            by_model: Whether the model reserves it, just before it is sent, so that no event
                loop waits for a disk. Other chat classes cannot: for them it is reserved here.

        Raises:
            BudgetExceededError: A limit would be passed, so the call must not be sent.
            LedgerError: The ledger is down, and calls without it are refused.
        """
        admission = Admission(self.ledger, self._start(call))
        self._admissions[call.run_id] = admission
        if by_model:
            announce(admission)
        else:
            admission.reserve()

    def settle(self, record: CallRecord) -> None:
        """Charge what a call cost; it does not wait for the disk."""
        admission = self._admissions.get(record.run_id)
        if record.ending in _FINAL:
            self._admissions.pop(record.run_id, None)
        if admission is None:
            self.ledger.settle(_start_of(record), _end(record, ""))
            return
        start = admission.start
        if admission.is_pending:
            admission.is_pending = False
            withdraw(record.run_id)
            if record.price_source in ("llm_cache", "not_billed"):
                return  # it was answered by a cache, or failed before it was reserved
        self.ledger.settle(start, _end(record, start.hold.currency if start.hold else ""))

    def release(self, run_id: UUID) -> None:
        """Give a hold back: another handler refused the call, which is not sent."""
        admission = self._admissions.pop(run_id, None)
        if admission is None:
            return
        if admission.is_pending:
            admission.is_pending = False
            withdraw(run_id)
        else:
            self.ledger.release(admission.start)

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
                {**_configurable(), **call.metadata}, call.tags, call.tool
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


def make_durable_book(
    ledger: SpendLedger | None, limits: tuple[Limit, ...], unpriced: str | Money
) -> DurableBook | None:
    """Read a handler's `ledger=`, `limits=` and `unpriced=`.

    Raises:
        TypeError: `ledger` is no ledger, such as its URL.
        ValueError: There are limits without a ledger.
    """
    if ledger is None:
        if limits:
            raise ValueError("`limits=` are kept in a ledger: give the handler `ledger=` too")
        return None
    if isinstance(ledger, str):
        raise TypeError(f"`ledger={ledger!r}` must be a SpendLedger: SpendLedger({ledger!r})")
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


def _end(record: CallRecord, currency: str) -> End:
    tokens = record.tokens
    return End(
        cost=_money(record.cost, record.currency or currency),
        source=record.price_source,
        estimated=record.estimated,
        ending=record.ending,
        error=record.error or "",
        model=record.model or "",
        gateway=record.gateway or "",
        tier=record.tier or "",
        request_id=record.request_id or "",
        response_id=record.response_id or "",
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        reasoning_tokens=tokens.reasoning,
        ended=record.ended,
    )


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency)
