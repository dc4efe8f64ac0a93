"""Keep budgets in an agent's state, and build the messages that refuse calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict

from langchain.agents.middleware.types import AgentState, PrivateStateAttr
from langchain_core.messages import AIMessage, ToolMessage

if TYPE_CHECKING:
    from langchain.agents.middleware.types import ToolCallRequest

    from langchain_qwen36.errors import BudgetExceededError
    from langchain_qwen36.middleware.spending import SpendingAccount

STATE_KEY = "cost_budgets"
"""Key of a run's accounts in the state."""
END_MESSAGE = "I have to stop here: the spending limit for this conversation is reached."
_TOOL_MESSAGE = "Not finished: the spending limit of this run is reached."


class Entry(TypedDict):
    """The account of a run or thread in the graph's state."""

    id: str
    spent: dict[str, str]


def _merge(old: dict[str, Entry] | None, new: dict[str, Entry]) -> dict[str, Entry]:
    return {**(old or {}), **new}


class CostBudgetState(AgentState[Any]):
    """The agent's state with the accounts, by the middleware's name; checkpoints keep them."""

    # The reducer must be the last annotation: docs/quirks.md#reducers-of-private-state
    cost_budgets: NotRequired[Annotated[dict[str, Entry], PrivateStateAttr, _merge]]


def end_message(
    text: str, name: str, account: SpendingAccount, error: BudgetExceededError
) -> AIMessage:
    """Return the message that ends a run; end users read its text, developers its metadata."""
    facts = {"stopped_by": name, "spent": account.saved(), "reason": str(error)}
    return AIMessage(text, response_metadata=facts)


def tool_message(name: str, request: ToolCallRequest, error: BudgetExceededError) -> ToolMessage:
    """Return the result of a tool in which a call was refused."""
    call = request.tool_call
    return ToolMessage(
        _TOOL_MESSAGE,
        name=call["name"],
        tool_call_id=call["id"] or "",
        status="error",
        response_metadata={"stopped_by": name, "reason": str(error)},
    )
