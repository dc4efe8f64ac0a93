"""The cost of a call where LangSmith looks for it: as floats in the usage (T1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

if TYPE_CHECKING:
    from decimal import Decimal

    from langchain_core.outputs import LLMResult

    from langchain_qwen36.callbacks.records import CallRecord


def write_costs(result: LLMResult, record: CallRecord) -> None:
    """Put a call's dollars into the result that the handlers after ours are given.

    The message that the caller gets is left as it is: floats in its usage would break every sum
    over it, and on a chunk they break the stream itself (T1). LangSmith's costs are in dollars,
    so other currencies are left out.
    """
    first = next(iter(result.generations[0]), None)
    if record.currency != "USD" or not isinstance(first, ChatGeneration):
        return
    if not isinstance(first.message, AIMessage) or first.message.usage_metadata is None:
        return
    usage = {**first.message.usage_metadata, **costs(record)}
    message = first.message.model_copy(update={"usage_metadata": usage})
    priced = first.model_copy(update={"message": message})
    # The list inside belongs to the caller's own result: replace it, do not write into it.
    result.generations[0] = [priced, *result.generations[0][1:]]


def costs(record: CallRecord) -> dict[str, float]:
    """LangSmith's names for the total and its two parts; what is unknown is left out."""
    known: dict[str, Decimal | None] = {
        "input_cost": record.input_cost,
        "output_cost": record.output_cost,
        "total_cost": record.cost,
    }
    return {name: float(cost) for name, cost in known.items() if cost is not None}
