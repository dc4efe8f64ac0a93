"""Count every call made inside a block: `with get_qwen_cost_callback() as cb:`."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, TypedDict

from langchain_qwen36.callbacks.handler import QwenCostCallbackHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from decimal import Decimal
    from typing import Unpack

    from langchain_qwen36.callbacks.budget import Unpriced
    from langchain_qwen36.callbacks.holds import Reserve
    from langchain_qwen36.callbacks.pricer import PriceOf
    from langchain_qwen36.callbacks.records import CallRecord
    from langchain_qwen36.catalog import PriceBook
    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend import Limit, SpendLedger

_current: ContextVar[QwenCostCallbackHandler | None] = ContextVar(
    "langchain_qwen36_cost", default=None
)


@cache
def _follow_the_context() -> None:
    """Register a hook by which LangChain finds a block's handler; once, as none can be removed.

    See docs/quirks.md#configure-hooks. LangChain's tracers take 15 ms to import, at the first
    block.
    """
    from langchain_core.tracers.context import register_configure_hook  # noqa: PLC0415

    register_configure_hook(_current, inheritable=True)


class CostSettings(TypedDict, total=False):
    """The keywords of `QwenCostCallbackHandler`.

    `trace_costs` is not among them: a block's handler always comes after LangSmith's.
    """

    budget: str | Money | None
    warn_at: float | None
    unpriced: Unpriced | Money
    reserve: Reserve | Money
    book: PriceBook | None
    price_as: str | None
    price_of: PriceOf | None
    discount: Decimal | float | str | None
    on_record: Callable[[CallRecord], Awaitable[None] | None] | None
    ledger: SpendLedger | None
    limits: Iterable[Limit]


@contextmanager
def get_qwen_cost_callback(**settings: Unpack[CostSettings]) -> Iterator[QwenCostCallbackHandler]:
    """Count the calls made inside the block, without passing a handler anywhere.

        with get_qwen_cost_callback(budget="0.50 USD") as cb:
            agent.invoke({"messages": [...]})
        print(cb)

    Blocks nest: a call counts in each enclosing block, and each budget applies. At the end of the
    block, calls whose end no event reported are recorded as abandoned (`close_open_calls`).

    Tasks, `batch`, `RunnableParallel` and graphs are included. A plain thread has an empty context:
    start it with `contextvars.copy_context().run`.

    Args:
        **settings: The keywords of `QwenCostCallbackHandler`.

    Raises:
        ValueError: An invalid setting.
    """
    with counting_in(QwenCostCallbackHandler(**settings)) as handler:
        yield handler


def current_handler() -> QwenCostCallbackHandler | None:
    """Return the handler of the innermost block."""
    return _current.get()


@contextmanager
def counting_in(handler: QwenCostCallbackHandler) -> Iterator[QwenCostCallbackHandler]:
    """Count the calls made inside the block in a handler, and in those of the enclosing blocks."""
    _follow_the_context()
    handler.set_parent(_current.get())
    token = _current.set(handler)
    try:
        yield handler
    finally:
        # An async generator may be closed by another task, whose context cannot be reset here: the
        # handler stays in the old context for good, so it is stopped.
        handler.stop()
        with suppress(ValueError):
            _current.reset(token)
        handler.close_open_calls()
