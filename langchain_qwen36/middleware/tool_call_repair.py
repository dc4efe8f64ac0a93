"""Return broken tool calls to the model as errors, a few times, instead of ending the run."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware.types import AgentMiddleware, AgentState, hook_config
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import InvalidToolCall, ToolCall
    from langgraph.runtime import Runtime

_SHOWN = 500
"""Characters of broken arguments that are shown to the model."""


class ToolCallRepairMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Returns `invalid_tool_calls` to the model as error results.

    See docs/quirks.md#invalid-tool-calls-end-agents.

    A call whose arguments are no JSON object silently ends a run of `create_agent`. With this the
    model gets the error and is asked again, at most `max_repairs` times in a row. Valid calls of
    the same message are executed as usual.
    """

    def __init__(self, *, max_repairs: int = 2) -> None:
        """Initialize the middleware.

        Args:
            max_repairs: Most rounds in a row; after the last one the run ends with a message.

        Raises:
            ValueError: The number is negative.
        """
        super().__init__()
        if max_repairs < 0:
            raise ValueError(f"`max_repairs={max_repairs}` must be 0 or more.")
        self.max_repairs = max_repairs

    @hook_config(can_jump_to=["model", "end"])
    @override
    def after_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Answer broken calls; ask again if no valid call is left to be executed."""
        messages = state["messages"]
        answer = _last_answer(messages)
        if answer is None or not (broken := _answerable(answer)):
            return None
        truncated = answer.response_metadata.get("finish_reason") == "length"
        results: list[BaseMessage] = [_error_result(call, truncated=truncated) for call in broken]
        if _rounds(messages) > self.max_repairs:
            results += [_not_executed(call) for call in answer.tool_calls]
            return {"messages": [*results, self._final_message(broken)], "jump_to": "end"}
        if answer.tool_calls:
            return {"messages": results}
        return {"messages": results, "jump_to": "model"}

    @hook_config(can_jump_to=["model", "end"])
    @override
    async def aafter_model(
        self, state: AgentState[Any], runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`after_model`, async; it awaits nothing."""
        return self.after_model(state, runtime)

    def _final_message(self, broken: Sequence[InvalidToolCall]) -> AIMessage:
        names = ", ".join(dict.fromkeys(f"`{call['name']}`" for call in broken))
        return AIMessage(
            f"I could not call {names}: the arguments I wrote were not valid JSON, "
            f"{self.max_repairs + 1} times in a row.",
            response_metadata={"stopped_by": self.name},
        )


def _last_answer(messages: Sequence[BaseMessage]) -> AIMessage | None:
    last = messages[-1] if messages else None
    return last if isinstance(last, AIMessage) else None


def _answerable(answer: AIMessage) -> list[InvalidToolCall]:
    """Return the broken calls that have an id; a result must name one."""
    return [call for call in answer.invalid_tool_calls if call["id"]]


def _rounds(messages: Sequence[BaseMessage]) -> int:
    """Return how many answers in a row, up to the last, had broken calls."""
    this_turn = takewhile(lambda m: not isinstance(m, HumanMessage), reversed(messages))
    answers = (message for message in this_turn if isinstance(message, AIMessage))
    return sum(1 for _ in takewhile(lambda answer: answer.invalid_tool_calls, answers))


def _error_result(call: InvalidToolCall, *, truncated: bool) -> ToolMessage:
    args = call["args"] or ""
    reason = "they were cut off by the token limit" if truncated else _fault(args)
    shown = args if len(args) <= _SHOWN else f"{args[:_SHOWN]}…"
    return ToolMessage(
        f"The call was not executed: its arguments are not one JSON object ({reason}). You wrote: "
        f"{shown}\nCall the tool again with one {'shorter ' * truncated}JSON object and nothing "
        "around it.",
        name=call["name"],
        tool_call_id=call["id"] or "",
        status="error",
    )


def _not_executed(call: ToolCall) -> ToolMessage:
    text = "Not executed: the run ended."
    return ToolMessage(text, name=call["name"], tool_call_id=call["id"] or "", status="error")


def _fault(args: str) -> str:
    try:
        value = json.loads(args)
    except ValueError as error:
        return str(error)
    return f"they are {type(value).__name__}"
