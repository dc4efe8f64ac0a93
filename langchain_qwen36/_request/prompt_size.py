"""Count the input tokens of a request, planned as it would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36 import tokens
from langchain_qwen36._request.build import json_words
from langchain_qwen36._request.planning import plan_request
from langchain_qwen36._request.thinking import requested_thinking
from langchain_qwen36._request.types import Settings, Thinking
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._request.request_plan import RequestPlan
    from langchain_qwen36.gateways import Gateway

_FULL_SIZE = "vl_high_resolution_images"


def prompt_size(
    settings: Settings, plan: RequestPlan, gateway: Gateway, messages: Sequence[BaseMessage]
) -> int:
    """Count the tokens of messages, tools, the words that ask for JSON, and the template."""
    words = json_words(plan, gateway, has_json=lambda: False)
    return (tokens.count_text(words) if words else 0) + tokens.count_messages(
        messages,
        plan.tools,
        thinking=plan.thinking.on is not False,
        preserve_thinking=plan.thinking.replays_all_turns,
        replay=settings.replay_reasoning,
        max_pixels=gateway.default_max_pixels,
        high_resolution=bool({**settings.params, **settings.extra_body}.get(_FULL_SIZE)),
    )


def prompt_size_of_run(
    messages: Sequence[BaseMessage],
    tools: Sequence[Any] | None,
    params: Mapping[str, Any],
    model: str,
    gateway: Gateway,
) -> int:
    """Count the same of a run that starts, of which LangChain tells the settings by their names.

    A forced tool may switch thinking off, which is left out: the count is then too high.
    """
    full_size = params.get(_FULL_SIZE)
    own = {} if full_size is None else {_FULL_SIZE: full_size}
    settings = Settings(
        model=model,
        wire_model=model,
        params={**(params.get("model_kwargs") or {}), **own},
        thinking=Thinking(
            enabled=requested_thinking(params), preserve=params.get("preserve_thinking")
        ),
        tools=tools or (),
        response_format=params.get("response_format"),
        json_hint=params.get("json_hint"),
        replay_reasoning=params.get("replay_reasoning") or "tool_loop",
        extra_body=params.get("extra_body") or {},
    )
    try:
        plan = plan_request(settings, gateway, find_model(model))
    except UnsupportedSettingError:  # the call itself will raise it, and costs nothing
        return tokens.count_messages(messages, tools)
    return prompt_size(settings, plan, gateway, messages)
