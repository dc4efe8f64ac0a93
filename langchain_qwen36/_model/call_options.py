"""Merge the constructor's fields and one call's keywords into `Settings`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from pydantic import TypeAdapter, ValidationError

from langchain_qwen36._model.fields import QwenFields
from langchain_qwen36._model.identity import model_name
from langchain_qwen36._model.setting_hints import unknown_setting
from langchain_qwen36._model.tool_binding import response_format_of, whole_response_format
from langchain_qwen36._request import tools as wire_tools
from langchain_qwen36._request.tool_choice import choice_to_wire, wants_one_call
from langchain_qwen36._request.types import Settings, Thinking
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.gateways import ServerFeature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_qwen36.catalog import Offer

_WIRE_PARAMS: Mapping[str, str] = {
    name: name
    for name in (
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "max_tokens",
        "max_completion_tokens",
        "seed",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "user",
        "provider",
        "models",
        "plugins",
        *get_args(ServerFeature),
    )
} | {"provider_options": "providerOptions"}
"""Fields that go into the body unchanged, and their names there."""

_PER_CALL = frozenset(
    {
        *_WIRE_PARAMS,
        "enable_thinking",
        "thinking_budget",
        "reasoning_effort",
        "preserve_thinking",
        "replay_reasoning",
        "forced_tool_choice",
        "response_format",
        "parallel_tool_calls",
        "extra_body",
        "model_kwargs",
        "stream_usage",
        "timeout",
        "max_event_bytes",
        "max_retries",
        "include_response_headers",
        "prompt_cache",
        "force",
        "strict_history",
    }
)
"""Fields that a call may override."""

_CALL_ONLY = frozenset(
    {
        "model",
        "model_name",
        "tools",
        "tool_choice",
        "strict",
        "json_hint",
        "answer_tool",
        "extra_headers",
        "extra_query",
        "stream",
        "ls_structured_output_format",
        "structured_output_format",
    }
)
"""Keywords that only a call has: LangChain's own, and OpenAI's names for headers and query."""


def check_call(kwargs: Mapping[str, Any]) -> None:
    """Refuse a keyword that a call cannot take.

    Raises:
        TypeError: the message names the right one, or says that it is the constructor's.
    """
    for name in kwargs.keys() - _PER_CALL - _CALL_ONLY:
        if name in QwenFields.model_fields:
            raise TypeError(f"{name!r} is set on the constructor, not for one call.")
        raise TypeError(unknown_setting(name, _PER_CALL | _CALL_ONLY, "The call"))


def merge(
    fields: QwenFields,
    wire_model: str,
    stop: Sequence[str] | None,
    kwargs: Mapping[str, Any],
    offer: Offer | None = None,
) -> Settings:
    """Merge the settings of the constructor and of one call; a given keyword wins, None included.

    Args:
        fields: The model object.
        wire_model: The gateway's spelling of the model's id.
        stop: LangChain's own argument; it wins over a field.
        kwargs: The call's keywords; `check_call` has accepted their names.
        offer: The price of the answer; None: no price is known.

    Raises:
        UnsupportedSettingError: a value that the constructor would refuse too.
    """
    kwargs = {name: _checked(name, value) for name, value in kwargs.items()}
    values = {**fields.__dict__, **kwargs}
    if stop is not None:
        values["stop"] = _checked("stop", stop)
    if wants_one_call(kwargs.get("tool_choice")):
        values["parallel_tool_calls"] = False
    params = values["model_kwargs"] | {
        wire: values[name] for name, wire in _WIRE_PARAMS.items() if values[name] is not None
    }
    tools = wire_tools.to_wire(kwargs.get("tools") or (), strict=kwargs.get("strict"))
    return Settings(
        model=model_name(fields, kwargs),
        wire_model=wire_model,
        params=_completed(params),
        thinking=_thinking(fields, kwargs),
        tools=tools,
        tool_choice=choice_to_wire(kwargs.get("tool_choice"), tools),
        parallel_tool_calls=values["parallel_tool_calls"],
        response_format=whole_response_format(values["response_format"]),
        json_hint=kwargs.get("json_hint"),
        answer_tool=kwargs.get("answer_tool"),
        forced_tool_choice=values["forced_tool_choice"],
        replay_reasoning=values["replay_reasoning"],
        stream_usage=values["stream_usage"],
        prompt_cache=values["prompt_cache"],
        force=values["force"],
        strict_history=values["strict_history"],
        extra_body=values["extra_body"] or {},
        include_headers=values["include_response_headers"],
        offer=offer,
        price_discount=fields.price_discount,
    )


def _completed(params: dict[str, Any]) -> dict[str, Any]:
    """Leave out an empty list of stop words, and ask for what `top_logprobs` are a part of.

    Servers refuse `stop: []`, and `top_logprobs` without `logprobs`.
    """
    if params.get("stop") == []:
        del params["stop"]
    if params.get("top_logprobs"):
        params.setdefault("logprobs", True)
    return params


def _checked(name: str, value: Any) -> Any:
    """Validate a value of the call like the constructor."""
    if name not in _PER_CALL:
        return value
    if name == "response_format" and isinstance(value, type):
        return response_format_of(value)
    try:
        return _reader(name).validate_python(value)
    except ValidationError as error:
        why = "; ".join(dict.fromkeys(detail["msg"] for detail in error.errors()))
        raise UnsupportedSettingError(f"`{name}={value!r}`: {why}.") from None


@cache
def _reader(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(QwenFields.model_fields[name].rebuild_annotation())


def _thinking(fields: QwenFields, kwargs: Mapping[str, Any]) -> Thinking:
    """Merge the thinking settings: those of the call replace the ones that they contradict.

    A budget of the call replaces the constructor's effort, and the other way round; to switch
    thinking on keeps either, unless it is the constructor's way of switching it off.
    """
    enabled, budget, effort = (
        fields.enable_thinking,
        fields.thinking_budget,
        fields.reasoning_effort,
    )
    if "thinking_budget" in kwargs or "reasoning_effort" in kwargs:
        enabled, budget, effort = None, None, None
    elif kwargs.get("enable_thinking"):
        budget, effort = budget or None, None if effort == "none" else effort
    return Thinking(
        enabled=kwargs.get("enable_thinking", enabled),
        budget=kwargs.get("thinking_budget", budget),
        effort=kwargs.get("reasoning_effort", effort),
        preserve=kwargs.get("preserve_thinking", fields.preserve_thinking),
    )
