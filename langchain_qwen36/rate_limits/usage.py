"""Read the tokens that a call used from its response or error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.outputs import ChatGeneration

from langchain_qwen36.errors import (
    BudgetExceededError,
    GatewayTimeoutError,
    MessageError,
    MissingKeyError,
    UnsupportedSettingError,
)

if TYPE_CHECKING:
    from langchain_core.outputs import LLMResult

_NOT_SENT = (BudgetExceededError, MessageError, MissingKeyError, UnsupportedSettingError)
_ERROR_STATUS = 400


def tokens_of(response: LLMResult) -> int | None:
    """Return a response's total tokens; None if unknown, or if LangChain's cache gave it."""
    generation = next((one for batch in response.generations for one in batch), None)
    message = generation.message if isinstance(generation, ChatGeneration) else None
    usage = getattr(message, "usage_metadata", None)
    # LangChain marks a result of its cache by a `total_cost` of 0.
    if not usage or usage.get("total_cost") == 0:
        return None
    return _total(usage)


def tokens_of_failure(error: BaseException) -> int | None:
    """Return the tokens of a failed call: 0 if it was refused or never sent, None if unknown."""
    partial = getattr(error, "partial", None)
    if usage := getattr(partial, "usage_metadata", None):
        return _total(usage)
    if partial is not None or getattr(error, "chunks", None):
        return None
    if isinstance(error, _NOT_SENT):
        return 0
    if isinstance(error, GatewayTimeoutError):
        return 0 if error.clock in ("connect", "pool") else None
    status = getattr(error, "status_code", None)
    return 0 if isinstance(status, int) and status >= _ERROR_STATUS else None


def _total(usage: Any) -> int | None:
    total = usage.get("total_tokens")
    return total if isinstance(total, int) and total >= 0 else None
