"""The handler: LangChain's events in, one record per call out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGenerationChunk
from typing_extensions import override

from langchain_qwen36.callbacks.budget import Budget
from langchain_qwen36.callbacks.langsmith import costs_of, write_costs
from langchain_qwen36.callbacks.ledger import Ledger
from langchain_qwen36.callbacks.pricer import PriceOf, Pricer
from langchain_qwen36.callbacks.reports.summary_view import LedgerView
from langchain_qwen36.callbacks.run_tree import RunTree
from langchain_qwen36.callbacks.tracked_call import (
    TrackedCall,
    gateway_of_start,
    record_abandoned,
    record_failure,
    record_success,
)
from langchain_qwen36.callbacks.usage_of import summarize_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from decimal import Decimal
    from uuid import UUID

    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import GenerationChunk, LLMResult

    from langchain_qwen36.callbacks.records import CallRecord
    from langchain_qwen36.catalog import PriceBook
    from langchain_qwen36.pricing import Money

logger = logging.getLogger(__name__)


class QwenCostCallbackHandler(LedgerView, BaseCallbackHandler):
    """Counts what every call costs, in threads, tasks, batches, agents and subgraphs.

        handler = QwenCostCallbackHandler(budget="0.50 USD")
        agent.invoke({"messages": [...]}, config={"callbacks": [handler]})
        print(handler)  # 0.0123 USD for 4 calls (…)

    Calls of other chat classes are priced too, where the model's name and the gateway are known.
    A call that was cut, cancelled or abandoned is booked by the last usage seen, else by an
    estimate, and marked; one that failed before there was anything to bill costs 0.

    One handler may be used by many threads and tasks at once. It keeps a record per call for as
    long as it lives, so give each job its own. It pickles and copies with its records; calls that
    are open just then are not taken along.

    Nothing but a spent budget ever raises in a call: errors of your own `price_of` and `on_record`
    are logged.
    """

    run_inline = True  # In async code too: before the call goes on, in its own context.

    def __init__(
        self,
        *,
        budget: str | Money | None = None,
        warn_at: float | None = None,
        book: PriceBook | None = None,
        price_as: str | None = None,
        price_of: PriceOf | None = None,
        discount: Decimal | float | str | None = None,
        trace_costs: bool = False,
        on_record: Callable[[CallRecord], None] | None = None,
    ) -> None:
        """Say how to price, and where to stop.

        Args:
            budget: E.g. `"0.50 USD"`. The call that would start after it is spent raises
                `BudgetExceededError`; an LLM-cache hit too, for the cache is asked later. Calls
                already running go on, so parallel ones may overrun it. Calls without a known
                price are not seen by it. A cost in another currency cannot be counted, so from
                then on calls are refused. Give it to the whole run (`config`, or a block): a
                model's `with_fallbacks` catches the refusal, and where the handler stands on that
                model alone, the fallback answers and is paid.
            warn_at: Share of the budget at which one warning is logged, e.g. 0.8.
            book: Prices to use instead of the bundled ones: `PriceBook.from_toml(path)`.
            price_as: Whose list prices calls that no list of their own gateway does: a gateway, for
                the same models, or `gateway:model`, such as `"dashscope-intl:qwen3.6-flash"`, for
                any: what your own server's tokens would have cost there. The report says so.
            price_of: Your own price of a call, `(model, gateway, usage_metadata) -> Money | None`.
            discount: What your account pays of the list, e.g. `"0.85"`; reported bills stay.
            trace_costs: Show LangSmith the cost of each call: the handlers after this one see it in
                the usage. LangSmith's is after it where this one stands in the `config` of the
                outermost call. LangChain's own usage callback must not be (T1). `ChatQwen36` does
                it by itself in all but `stream` and `astream`; other chat classes need this.
            on_record: Called with each record when it is booked. A call that was booked as
                abandoned and ends after all comes twice.

        Raises:
            ValueError: A setting that cannot be; the message names the form it takes.
        """
        self._pricer = Pricer(book=book, price_as=price_as, price_of=price_of, discount=discount)
        self._budget = Budget.of(budget, warn_at)
        self._trace_costs = trace_costs
        self._on_record = on_record
        self._ledger = Ledger()
        self._runs = RunTree()
        self._open: dict[UUID, TrackedCall] = {}
        self._outer: QwenCostCallbackHandler | None = None
        self._warned = False

    @property
    def raise_error(self) -> bool:  # type: ignore[override]
        """LangChain swallows a handler's errors unless asked: a budget must stop the call (P47)."""
        return any(handler._budget for handler in self._self_and_parents())  # noqa: SLF001

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runs": RunTree(), "_open": {}, "_outer": None}

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
        """Refuse the call when a budget is spent, else note its start."""
        for handler in self._self_and_parents():
            handler._check_budget()  # noqa: SLF001 (the same class)
        params = kwargs.get("invocation_params") or {}
        metadata = metadata or {}
        call = TrackedCall(
            run_id=run_id,
            parents=self._runs.ancestors(parent_run_id),
            name=kwargs.get("name") or (serialized or {}).get("name"),
            tags=tuple(tags or ()),
            model=metadata.get("ls_model_name") or params.get("model_name"),
            gateway=gateway_of_start(serialized, params, metadata),
            messages=tuple(messages[0]),
            tools=params.get("tools"),
        )
        self._open[run_id] = call
        self._runs.add_call(run_id, call.parents)

    @override
    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Keep a chunk until the call ends, for it may be cut; read only then."""
        call = self._open.get(run_id)
        if call is not None and isinstance(chunk, ChatGenerationChunk):
            call.chunks.append(chunk.message)

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Book a call that ended well."""
        if call := self._open.pop(run_id, None):
            record = record_success(call, summarize_result(response), self._pricer)
            if self._trace_costs:
                write_costs(response, costs_of(record))
            self._book(record)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Book a call that failed, was cancelled or whose stream was closed."""
        if call := self._open.pop(run_id, None):
            self._book(record_failure(call, error, self._pricer))

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
        """Note a run that calls may be made in: a chain, a tool, a retriever."""
        name = kwargs.get("name") or (serialized or {}).get("name")
        self._runs.start(run_id, parent_run_id, name)

    on_tool_start = on_retriever_start = on_chain_start  # type: ignore[assignment]

    @override
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Close the calls left open in a run that ends: nobody was told of their end (T3)."""
        self._close(self._runs.end(run_id), None)

    on_tool_end = on_retriever_end = on_chain_end  # type: ignore[assignment]

    @override
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """As `on_chain_end`; a cancelled run has cancelled its calls."""
        self._close(self._runs.end(run_id), error)

    on_tool_error = on_retriever_error = on_chain_error

    def close_open_calls(self) -> None:
        """Book the calls whose end was not told as abandoned, by estimate.

        LangChain tells no handler of a cancelled `ainvoke`, nor of a v3 stream that is dropped.
        Inside a chain or graph they are booked when that ends, and `get_qwen_cost_callback` does
        it on leaving; with a handler of your own, call this when the work is done. A call that
        is still running is booked again when it ends.
        """
        self._close(self._open, None)

    def set_parent(self, outer: QwenCostCallbackHandler | None) -> None:
        """Let another handler count, and refuse, what this one does."""
        self._outer = outer

    def _close(self, run_ids: Iterable[UUID], cause: BaseException | None) -> None:
        for run_id in tuple(run_ids):
            call = self._open.get(run_id)
            if call is not None and not call.recorded_as_abandoned:
                record = record_abandoned(call, cause, self._pricer)
                call.give_up()
                self._book(record)

    def _book(self, record: CallRecord) -> None:
        for handler in self._self_and_parents():
            if handler._ledger.book(record):  # noqa: SLF001 (the same class)
                handler._after_booking(record)  # noqa: SLF001

    def _after_booking(self, record: CallRecord) -> None:
        if self._budget and not self._warned and self._budget.warns(self._ledger.spent):
            self._warned = True
            logger.warning("%s of a budget of %s.", self, self._budget.limit)
        if self._on_record is None:
            return
        try:
            self._on_record(record)
        except Exception:
            # With a budget LangChain would raise it in the call, which has nothing to do with it.
            logger.exception("`on_record` failed for %s", record.run_id)

    def _check_budget(self) -> None:
        if self._budget:
            self._budget.check(self._ledger.spent)

    def _self_and_parents(self) -> Iterator[QwenCostCallbackHandler]:
        """This handler and those of the managers around it: each counts (P46)."""
        handler: QwenCostCallbackHandler | None = self
        while handler is not None:
            yield handler
            handler = handler._outer  # noqa: SLF001 (the same class)
