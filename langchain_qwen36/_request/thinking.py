"""Turn the settings of thinking into the gateway's fields.

See docs/quirks.md#where-the-thinking-switch-goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, assert_never

from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._content.history import Replay
    from langchain_qwen36._request.choices import Effort
    from langchain_qwen36._request.types import Thinking
    from langchain_qwen36.catalog import Model, ThinkingDefault
    from langchain_qwen36.gateways import Gateway

_SHARES: Mapping[str, int] = {"minimal": 10, "low": 20, "medium": 50, "high": 80, "xhigh": 95}
"""Percent of the model's longest reasoning; the shares of a gateway that documents them.
"""


_STRICT_THINKING = "The server ignores it unless it was started with `--enable-strict-thinking`."


@dataclass(frozen=True, kw_only=True, slots=True)
class ReasoningPlan:
    """The fields of the body for thinking, and their effect."""

    on: bool | None
    """Whether the model will think; None if that is not known."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the body; a nested field is a dict."""
    replays_all_turns: bool = False
    """Whether the reasoning of all earlier turns is sent back."""
    notes: Mapping[str, str] = field(default_factory=dict)


def plan(
    thinking: Thinking,
    gateway: Gateway,
    model: Model | None,
    *,
    gateway_default: ThinkingDefault | None = None,
    with_tools: bool = False,
    replay: Replay = "tool_loop",
) -> ReasoningPlan:
    """Plan the body's fields, and whether the model will think.

    Args:
        thinking: The caller's settings.
        gateway: The gateway's row, which says where each field goes.
        model: The catalogue's row of the model; None if it is unknown.
        gateway_default: The model's default at the gateway, by its price list; None if not listed.
        with_tools: Whether tools are bound: their loops need the reasoning kept.
        replay: Which reasoning is sent back; "never" asks the server to keep none.

    Raises:
        UnsupportedSettingError: a setting that the gateway or the model cannot do, or two that
            contradict each other.
    """
    thinking = _settled(thinking, gateway)
    _check_model(thinking.enabled, model)
    on = _is_on(thinking.enabled, model, gateway_default)
    fields = _switch(thinking, gateway, model)
    notes: dict[str, str] = {}
    if thinking.budget is not None:
        budget = _clamped(thinking.budget, gateway, model, notes)
        _merge(fields, _budget(budget, gateway))
    if thinking.effort is not None:
        _merge(fields, _effort(thinking.effort, gateway, model))
    if "custom_params" in fields:
        notes.setdefault("thinking_budget", _STRICT_THINKING)
    replays_all_turns = on is not False and _replays_all_turns(
        thinking.preserve, gateway, model, with_tools=with_tools, replay=replay
    )
    if replays_all_turns:
        _merge(fields, _preserve(gateway))
    return ReasoningPlan(on=on, fields=fields, replays_all_turns=replays_all_turns, notes=notes)


def can_switch_off(gateway: Gateway, model: Model | None) -> bool:
    """Return whether thinking can be switched off for a call."""
    return gateway.thinking != "unsupported" and (model is None or model.thinking != "always")


def thinking_override(body: Mapping[str, Any]) -> bool | None:
    """Return the value that the caller's own body sets thinking to; it wins over settings."""
    if not body:
        return None
    nested = body.get("chat_template_kwargs"), body.get("reasoning")
    template, reasoning = (part if isinstance(part, dict) else {} for part in nested)
    switches = (
        body.get("enable_thinking"),
        template.get("enable_thinking"),
        reasoning.get("enabled"),
    )
    found = next((value for value in switches if value is not None), None)
    if found is None and "none" in (body.get("reasoning_effort"), reasoning.get("effort")):
        return False
    return None if found is None else bool(found)


def switches_elsewhere(body: Mapping[str, Any], gateway: Gateway, model: Model | None) -> bool:
    """Return whether a body switches thinking where this gateway does not look.

    Code that is moved to another server keeps the other's spelling, which is passed over there:
    thoughts that were switched off are written and billed.
    """
    if model is not None and model.thinking in ("never", "always"):
        return False  # nothing can be switched: the server judges
    match gateway.thinking:
        case "unsupported":
            return False
        case "enable_thinking" | "chat_template_kwargs" as key:
            known: set[str] = {key}
        case "reasoning" | "reasoning_effort":
            known = {"reasoning", "reasoning_effort"}  # one is short for the other
        case never:
            assert_never(never)
    return thinking_override({key: body[key] for key in known & body.keys()}) is None


def requested_thinking(settings: Mapping[str, Any]) -> bool | None:
    """Return whether a call's settings, by their names, switch thinking on; None: its default.

    It is what `plan` comes to for a request that nothing forces, before there is one.
    """
    override = thinking_override(settings.get("extra_body") or {})
    if override is not None:
        return override
    reasoning = settings.get("reasoning")
    reasoning = reasoning if isinstance(reasoning, dict) else {}
    budget = settings.get("thinking_budget")
    effort = settings.get("reasoning_effort") or reasoning.get("effort")
    if _switches_off(budget, effort):
        return False
    for switch in (settings.get("enable_thinking"), reasoning.get("enabled")):
        if switch is not None:
            return bool(switch)
    if budget or effort:
        return True
    return thinking_override(settings.get("model_kwargs") or {})


def _switches_off(budget: int | None, effort: str | None) -> bool:
    """Return whether a budget or an effort means that the model is not to think."""
    return budget == 0 or effort == "none"


def check_budget(budget: int | None) -> None:
    """Refuse a budget below 0, which some servers take for "no limit" and others for an error.

    Raises:
        UnsupportedSettingError: the budget is below 0.
    """
    if budget is not None and budget < 0:
        raise UnsupportedSettingError(
            f"`thinking_budget={budget}` is below 0: give a number of tokens, or 0 for no thinking."
        )


def _settled(thinking: Thinking, gateway: Gateway) -> Thinking:
    """Derive the switch from budget and effort; drop both if thinking is off."""
    budget, effort = thinking.budget, thinking.effort
    check_budget(budget)
    off = "thinking_budget=0" if budget == 0 else 'reasoning_effort="none"'
    if _switches_off(budget, effort):
        if thinking.enabled:
            raise UnsupportedSettingError(f"`enable_thinking=True` and `{off}` contradict.")
        return replace(thinking, enabled=False, budget=None, effort=None)
    if not (budget or effort):
        return thinking
    if thinking.enabled is False:
        return replace(thinking, budget=None, effort=None)
    if budget and effort and _exclusive(gateway):
        raise UnsupportedSettingError(
            f"`gateway={gateway.name!r}` takes `thinking_budget` or `reasoning_effort`, not both."
        )
    return replace(thinking, enabled=True)


def _exclusive(gateway: Gateway) -> bool:
    return gateway.exclusive_effort_and_budget or gateway.reasoning_effort == "as_budget"


def _check_model(enabled: bool | None, model: Model | None) -> None:
    if model is None or enabled is None:
        return
    if enabled and model.thinking == "never":
        raise UnsupportedSettingError(
            f"{model.id} cannot think: drop `enable_thinking`, `thinking_budget` and "
            "`reasoning_effort`, or choose a model that thinks."
        )
    if not enabled and model.thinking == "always":
        raise UnsupportedSettingError(
            f"{model.id} always thinks: drop `enable_thinking=False`, or choose a model whose "
            "thinking can be switched off."
        )


def _is_on(
    enabled: bool | None, model: Model | None, gateway_default: ThinkingDefault | None
) -> bool | None:
    """Return whether the model will think; None if its maker and the gateway disagree."""
    if (
        enabled is not None
        or model is None
        or (gateway_default is not None and gateway_default != model.thinking)
    ):
        return enabled
    match model.thinking:
        case "on" | "always":
            return True
        case "off" | "never":
            return False
        case never:
            assert_never(never)


def _switch(thinking: Thinking, gateway: Gateway, model: Model | None) -> dict[str, Any]:
    """Return the field that switches thinking; {} if nothing is set, or nothing can change."""
    on = thinking.enabled
    if on is None or (model is not None and model.thinking == "never"):
        return {}
    match gateway.thinking:
        case "enable_thinking":
            return {"enable_thinking": on}
        case "chat_template_kwargs":
            return {"chat_template_kwargs": {"enable_thinking": on}}
        case "reasoning":
            implied = thinking.budget is not None or thinking.effort is not None
            return {} if implied else {"reasoning": {"enabled": on}}
        case "reasoning_effort":
            effort = "medium" if on else "none"
            return {} if thinking.effort is not None else {"reasoning_effort": effort}
        case "unsupported":
            raise UnsupportedSettingError(
                f"`gateway={gateway.name!r}` has no known switch for thinking: name yours "
                "by `gateway=`, or pass its own field in `extra_body`."
            )
        case never:
            assert_never(never)


def _clamped(budget: int, gateway: Gateway, model: Model | None, notes: dict[str, str]) -> int:
    """Return the nearest budget that the model and the gateway take: servers refuse others."""
    limit = model.max_thinking_tokens if model is not None else None
    if limit is not None and budget > limit:
        notes["thinking_budget"] = (
            f"`thinking_budget={budget}` is above the model's maximum: {limit} was sent."
        )
        budget = limit
    taken = _taken(budget, gateway)
    if taken != budget:
        notes["thinking_budget"] = (
            f"`thinking_budget={budget}`: `gateway={gateway.name!r}` takes "
            f"{gateway.thinking_budgets}; {taken} was sent."
        )
    return taken


def _taken(budget: int, gateway: Gateway) -> int:
    """Return the nearest budget that the gateway takes."""
    low, high = gateway.thinking_budgets.low, gateway.thinking_budgets.high
    budget = budget if low is None else max(budget, int(low))
    return budget if high is None else min(budget, int(high))


def _budget(budget: int, gateway: Gateway) -> dict[str, Any]:
    match gateway.thinking_budget:
        case "thinking_budget" | "thinking_budget_tokens" | "thinking_token_budget" as key:
            return {key: budget}
        case "custom_params.thinking_budget":
            return {"custom_params": {"thinking_budget": budget}}
        case "reasoning.max_tokens":
            return {"reasoning": {"max_tokens": budget}}
        case "unsupported":
            raise UnsupportedSettingError(
                f"`gateway={gateway.name!r}` takes no `thinking_budget`: use `enable_thinking`, or "
                "pass the server's own field in `extra_body`."
            )
        case never:
            assert_never(never)


def _effort(effort: Effort, gateway: Gateway, model: Model | None) -> dict[str, Any]:
    if gateway.efforts is not None and effort not in gateway.efforts:
        raise UnsupportedSettingError(
            f"`gateway={gateway.name!r}` takes a `reasoning_effort` of "
            f"{', '.join(gateway.efforts)} or none, not {effort!r}."
        )
    match gateway.reasoning_effort:
        case "reasoning_effort":
            return {"reasoning_effort": effort}
        case "reasoning.effort":
            return {"reasoning": {"effort": effort}}
        case "as_budget" if model is not None and effort in (model.reasoning_efforts or ()):
            return {"reasoning_effort": effort}  # Qwen3.8 and later: the vendor's own steps
        case "as_budget":
            return _share(effort, gateway, model)
        case "unsupported":
            raise UnsupportedSettingError(
                f"`gateway={gateway.name!r}` takes no `reasoning_effort`: use `enable_thinking`."
            )
        case never:
            assert_never(never)


def _share(effort: Effort, gateway: Gateway, model: Model | None) -> dict[str, Any]:
    """Turn an effort into a share of the model's longest reasoning; "max" sets no limit."""
    if effort == "max":
        return {}
    if model is None or model.max_thinking_tokens is None:
        raise UnsupportedSettingError(
            f"`reasoning_effort={effort!r}` becomes a share of the model's longest thought on "
            f"`gateway={gateway.name!r}`, which is not known here: pass `thinking_budget`."
        )
    share = model.max_thinking_tokens * _SHARES[effort] // 100
    return _budget(_taken(share, gateway), gateway)


def _replays_all_turns(
    preserve: bool | None,
    gateway: Gateway,
    model: Model | None,
    *,
    with_tools: bool,
    replay: Replay,
) -> bool:
    """Return whether earlier turns' reasoning is kept: as set, else with tools if the model can."""
    if preserve and replay == "never":
        raise UnsupportedSettingError(
            '`preserve_thinking=True` and `replay_reasoning="never"` contradict: what is not sent '
            "back cannot be kept."
        )
    if preserve is not None:
        return preserve
    asked_for = gateway.preserve_thinking != "by_replay"
    listed = model is not None and bool(model.preserve_thinking)
    return with_tools and asked_for and listed and replay != "never"


def _preserve(gateway: Gateway) -> dict[str, Any]:
    match gateway.preserve_thinking:
        case "preserve_thinking":
            return {"preserve_thinking": True}
        case "chat_template_kwargs":
            return {"chat_template_kwargs": {"preserve_thinking": True}}
        case "by_replay":
            return {}
        case never:
            assert_never(never)


def _merge(fields: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add fields; nested ones key by key."""
    for key, value in more.items():
        fields[key] = (
            {**fields[key], **value} if isinstance(value, dict) and key in fields else value
        )
