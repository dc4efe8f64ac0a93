"""Convert OpenAI's function calling of 2023 to tool calls and back.

langchain-classic's agents and chains still bind `functions=` and `function_call=`, keep
`additional_kwargs["function_call"]` and answer it with a `FunctionMessage`.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import ToolCall


def tools_from_functions(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's keywords with `functions` and `function_call` as tools and a tool choice."""
    ours = {k: v for k, v in kwargs.items() if k not in {"functions", "function_call"}}
    if functions := kwargs.get("functions"):
        ours["tools"] = [{"type": "function", "function": function} for function in functions]
        ours["parallel_tool_calls"] = False  # one `function_call` holds one call
    if choice := kwargs.get("function_call"):
        ours["tool_choice"] = choice if isinstance(choice, str) else choice["name"]
    return ours


def has_functions(messages: Sequence[BaseMessage]) -> bool:
    """Return whether a history holds function calls or their results."""
    if "function" in map(attrgetter("type"), messages):
        return True
    with_kwargs = filter(attrgetter("additional_kwargs"), messages)
    return any(_function_call_of(message) is not None for message in with_kwargs)


def messages_with_tool_calls(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a history with function calls as tool calls and their results as tool messages.

    A result belongs to the latest call of its name. The messages given are not changed.
    """
    call_ids: dict[str, str] = {}
    history: list[BaseMessage] = []
    for index, message in enumerate(messages):
        if isinstance(message, FunctionMessage):
            call_id = call_ids.get(message.name, f"call_{message.name}_{index}")
            history.append(ToolMessage(message.content, name=message.name, tool_call_id=call_id))
            continue
        if isinstance(message, AIMessage):
            message = _with_tool_call(message, index)  # noqa: PLW2901
            calls = (*message.tool_calls, *message.invalid_tool_calls)
            call_ids |= {call["name"] or "": call["id"] or "" for call in calls}
        history.append(message)
    return history


def _with_tool_call(message: AIMessage, index: int) -> AIMessage:
    function = _function_call_of(message)
    if not function:
        return message
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise MessageError(
            f"Message {index} (AIMessage) has a `function_call` that is none: it needs a `name` "
            "and `arguments`."
        )
    kwargs = {k: v for k, v in message.additional_kwargs.items() if k != "function_call"}
    update: dict[str, Any] = {"additional_kwargs": kwargs}
    if not message.tool_calls:
        update |= _tool_call(function["name"], function.get("arguments"), index)
    return message.model_copy(update=update)


def _function_call_of(message: BaseMessage) -> Any:
    kwargs: Any = message.additional_kwargs
    return kwargs.get("function_call") if isinstance(kwargs, dict) else None


def _tool_call(name: str, arguments: Any, index: int) -> dict[str, Any]:
    """Return `tool_calls` with the call, or `invalid_tool_calls` if its JSON is broken."""
    call_id = f"call_{name}_{index}"
    try:
        args = json.loads(arguments or "{}", strict=False)
    except (TypeError, ValueError, RecursionError) as error:
        return {
            "invalid_tool_calls": [
                invalid_tool_call(
                    name=name,
                    args=arguments if isinstance(arguments, str) else None,
                    id=call_id,
                    error=str(error),
                )
            ]
        }
    return {"tool_calls": [tool_call(name=name, args=args, id=call_id)]}


def add_function_call(message: BaseMessage, calls: Sequence[ToolCall]) -> None:
    """Repeat the first tool call as `additional_kwargs["function_call"]` of a message."""
    if calls:
        message.additional_kwargs["function_call"] = {
            "name": calls[0]["name"],
            "arguments": json.dumps(calls[0]["args"], ensure_ascii=False),
        }
