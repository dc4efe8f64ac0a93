"""Decide on thinking, `tool_choice` and `response_format`: many servers take only one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from langchain_qwen36._request import thinking as wire_thinking
from langchain_qwen36._request.request_plan import RequestPlan
from langchain_qwen36._request.response_format import adapt_response_format
from langchain_qwen36._request.tool_choice import adapt_tool_choice
from langchain_qwen36._request.types import NO_THINKING_SETTINGS, Thinking
from langchain_qwen36.catalog import find_offer

if TYPE_CHECKING:
    from langchain_qwen36._request.types import Settings
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway


def plan_request(settings: Settings, gateway: Gateway, model: Model | None) -> RequestPlan:
    """Decide on thinking, tools and format together.

    Raises:
        UnsupportedSettingError: a setting that the gateway or the model cannot take.
    """
    override = _override(settings)
    if (
        override is not None
        and settings.thinking == NO_THINKING_SETTINGS
        and wire_thinking.switches_elsewhere(
            {**settings.params, **settings.extra_body}, gateway, model
        )
    ):
        # Ours goes beside it, at the place where this gateway looks.
        settings = replace(settings, thinking=Thinking(enabled=override))
        override = None
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
        plan = adapt_tool_choice(plan, settings, gateway, off)
    return adapt_response_format(plan, gateway, model, off)


def _override(settings: Settings) -> bool | None:
    """Return the value to which the caller's own keys of the body set thinking.

    `extra_body` wins over every setting; settings win over `model_kwargs`, which are in `params`.
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
