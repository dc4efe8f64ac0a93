"""Convert `tool_choice` to wire form, and adapt a forced one to what the gateway takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._request.tools import names_of
from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._request import thinking as wire_thinking
    from langchain_qwen36._request.request_plan import RequestPlan
    from langchain_qwen36._request.types import Settings, ToolChoice
    from langchain_qwen36.gateways import Gateway

_OFF_FOR_TOOL_CHOICE = (
    "Thinking was switched off for this call, because the gateway takes no forced tool choice "
    'while thinking. `enable_thinking=False` says so yourself; `forced_tool_choice="auto"` keeps '
    "thinking on and leaves the choice to the model."
)
_WHILE_THINKING = "the gateway does not take it while thinking"


def choice_to_wire(tool_choice: Any, tools: Sequence[Mapping[str, Any]]) -> ToolChoice | None:
    """Convert a tool choice in LangChain's, OpenAI's or Anthropic's form.

    Args:
        tool_choice: "auto", "none"; "any", "required" or True for some tool; a tool's name; the
            dict forms of OpenAI and Anthropic; None, False or "" for nothing.
        tools: The bound tools in wire form.

    Returns:
        "auto", "none", "required" or a named function. Where only one tool is bound, "some
        tool" is that one: more servers take a name than take "required".

    Raises:
        ValueError: no such tool, no tools at all, or an unknown form.
    """
    names = names_of(tools)
    match tool_choice:
        case None | False | "":
            return None
        case "auto" | {"type": "auto"}:
            return "auto"
        case "none" | {"type": "none"}:
            return "none"
        case True | "any" | "required" | {"type": "any" | "required"}:
            if not tools:
                raise ValueError(f"tool_choice={tool_choice!r} needs tools, and none are bound.")
            return _named_function(names[0]) if len(tools) == len(names) == 1 else "required"
        case (
            {"type": "function", "function": {"name": str(name)}}
            | {"type": "function" | "tool", "name": str(name)}
            | str(name)
        ):
            if name not in names:
                bound = ", ".join(repr(known) for known in names) or "none are bound"
                raise ValueError(f"tool_choice names {name!r}, which is no bound tool ({bound}).")
            return _named_function(name)
        case _:
            raise ValueError(
                f"tool_choice={tool_choice!r} is not known: give 'auto', 'any', 'none', a tool's "
                'name, or {"type": "function", "function": {"name": …}}.'
            )


def wants_one_call(tool_choice: Any) -> bool:
    """Return whether a choice in Anthropic's form says that tools are called one at a time."""
    return isinstance(tool_choice, dict) and bool(tool_choice.get("disable_parallel_tool_use"))


def _named_function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def adapt_tool_choice(
    plan: RequestPlan, settings: Settings, gateway: Gateway, off: wire_thinking.ReasoningPlan | None
) -> RequestPlan:
    """Adapt a forced tool choice to a gateway that refuses it.

    See docs/quirks.md#forced-tool-choice-while-thinking.

    Args:
        plan: What is decided so far.
        settings: The policy and the requested choice.
        gateway: The gateway's row, which says what choices are accepted.
        off: The same reasoning plan with thinking disabled; None if it is already disabled or
            cannot be.
    """
    if (why := _refusal(plan, gateway)) is None:
        return _named(plan, gateway)
    if why == _WHILE_THINKING and off and settings.forced_tool_choice == "disable_thinking":
        note = {"thinking": _OFF_FOR_TOOL_CHOICE}
        return _named(
            replace(plan, thinking=off, notes={**plan.notes, **off.notes, **note}), gateway
        )
    return _as_auto(plan, settings, gateway, off, why)


def _named(plan: RequestPlan, gateway: Gateway) -> RequestPlan:
    """Write a forced tool in the form that the gateway and its chat template read."""
    if gateway.force_tool_kwarg and plan.thinking.on is False:
        arguments = {**plan.thinking.fields.get("chat_template_kwargs", {}), "force_tool": True}
        fields = {**plan.thinking.fields, "chat_template_kwargs": arguments}
        plan = replace(plan, thinking=replace(plan.thinking, fields=fields))
    match gateway.forced_tool_form:
        case "only_tool" if isinstance(plan.choice, dict):
            return replace(plan, tools=_chosen(plan), choice="required")
        case "object" | "only_tool":
            return plan
        case never:
            assert_never(never)


def _refusal(plan: RequestPlan, gateway: Gateway) -> str | None:
    """Return why the gateway refuses the forced choice; None: it accepts it."""
    match gateway.forced_tools:
        case "always":
            return None
        case "never":
            return "the gateway does not read it"
        case "named_unless_thinking" if plan.choice == "required":
            return 'the gateway does not take "required"'
        case "unless_thinking" | "named_unless_thinking":
            return None if plan.thinking.on is False else _WHILE_THINKING
        case never:
            assert_never(never)


def _as_auto(
    plan: RequestPlan,
    settings: Settings,
    gateway: Gateway,
    off: wire_thinking.ReasoningPlan | None,
    why: str,
) -> RequestPlan:
    """Leave the choice to the model, with only the named tool if one was named."""
    if settings.forced_tool_choice == "error":
        raise UnsupportedSettingError(
            f"`tool_choice={plan.choice!r}` on `gateway={gateway.name!r}`: {why}. Pass "
            '`enable_thinking=False`, `tool_choice="auto"`, or another `forced_tool_choice`.'
        )
    tools = _chosen(plan)
    note = {"tool_choice": f'`tool_choice` was sent as "auto": {why}.'}
    # With thinking off, most rows take the name of one tool, which must be one that does nothing.
    can_name = bool(settings.answer_tool) and gateway.forced_tools != "never"
    again = off is not None or (can_name and plan.thinking.on is False)
    return replace(plan, tools=tools, choice="auto", ask_again=again, notes={**plan.notes, **note})


def _chosen(plan: RequestPlan) -> Sequence[Mapping[str, Any]]:
    """Return the tools that the choice leaves: the named one, else all."""
    if not isinstance(plan.choice, dict):
        return plan.tools
    name = plan.choice["function"]["name"]
    return [tool for tool in plan.tools if tool.get("function", {}).get("name") == name]
