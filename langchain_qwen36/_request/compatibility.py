"""What is decided of a call before a message is looked at.

Thinking, a forced tool choice and a response format exclude each other on many servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36._request import thinking as wire_thinking
from langchain_qwen36._request.types import NO_THINKING_SETTINGS
from langchain_qwen36.catalog import find_offer
from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36._request.types import Settings, ToolChoice
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

_OFF_FOR_TOOL_CHOICE = (
    "Thinking was switched off for this call, because the gateway takes no forced tool choice "
    'while thinking. `enable_thinking=False` says so yourself; `forced_tool_choice="auto"` keeps '
    "thinking on and leaves the choice to the model."
)
_OFF_FOR_FORMAT = (
    "Thinking was switched off for this call, because the gateway takes no response format while "
    "thinking. `enable_thinking=False` says so yourself."
)
_SCHEMA_IN_WORDS = (
    'The schema was sent as words with `{"type": "json_object"}`, because the gateway takes no '
    "json_schema for this model."
)
_WHILE_THINKING = "the gateway does not take it while thinking"


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestPlan:
    """The decisions of one call, and the notes on what was changed."""

    thinking: wire_thinking.ReasoningPlan
    tools: Sequence[Mapping[str, Any]]
    choice: ToolChoice | None
    response_format: Mapping[str, Any] | None
    hint: Mapping[str, Any] | None
    ask_again: bool
    notes: Mapping[str, str] = field(default_factory=dict)


def plan_request(settings: Settings, gateway: Gateway, model: Model | None) -> RequestPlan:
    """Decide on thinking, tools and format together.

    Raises:
        UnsupportedSettingError: a setting that the gateway or the model cannot take.
    """
    override = _override(settings)
    thinking = _thinking(settings, gateway, model, override)
    plan = RequestPlan(
        thinking=thinking,
        tools=settings.tools,
        choice=settings.tool_choice if settings.tools else None,
        response_format=settings.response_format,
        hint=settings.json_hint,
        ask_again=False,
        notes=thinking.notes,
    )
    forced = plan.choice not in (None, "auto", "none")
    if not forced and plan.response_format is None:
        return plan
    off = None
    if (
        override is None
        and thinking.on is not False
        and wire_thinking.can_switch_off(gateway, model)
    ):
        silent = replace(settings.thinking, enabled=False)
        off = _thinking(replace(settings, thinking=silent), gateway, model, None)
    if forced:
        plan = _force(plan, settings, gateway, off)
    return _format(plan, gateway, model, off)


def _override(settings: Settings) -> bool | None:
    """Return what the caller's own keys of the body set thinking to.

    `extra_body` goes over every setting; `model_kwargs`, which stand in `params`, under them.
    """
    override = wire_thinking.thinking_override(settings.extra_body)
    if override is None and settings.thinking == NO_THINKING_SETTINGS:
        override = wire_thinking.thinking_override(settings.params)
    return override


def _thinking(
    settings: Settings, gateway: Gateway, model: Model | None, override: bool | None
) -> wire_thinking.ReasoningPlan:
    offer = find_offer(gateway.price_list or gateway.name, settings.model)
    plan = wire_thinking.plan(
        settings.thinking,
        gateway,
        model,
        gateway_default=offer.thinking if offer else None,
        with_tools=bool(settings.tools),
        replay=settings.replay_reasoning,
    )
    return plan if override is None else replace(plan, on=override)


def _force(
    plan: RequestPlan, settings: Settings, gateway: Gateway, off: wire_thinking.ReasoningPlan | None
) -> RequestPlan:
    """Adapt a forced tool choice to a gateway that refuses it.

    See docs/quirks.md#forced-tool-choice-while-thinking.

    Args:
        plan: What is decided so far.
        settings: The policy and the choice.
        gateway: Which choices it takes.
        off: The plan with thinking off; None where it is off, or cannot be switched.
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
    """Write a forced tool as the gateway and its chat template read it."""
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
    """Return why the gateway refuses the forced choice; None: it takes it."""
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
    """Leave the choice to the model, with only the named tool where one was named."""
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


def _format(
    plan: RequestPlan,
    gateway: Gateway,
    model: Model | None,
    off: wire_thinking.ReasoningPlan | None,
) -> RequestPlan:
    """Choose the response format that works here, with thinking off where it must be."""
    wanted = plan.response_format
    if wanted is None or wanted.get("type") not in {"json_object", "json_schema"}:
        return plan
    if wanted["type"] == "json_schema" and not takes_schema(gateway, model):
        inner = wanted.get("json_schema") or {}
        note = {"response_format": _SCHEMA_IN_WORDS}
        plan = replace(
            plan,
            response_format={"type": "json_object"},
            hint=inner.get("schema") or plan.hint,
            notes={**plan.notes, **note},
        )
    match gateway.json_object:
        case "always":
            return plan
        case "unless_thinking":
            if plan.thinking.on is False:
                return plan
            if off is None:
                raise UnsupportedSettingError(
                    f"`response_format` on `gateway={gateway.name!r}` needs thinking off, and here "
                    'it cannot be: use `method="function_calling"` or ask for JSON in words.'
                )
            note = {"thinking": _OFF_FOR_FORMAT}
            return replace(plan, thinking=off, notes={**plan.notes, **off.notes, **note})
        case never:
            assert_never(never)


def takes_schema(gateway: Gateway, model: Model | None) -> bool:
    """Return whether the server keeps to a schema by itself."""
    return gateway.json_schema or (model is not None and model.json_schema is True)
