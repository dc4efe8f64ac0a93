"""Export each call as an OpenTelemetry span, in the GenAI semantic conventions (extra `otel`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.trace import TracerProvider

    from langchain_qwen36.callbacks.records import CallRecord

Attribute = str | int | float | bool


def export_span(record: CallRecord, tracer_provider: TracerProvider | None = None) -> None:
    """Write one finished client span for a call, below the current span.

    Pass it to a handler: `QwenCostCallbackHandler(on_record=export_span)`. The span has the call's
    times.

    Args:
        record: The call.
        tracer_provider: The provider of the span; None: the global one.

    Raises:
        ImportError: The extra `otel` is not installed.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ImportError(
            "`export_span` needs opentelemetry-api, which is not installed: "
            'pip install "langchain-qwen36[otel]".'
        ) from error
    tracer = trace.get_tracer("langchain_qwen36", tracer_provider=tracer_provider)
    span = tracer.start_span(
        f"chat {record.model}" if record.model else "chat",
        kind=trace.SpanKind.CLIENT,
        attributes=genai_attributes(record),
        start_time=_nanoseconds(record.started),
    )
    if record.ending != "ok":
        span.set_status(trace.StatusCode.ERROR, record.ending)
    span.end(_nanoseconds(record.ended))


def genai_attributes(record: CallRecord) -> dict[str, Attribute]:
    """Return a call's `gen_ai.*` attributes, without unknown ones.

    The detailed cost keys follow a proposal for the GenAI conventions
    (https://github.com/open-telemetry/semantic-conventions-genai/issues/443): an amount, its
    currency, and whether the provider reported it. `gen_ai.usage.cost` is the flat form in US
    dollars that trace backends such as Langfuse read.
    """
    tokens = record.tokens
    known: dict[str, Attribute | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": record.gateway,
        "gen_ai.request.model": record.model,
        "gen_ai.response.model": record.response_model,
        "gen_ai.response.id": record.response_id,
        "gen_ai.conversation.id": _conversation(record),
        "gen_ai.usage.input_tokens": tokens.input,
        "gen_ai.usage.output_tokens": tokens.output,
        "gen_ai.usage.cache_read.input_tokens": tokens.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": tokens.cache_write,
        "gen_ai.usage.reasoning.output_tokens": tokens.reasoning,
        "error.type": record.error,
        "langchain_qwen36.price_tier": record.tier,
        "langchain_qwen36.estimated": record.estimated,
    }
    if record.cost is not None and record.currency is not None:
        known |= {
            "gen_ai.usage.cost": float(record.cost) if record.currency == "USD" else None,
            "gen_ai.usage.cost.amount": float(record.cost),
            "gen_ai.usage.cost.currency": record.currency,
            "gen_ai.usage.cost.source": "provider"
            if record.price_source == "reported"
            else "local",
        }
    return {name: value for name, value in known.items() if value is not None}


def _conversation(record: CallRecord) -> str | None:
    ids = (record.metadata.get(key) for key in ("thread_id", "session_id", "conversation_id"))
    return next((str(id_) for id_ in ids if id_), None)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
