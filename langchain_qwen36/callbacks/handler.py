"""Turn LangChain's events into one record for each call."""

from __future__ import annotations

import inspect
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGenerationChunk
from typing_extensions import override

from langchain_qwen36._logging import logger_for
from langchain_qwen36.callbacks.async_records import awaiting, run_pending
from langchain_qwen36.callbacks.budget import Budget, Unpriced
from langchain_qwen36.callbacks.call_admission import CallAdmission
from langchain_qwen36.callbacks.holds import HoldEstimator, Reserve, pending_call
from langchain_qwen36.callbacks.ledger import Balance, Ledger
from langchain_qwen36.callbacks.pricer import PriceOf, Pricer
from langchain_qwen36.callbacks.reports.summary_view import LedgerView
from langchain_qwen36.callbacks.response_summary import summarize_result
from langchain_qwen36.callbacks.run_tree import RunTree
from langchain_qwen36.callbacks.spend_ledger import make_durable_book
from langchain_qwen36.callbacks.tracers import costs_of, write_costs
from langchain_qwen36.callbacks.tracked_call import (
    OUR_TYPE,
    TrackedCall,
    gateway_of_start,
    record_abandoned,
    record_failure,
    record_success,
    short_values,
)
from langchain_qwen36.errors import BudgetExceededError, LedgerError
from langchain_qwen36.spend.announced_calls import announce, withdraw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from decimal import Decimal
    from uuid import UUID

    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import GenerationChunk, LLMResult

    from langchain_qwen36.callbacks.records import CallRecord
    from langchain_qwen36.catalog import PriceBook
    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend import Limit, SpendLedger

logger = logger_for(__name__)


@dataclass(slots=True, kw_only=True)
class CountedCall(TrackedCall):
    """A tracked call with the handlers that count it: its own and the enclosing ones."""

    handlers: tuple[QwenCostCallbackHandler, ...] = ()


class QwenCostCallbackHandler(LedgerView, BaseCallbackHandler):
    """Counts what every call costs, in threads, tasks, batches, agents and subgraphs.

        handler = QwenCostCallbackHandler(budget="0.50 USD")
        agent.invoke({"messages": [...]}, config={"callbacks": [handler]})
        print(handler)  # 0.0123 USD for 4 calls (…)

    Calls of other chat classes are priced too, if the model's name and the gateway are known. A
    call that was cut, cancelled or abandoned is recorded with the last usage received, else with an
    estimate, and marked; one that failed before the gateway could bill it costs 0.

    One handler may be used by many threads and tasks at once. It keeps a record for each call as
    long as it lives, so give each job its own. It pickles and copies with its records, without
    calls in flight.

    Only the budget ever raises in a call: errors of your own `price_of` and `on_record` are logged.
    """

    run_inline = True  # In async code too: before the call goes on, in its own context.

    def __init__(
        self,
        *,
        budget: str | Money | None = None,
        warn_at: float | None = None,
        unpriced: Unpriced | Money = "refuse",
        reserve: Reserve | Money = "likely",
        book: PriceBook | None = None,
        price_as: str | None = None,
        price_of: PriceOf | None = None,
        discount: Decimal | float | str | None = None,
        trace_costs: bool = False,
        on_record: Callable[[CallRecord], Awaitable[None] | None] | None = None,
        ledger: SpendLedger | None = None,
        limits: Iterable[Limit] = (),
    ) -> None:
        """Initialize the handler.

        Args:
            budget: An amount such as `"0.50 USD"`, in the currency that the gateway charges. The
                estimated cost of a call is reserved before it is sent; a call that does not fit
                raises `BudgetExceededError` (also if LangChain's cache would answer it, since the
                cache is read later). Pass the handler to the whole run (`config`, or a block): a
                model's `with_fallbacks` catches the refusal, and if the handler is on that model
                alone, the fallback answers and is paid.
            warn_at: Share of the budget at which one warning is logged, e.g. 0.8.
            unpriced: What the budget does with a call whose cost cannot be known: `"refuse"` it,
                `"allow"` it uncounted, or charge an amount such as `"0.02 USD"`.
            reserve: How much to hold for a call in flight: `"likely"` (its estimated input and the
                usual answer of its model), `"worst"` (its longest answer and reasoning) or an
                amount. Calls may overrun the budget by the cost beyond their holds.
            book: Prices to use instead of the bundled ones: `PriceBook.from_toml(path)`.
            price_as: The price list for calls that no list of their own gateway prices: a gateway,
                for the same models, or `gateway:model`, such as `"dashscope-intl:qwen3.6-flash"`,
                for any: what your own server's tokens would have cost there. The report says so.
            price_of: Your own price of a call, `(model, gateway, usage_metadata) -> Money | None`.
            discount: The share of the list price that your account pays, e.g. `"0.85"`; reported
                costs stay.
            trace_costs: Whether to show LangSmith the cost of each call: the handlers after this
                one see it in the usage. LangSmith's handler comes after it if this one is in the
                `config` of the outermost call. LangChain's own usage callback must not come after
                it. `ChatQwen36` does this by itself in all but `stream` and `astream`; other chat
                classes need it.
            on_record: Called with each finished record; it may be async. A call that was recorded
                as abandoned and ends after all comes twice.
            ledger: A `SpendLedger`, in which each call is reserved before it is sent and settled
                when it ends; its limits may refuse calls. Only the newest records stay in memory.
            limits: Limits of these calls in the ledger, beside its own.

        Raises:
            ValueError: A setting is invalid; the message names the form it takes.
        """
        self._pricer = Pricer(book=book, price_as=price_as, price_of=price_of, discount=discount)
        self._estimator = HoldEstimator(self._pricer, reserve)
        self._trace_costs = trace_costs
        self._on_record = on_record
        self._ledger = Ledger(
            Budget.of(budget, warn_at, unpriced), max_records=_RECORDS_KEPT if ledger else None
        )
        self._durable = make_durable_book(ledger, tuple(limits), unpriced)
        self._runs = RunTree()
        self._open: dict[UUID, CountedCall] = {}
        self._parent: QwenCostCallbackHandler | None = None
        self._closed = False
        self._warned = False
        self._saving: list[Awaitable[None]] = []
        if inspect.iscoroutinefunction(on_record):
            self._await_records()
        _handlers.add(self)

    @property
    def raise_error(self) -> bool:  # type: ignore[override]
        """Whether LangChain raises this handler's errors: the refusals of a budget."""
        return any(h._ledger.budget or h._durable for h in self._self_and_parents())  # noqa: SLF001

    def __getstate__(self) -> dict[str, Any]:
        own = {k: v for k, v in self.__dict__.items() if k not in _ASYNC_HOOKS}
        return {**own, "_runs": RunTree(), "_open": {}, "_parent": None, "_saving": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if inspect.iscoroutinefunction(self._on_record):
            self._await_records()
        _handlers.add(self)

    @override
    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Hold the estimated cost of a call, or refuse the call, and track its start."""
        params = kwargs.get("invocation_params") or {}
        metadata = metadata or {}
        parents = self._runs.ancestors(parent_run_id)
        call = CountedCall(
            run_id=run_id,
            parents=parents,
            name=kwargs.get("name") or (serialized or {}).get("name"),
            tags=tuple(tags or ()),
            model=metadata.get("ls_model_name") or params.get("model_name"),
            gateway=gateway_of_start(serialized, params, metadata),
            messages=tuple(messages[0]),
            tools=params.get("tools"),
            params=params,
            metadata=short_values(metadata),
            tool=self._runs.tool_around(parent_run_id),
        )
        if self._reserve(call):
            self._open[run_id] = call
            self._runs.add_call(run_id, call.parents)
            if params.get("_type") == OUR_TYPE:
                announce(run_id, self._admission(call))

    @override
    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Keep a chunk until the call ends, since the call may be cut; it is read only then."""
        call = self._open.get(run_id)
        if call is not None and isinstance(chunk, ChatGenerationChunk):
            call.chunks.append(chunk.message)

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Record a call that succeeded."""
        if call := self._open.pop(run_id, None):
            record = record_success(call, summarize_result(response), self._pricer)
            if self._trace_costs:
                write_costs(response, costs_of(record))
            self._settle(call, record)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Record a call that failed, was cancelled or whose stream was closed.

        A call that a ledger's limit refused was not sent, and is not recorded.
        """
        if call := self._open.pop(run_id, None):
            is_refusal = isinstance(error, BudgetExceededError | LedgerError)
            self._end(call, error, sent=bool(call.billed_attempts) or not is_refusal)

    @override
    def on_chain_start(  # type: ignore[override]  # a tool's start has `inputs` by name too
        self,
        serialized: dict[str, Any],
        inputs: dict[str, Any],
        /,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Track a run in which calls may be made: a chain, a tool, a retriever."""
        name = kwargs.get("name") or (serialized or {}).get("name")
        self._runs.start(run_id, parent_run_id, name)

    on_retriever_start = on_chain_start  # type: ignore[assignment]

    @override
    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Track a tool in which calls may be made."""
        name = kwargs.get("name") or (serialized or {}).get("name")
        self._runs.start(run_id, parent_run_id, name, is_tool=True)

    @override
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Close the calls left open in a run that ends: no event reported their end."""
        self._close(self._runs.end(run_id), None)

    on_tool_end = on_retriever_end = on_chain_end  # type: ignore[assignment]

    @override
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Close the calls left open in a failed run; a cancelled run has cancelled its calls."""
        self._close(self._runs.end(run_id), error)

    on_tool_error = on_retriever_error = on_chain_error

    def close_open_calls(self) -> None:
        """Record the calls whose end LangChain never reported as abandoned, by estimate.

        LangChain tells no handler that a v3 stream was dropped, nor, for chat classes other than
        ours, that an `ainvoke` was cancelled. Inside a chain or graph such calls are recorded when
        it ends, and at the end of a `get_qwen_cost_callback` block; with a handler of your own,
        call this when the work is done. A call that is still running is recorded again when it
        ends.
        """
        self._close(self._open, None)
        run_pending(self._saving)

    def cancel(self, run_id: UUID, error: BaseException, *, sent: bool = True) -> None:
        """Record a call that was cancelled; one that was not sent leaves no record and no hold."""
        if call := self._open.pop(run_id, None):
            self._end(call, error, sent=sent)
            run_pending(self._saving)

    def set_parent(self, parent: QwenCostCallbackHandler | None) -> None:
        """Forward records and budget checks to an enclosing handler."""
        self._parent = parent

    def charge_to(self, balance: Balance) -> None:
        """Charge the calls of this handler to an account that outlives it."""
        self._ledger.balance = balance

    def charges(self, balance: Balance) -> bool:
        """Return whether this handler, or an enclosing one, charges calls to an account."""
        return any(handler._ledger.balance is balance for handler in self._self_and_parents())  # noqa: SLF001

    def stop(self) -> None:
        """Ignore all calls that start from now on; the enclosing handlers still count them."""
        self._closed = True

    def _end(self, call: CountedCall, error: BaseException, *, sent: bool) -> None:
        """Record a call that an exception ended; one that was not sent leaves nothing."""
        if sent:
            self._settle(call, record_failure(call, error, self._pricer))
        else:
            self._drop(call)

    def _close(self, run_ids: Iterable[UUID], cause: BaseException | None) -> None:
        for run_id in tuple(run_ids):
            call = self._open.get(run_id)
            if call is not None and not call.recorded_as_abandoned:
                record = record_abandoned(call, cause, self._pricer)
                call.mark_as_abandoned()
                self._settle(call, record)

    def _reserve(self, call: CountedCall) -> bool:
        """Hold a call's estimated cost in each enclosing handler; return False if none counts it.

        Raises:
            BudgetExceededError: A handler refuses the call; nothing is held then.
        """
        call.handlers = tuple(self._self_and_parents())
        try:
            for handler in call.handlers:
                handler._hold(call)  # noqa: SLF001 (the same class)
        except BudgetExceededError:
            # Handlers of other callback managers may have admitted the call before this one.
            for handler in list(_handlers):
                handler._forget(call.run_id)  # noqa: SLF001
            withdraw(call.run_id)
            raise
        return bool(call.handlers)

    def _hold(self, call: CountedCall) -> None:
        durable, lengths = self._durable, self._ledger.balance.lengths
        counts, ledger = self._ledger.budget or durable, durable.ledger if durable else None
        hold = self._estimator.estimate(call, lengths, ledger) if counts else None
        self._ledger.reserve(pending := pending_call(call, hold))
        if durable is not None:
            durable.reserve(pending, by_model=call.params.get("_type") == OUR_TYPE)

    def _admission(self, call: CountedCall) -> CallAdmission:
        ledgers = tuple(handler._ledger for handler in call.handlers)  # noqa: SLF001 (the same class)
        durable = tuple(handler._durable for handler in call.handlers if handler._durable)  # noqa: SLF001
        return CallAdmission(call, self._pricer, ledgers, durable)

    @staticmethod
    def _drop(call: CountedCall) -> None:
        """Release the holds of a call that was not sent."""
        withdraw(call.run_id)
        for handler in call.handlers:
            handler._forget(call.run_id)  # noqa: SLF001 (the same class)

    def _forget(self, run_id: UUID) -> None:
        """Drop a call that another handler refused: it is not sent."""
        self._ledger.release(run_id)
        if self._durable is not None:
            self._durable.release(run_id)
        self._open.pop(run_id, None)

    def _settle(self, call: CountedCall, record: CallRecord) -> None:
        withdraw(call.run_id)
        for handler in call.handlers:
            if handler._ledger.settle(record):  # noqa: SLF001 (the same class)
                handler._ledger.balance.lengths.learn(call.model, record)  # noqa: SLF001
                handler._after_booking(record)  # noqa: SLF001

    def _after_booking(self, record: CallRecord) -> None:
        if self._durable is not None:
            self._durable.settle(record)
        budget = self._ledger.budget
        if budget and not self._warned and budget.warns(self._ledger.spent):
            self._warned = True
            logger.warning("%s of a budget of %s.", self, budget.limit)
        if self._on_record is None:
            return
        try:
            saving = self._on_record(record)
        except Exception:
            # With a budget LangChain would raise it in the call, which has nothing to do with it.
            logger.exception("`on_record` failed for %s", record.run_id)
        else:
            if inspect.isawaitable(saving):
                self._saving.append(saving)

    def _self_and_parents(self) -> Iterator[QwenCostCallbackHandler]:
        """Yield this handler and those of the enclosing blocks that still count."""
        handler: QwenCostCallbackHandler | None = self
        while handler is not None:
            if not handler._closed:  # noqa: SLF001 (the same class)
                yield handler
            handler = handler._parent  # noqa: SLF001

    def _await_records(self) -> None:
        """Make the hooks that finish records async: LangChain then awaits `on_record`."""
        for name in _ASYNC_HOOKS:
            setattr(self, name, awaiting(getattr(type(self), name).__get__(self), self._saving))


_ASYNC_HOOKS = (
    "on_llm_end",
    "on_llm_error",
    "on_chain_end",
    "on_chain_error",
    "on_tool_end",
    "on_tool_error",
    "on_retriever_end",
    "on_retriever_error",
)
"""The hooks that finish records."""
_RECORDS_KEPT = 1000
"""Records in memory if a ledger keeps them all."""
_handlers: weakref.WeakSet[QwenCostCallbackHandler] = weakref.WeakSet()


def book_cancelled_call(
    handlers: Iterable[BaseCallbackHandler], run_id: UUID, error: BaseException, *, sent: bool
) -> None:
    """Record a cancelled call in the cost handlers of a run, or drop it if it was not sent."""
    for handler in handlers:
        if isinstance(handler, QwenCostCallbackHandler):
            handler.cancel(run_id, error, sent=sent)


def book_unsent_call(run_id: UUID, error: BaseException) -> None:
    """Drop a call that ended before it was sent in all cost handlers: it costs nothing."""
    for handler in list(_handlers):
        if isinstance(error, Exception):
            handler.on_llm_error(error, run_id=run_id)
        else:
            handler.cancel(run_id, error, sent=False)
