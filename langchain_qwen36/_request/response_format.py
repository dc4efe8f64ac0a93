"""Adapt `response_format` to what the gateway takes, thinking or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from langchain_qwen36._request import thinking as wire_thinking
    from langchain_qwen36._request.request_plan import RequestPlan
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

_OFF_FOR_FORMAT = (
    "Thinking was switched off for this call, because the gateway takes no response format while "
    "thinking. `enable_thinking=False` says so yourself."
)
_SCHEMA_IN_WORDS = (
    'The schema was sent as words with `{"type": "json_object"}`, because the gateway takes no '
    "json_schema for this model."
)


def adapt_response_format(
    plan: RequestPlan,
    gateway: Gateway,
    model: Model | None,
    off: wire_thinking.ReasoningPlan | None,
) -> RequestPlan:
    """Choose a response format that the gateway takes, with thinking off if it must be."""
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
        case "as_schema":
            return _as_schema(plan)
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


def _as_schema(plan: RequestPlan) -> RequestPlan:
    """Replace json_object by the answer's schema, or by that of any object."""
    if plan.response_format is None or plan.response_format["type"] != "json_object":
        return plan
    inner = {"name": "answer", "schema": plan.hint or {"type": "object"}}
    return replace(plan, response_format={"type": "json_schema", "json_schema": inner})


def takes_schema(gateway: Gateway, model: Model | None) -> bool:
    """Return whether the server enforces a JSON schema by itself."""
    return gateway.json_schema or (model is not None and model.json_schema is True)
