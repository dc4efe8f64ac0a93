"""Convert a row's result to its outcome in the journal, and back to a message or an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.messages import AIMessage

from langchain_qwen36.bulk.records import answer_record, cost_in_units
from langchain_qwen36.bulk.types import Outcome
from langchain_qwen36.errors import QwenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.messages.ai import UsageMetadata

    from langchain_qwen36.bulk.types import Row


def outcome_of(
    key: str,
    ending: AIMessage | QwenError,
    fields: Mapping[str, Any] | None,
    parse: Callable[[AIMessage], Any] | None = None,
) -> Outcome:
    """Return the outcome of a row; an answer that cannot be parsed failed, but is billed.

    Args:
        key: The row's key.
        ending: The row's message or error.
        fields: The row's input.
        parse: The steps after the model in a chain.
    """
    if isinstance(ending, QwenError):
        return failed_outcome(key, ending, fields)
    parsed: Any = None
    if parse is not None:
        try:
            parsed = parse(ending)
        except Exception as error:  # noqa: BLE001 - any parser's error is the row's own
            return _paid(key, ending, state="failed", error=_error(error), fields=fields)
    return _paid(key, ending, parsed=parsed)


def failed_outcome(key: str, error: QwenError, fields: Mapping[str, Any] | None = None) -> Outcome:
    """Return the outcome of a row that was refused, was not run, or is lost."""
    return Outcome(key=key, state="failed", error=_error(error), fields=fields)


def _paid(
    key: str,
    message: AIMessage,
    *,
    state: Literal["done", "failed"] = "done",
    parsed: Any = None,
    error: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Outcome:
    cost, currency = cost_in_units(message)
    return Outcome(
        key=key,
        state=state,
        answer=_answer(message, parsed),
        usage=dict(message.usage_metadata) if message.usage_metadata else None,
        cost=cost,
        currency=currency,
        error=error,
        fields=fields,
    )


def _answer(message: AIMessage, parsed: Any) -> dict[str, Any]:
    return {
        **answer_record(message, parsed),
        "invalid_tool_calls": message.invalid_tool_calls or None,
        "response_metadata": message.response_metadata,
    }


def _error(error: Exception) -> dict[str, Any]:
    known = {name: getattr(error, name, None) for name in ("status_code", "code", "request_id")}
    return {
        "type": type(error).__name__,
        "message": str(error),
        "retryable": bool(getattr(error, "is_retryable", False)),
        **{name: value for name, value in known.items() if value is not None},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """The result of one row of a batch job: a message or an error."""

    id: str
    """The id as it was submitted."""
    message: AIMessage | None = None
    """The message with its usage, and its cost at the batch price in
    `response_metadata["cost"]`."""
    parsed: Any = None
    """The result of the steps after the model, as JSON holds it."""
    error: Mapping[str, Any] | None = None
    """The keys `type` (a class of `langchain_qwen36.errors`), `message`, `retryable`, and
    `status_code`, `code`, `request_id` if they are known; None: the row was answered."""

    @classmethod
    def of(cls, row: Row) -> BatchResult:
        """Convert a row of the journal."""
        return cls(
            id=row.id,
            message=_message(row),
            parsed=(row.answer or {}).get("parsed"),
            error=row.error if row.state == "failed" else None,
        )


def _message(row: Row) -> AIMessage | None:
    answer = row.answer
    if answer is None:
        return None
    reasoning = answer.get("reasoning")
    return AIMessage(
        content=answer.get("answer") or "",
        additional_kwargs={"reasoning_content": reasoning} if reasoning else {},
        tool_calls=answer.get("tool_calls") or [],
        invalid_tool_calls=answer.get("invalid_tool_calls") or [],
        usage_metadata=cast("UsageMetadata | None", row.usage),
        response_metadata=dict(answer.get("response_metadata") or {}),
    )
