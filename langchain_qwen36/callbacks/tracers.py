"""Write the cost of a call where LangSmith and Langfuse read it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

from langchain_qwen36._logging import logger_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.outputs import LLMResult

    from langchain_qwen36.callbacks.records import CallRecord

logger = logger_for(__name__)

Costs = dict[str, float]
"""LangSmith's names for the total and its two parts, in dollars, without unknown ones."""


def write_costs(result: LLMResult, costs: Costs) -> None:
    """Write a call's dollars into the result that the handlers after this one receive.

    The caller's message is not changed: floats in its usage would break every sum over it, and on a
    chunk they break the stream itself.
    """
    message = _first_message(result)
    if not costs or message is None or message.usage_metadata is None:
        return
    first, *others = result.generations[0]
    priced = message.model_copy(update={"usage_metadata": {**message.usage_metadata, **costs}})
    # The list inside belongs to the caller's own result: replace it, do not write into it.
    result.generations[0] = [first.model_copy(update={"message": priced}), *others]


def costs_of(record: CallRecord) -> Costs:
    """Return the costs in a call's record."""
    if record.currency != "USD":
        return {}
    known: dict[str, Decimal | None] = {
        "input_cost": record.input_cost,
        "output_cost": record.output_cost,
        "total_cost": record.cost,
    }
    return {name: float(cost) for name, cost in known.items() if cost is not None}


def expose_costs(
    run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun,
) -> None:
    """Let the tracers of a run, and only they, read the cost of the message.

    A user's handler mostly comes after LangSmith's tracer, so the model does it: one handler before
    each tracer writes the costs into the usage, one after it removes them, since LangChain's own
    usage callback cannot add floats. For Langfuse the cost is written on its handler's span.
    LangChain does not pass its run to `_stream`, so plain streams need a handler with
    `trace_costs`.
    """
    from langchain_core.tracers.langchain import LangChainTracer  # noqa: PLC0415 (loaded by then)

    handlers: list[BaseCallbackHandler] = []
    for handler in run_manager.handlers:
        if isinstance(handler, LangChainTracer):
            writer = _CostInjector()
            handlers += [writer, handler, _CostRemover(writer)]
        elif type(handler).__module__.startswith("langfuse."):
            handlers += [_LangfuseCost(handler), handler]
        else:
            handlers.append(handler)
    run_manager.handlers = handlers


def langfuse_span() -> Any | None:
    """Return the span that Langfuse's handler opened for the call that begins now, if any.

    It is the current span when a plain `stream` begins. In `astream` LangChain runs that handler in
    a thread, whose context is lost.
    """
    from opentelemetry import trace  # noqa: PLC0415 (Langfuse is loaded, and stands on it)

    span = trace.get_current_span()
    attributes = getattr(span, "attributes", None) or {}
    is_of_a_model = (
        attributes.get("langfuse.observation.type") == "generation"
        and "langfuse.observation.metadata.ls_provider" in attributes
    )
    return span if is_of_a_model else None


def write_on_span(span: Any, bill: Mapping[str, Any] | None) -> None:
    """Write the cost of a call on Langfuse's span, in its attribute for it.

    See https://langfuse.com/integrations/native/opentelemetry#property-mapping.
    """
    if details := _langfuse_details(_costs_on(bill)):
        span.set_attribute("langfuse.observation.cost_details", json.dumps(details))


def _langfuse_details(costs: Costs) -> Costs:
    return {name.removesuffix("_cost"): cost for name, cost in costs.items()}


class _CostInjector(BaseCallbackHandler):
    """Writes the cost on the message into the usage."""

    run_inline = True  # LangChain runs other handlers of an async run later, out of order.

    def __init__(self) -> None:
        self.before: list[Any] = []
        """The result before the change."""

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Write the cost for the next tracer."""
        self.before = list(response.generations)
        if (message := _first_message(response)) is not None:
            write_costs(response, _costs_on(message.response_metadata.get("cost")))


class _LangfuseCost(BaseCallbackHandler):
    """Writes the cost of the message on the span of Langfuse's own handler, before the span ends.

    Langfuse's handler has no public way to a run's span; a failure is logged, and the span has no
    cost.
    """

    run_inline = True

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """Write the cost on the span that is still open."""
        message = _first_message(response)
        costs = _costs_on(message.response_metadata.get("cost")) if message else {}
        try:
            span = self._handler._runs.get(run_id)  # noqa: SLF001
            if span is not None and (details := _langfuse_details(costs)):
                span.update(cost_details=details)
        except Exception as error:  # noqa: BLE001 - another version's inner works
            logger.debug("Langfuse's span of %s takes no cost: %s", run_id, error)


class _CostRemover(BaseCallbackHandler):
    """Restores the result that was there before."""

    run_inline = True

    def __init__(self, writer: _CostInjector) -> None:
        self._writer = writer

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Restore the result: the tracer has made its copy."""
        response.generations[:] = self._writer.before


def _first_message(result: LLMResult) -> AIMessage | None:
    """Return the first message: it alone has usage if there are several generations."""
    first = next(iter(result.generations[0]), None) if result.generations else None
    message = first.message if isinstance(first, ChatGeneration) else None
    return message if isinstance(message, AIMessage) else None


def _costs_on(bill: Mapping[str, Any] | None) -> Costs:
    """Return the costs in a cost record; a reported cost has only a total."""
    if not bill or bill["currency"] != "USD":
        return {}
    if bill["basis"] == "reported":
        return {"total_cost": bill["total"]}
    parts = (Decimal(str(bill[part])) for part in ("input", "cache_read", "cache_write"))
    return {
        "input_cost": float(sum(parts)),
        "output_cost": bill["output"],
        "total_cost": bill["total"],
    }
