"""Collect the parameters of a model for traces, caches and copies; never a key, never a header."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast, get_args

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams

from langchain_qwen36._content.messages import PROVIDER
from langchain_qwen36._model.fields import QwenFields
from langchain_qwen36._request.choices import Effort
from langchain_qwen36._request.response_format import takes_schema
from langchain_qwen36.catalog import find_model, profile_of
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.language_models import ModelProfile

    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Endpoint, Gateway

_FIELDS_WITHOUT_EFFECT_ON_OUTPUT = frozenset(
    {
        "api_key",
        "base_url",
        "gateway",
        "include_response_headers",
        "max_event_bytes",
        "max_connections",
        "max_retries",
        "proxy",
        "streaming",
        "timeout",
    }
)
"""Fields that are secret, written elsewhere, or without effect on the output."""


def params(fields: QwenFields, endpoint: Endpoint) -> dict[str, Any]:
    """Return the settings that change the output, with the gateway and its base URL."""
    values = fields.__dict__
    changed = {
        name: value
        for name, default in _defaults()
        if (value := values[name]) is not default and value != default
    }
    location = {"gateway": endpoint.gateway.name, "base_url": endpoint.base_url}
    return {"model_name": fields.model_name, **location, **changed}


def model_name(fields: QwenFields, kwargs: Mapping[str, Any]) -> str:
    """Return the id of the model that is called: a call's `model` wins."""
    name = kwargs.get("model") or kwargs.get("model_name") or fields.model_name
    return str(name)


def langsmith_params(
    fields: QwenFields, stop: list[str] | None, kwargs: Mapping[str, Any]
) -> LangSmithParams:
    """Return the parameters that LangSmith shows for a call; settings of the call win."""
    params = LangSmithParams(
        ls_provider=PROVIDER, ls_model_name=model_name(fields, kwargs), ls_model_type="chat"
    )
    temperature = kwargs.get("temperature", fields.temperature)
    if temperature is not None:
        params["ls_temperature"] = temperature
    for name in ("max_tokens", "max_completion_tokens"):
        if limit := kwargs.get(name, getattr(fields, name)):
            params["ls_max_tokens"] = limit
    if stops := stop or kwargs.get("stop") or fields.stop:
        params["ls_stop"] = list(stops) if isinstance(stops, list | tuple) else [str(stops)]
    return params


def profile(name: str, gateway: Gateway) -> ModelProfile | None:
    """Return LangChain's profile of a model at a gateway; None when it is unknown."""
    if GATEWAYS.get(gateway.name) is not gateway:
        made = _make_profile(name, gateway)
    else:
        made = _profile_at(name, gateway.name)
    # A list inside stays shared; LangChain and users replace values, they do not change them.
    return cast("ModelProfile", dict(made)) if made else None


@lru_cache(maxsize=256)
def _profile_at(name: str, gateway: str) -> Mapping[str, Any] | None:
    """Build a profile once for each model and known gateway: it takes half of a construction."""
    return _make_profile(name, GATEWAYS[gateway])


def _make_profile(name: str, gateway: Gateway) -> Mapping[str, Any] | None:
    if (model := find_model(name)) is None:
        return None
    known = profile_of(model, structured_output=takes_schema(gateway, model))
    return {**known, **_at_gateway(model, gateway)}


def _at_gateway(model: Model, gateway: Gateway) -> dict[str, Any]:
    """Return the keys of a profile that depend on the gateway; unknown ones are absent."""
    facts = {
        "status": "deprecated" if model.is_retired(datetime.now(UTC).date()) else "active",
        "tool_choice": model.tool_calling and gateway.forced_tools != "never",
        "reasoning_effort_levels": _effort_levels(model, gateway),
        "mid_conversation_system_messages": not gateway.one_system_message,
        "mid_conversation_tools": False,
        "attachment": "image" in model.inputs or "video" in model.inputs,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _effort_levels(model: Model, gateway: Gateway) -> list[str] | None:
    """Return the accepted values of `reasoning_effort`."""
    if model.thinking == "never" or gateway.reasoning_effort == "unsupported":
        return None
    return list(model.reasoning_efforts or gateway.efforts or get_args(Effort))


_GATEWAY_KEYS = frozenset(
    {
        "status",
        "tool_choice",
        "reasoning_effort_levels",
        "mid_conversation_system_messages",
        "mid_conversation_tools",
        "attachment",
    }
)
"""Keys that `_at_gateway` adds to a profile of the catalogue."""


def is_stale(profile: Mapping[str, Any], name: str) -> bool:
    """Return whether a profile is ours for another model, taken over by a copy."""
    theirs, ours = find_model(str(profile.get("name"))), find_model(name)
    if theirs is None or theirs == ours:
        return False
    bundled = [profile_of(theirs, structured_output=yes) for yes in (True, False)]
    return {key: profile[key] for key in profile if key not in _GATEWAY_KEYS} in bundled


@cache
def _defaults() -> tuple[tuple[str, Any], ...]:
    """Return the fields that change the output, with their default values."""
    own = (
        QwenFields.model_fields.keys()
        - BaseChatModel.model_fields.keys()
        - _FIELDS_WITHOUT_EFFECT_ON_OUTPUT
    )
    fields = {name: QwenFields.model_fields[name] for name in sorted(own)}
    return tuple(
        (name, field.get_default(call_default_factory=True))
        for name, field in fields.items()
        if not field.exclude
    )
