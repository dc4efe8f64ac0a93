"""The gateways' rows, in the order in which the environment is searched for their keys.

Facts are from the vendors' pages of autumn 2026, and could not be tried live except for the servers
that run here (docs/servers.md). Unconfirmed facts say so in a comment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from langchain_qwen36.gateways.gateway import Gateway, Range
from langchain_qwen36.gateways.model_studio import APIYI, MODEL_STUDIO, MORE_MODEL_STUDIO

if TYPE_CHECKING:
    from collections.abc import Mapping


def _hosted(name: str, base_url: str) -> Gateway:
    """Return the row of a hosted service, with variables of its name for the key and a base URL."""
    variables = name.upper().replace("-", "_")
    return Gateway(
        name=name,
        base_url=base_url,
        hosts=(str(urlsplit(base_url).hostname),),
        key_env=(f"{variables}_API_KEY",),
        base_url_env=(f"{variables}_BASE_URL",),
        needs_key=True,
    )


def _self_hosted(name: str, port: int, *, key_env: str, base_url_env: str) -> Gateway:
    """Return the row of a server that runs the open weights with Qwen's own chat template."""
    return Gateway(
        name=name,
        base_url=f"http://localhost:{port}/v1",
        key_env=(key_env,),
        base_url_env=(base_url_env,),
        self_hosted=True,
        thinking="chat_template_kwargs",
        preserve_thinking="chat_template_kwargs",
        think_tags="lone",
        one_system_message=True,
        inline_refs=True,
        local_files=True,
        default_max_pixels=16_777_216,  # the configuration that comes with the open weights
        server_features=frozenset(),
    )


_LLAMACPP = replace(
    _self_hosted("llamacpp", 8080, key_env="LLAMACPP_API_KEY", base_url_env="LLAMACPP_BASE_URL"),
    thinking_budget="thinking_budget_tokens",
    forced_tool_form="only_tool",  # the server reads a named tool as "auto"; observed on one
    reasoning_effort="as_budget",
    video="unsupported",
    prefill="bare_unless_thinking",
)

# Others are "400 thinking_budget: Must be less than or equal to 32768"
# (https://github.com/CherryHQ/cherry-studio/issues/8927).
_SILICONFLOW_BUDGETS = Range(128, 32_768)

_ROWS = (
    *MODEL_STUDIO,
    APIYI,
    replace(
        _hosted("openrouter", "https://openrouter.ai/api/v1"),
        reports_cost=True,
        base_url_env=("OPENROUTER_BASE_URL", "OPENROUTER_API_BASE"),
        thinking="reasoning",
        thinking_budget="reasoning.max_tokens",
        reasoning_effort="reasoning.effort",
        exclusive_effort_and_budget=True,
        reasoning_field="reasoning",
        reasoning_details=True,
        one_system_message=True,
        forced_tools="unless_thinking",
        json_object="unless_thinking",
        needs_word_json=True,
        ranges={"stop": Range(0, 4)},
        cache_control=True,
        files="file_data",
        prefill="bare",
        server_features=frozenset(),
    ),
    replace(
        _hosted("vercel", "https://ai-gateway.vercel.sh/v1"),
        reports_cost=True,
        key_env=("AI_GATEWAY_API_KEY", "VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
        base_url_env=("AI_GATEWAY_BASE_URL",),
        thinking="reasoning",
        thinking_budget="reasoning.max_tokens",
        reasoning_effort="reasoning.effort",
        exclusive_effort_and_budget=True,
        reasoning_field="reasoning",
        reasoning_details=True,
        one_system_message=True,
        forced_tools="unless_thinking",
        json_object="unless_thinking",
        needs_word_json=True,
        cache_control=True,
        files="data",
        server_features=frozenset(),
    ),
    # enable_thinking is in the specs of sibling models; for these eight it is not confirmed
    # (docs/quirks.md#what-is-not-confirmed).
    replace(
        _hosted("aimlapi", "https://api.aimlapi.com/v1"),
        reports_cost=True,
        base_url_env=("AIMLAPI_BASE_URL", "AIMLAPI_API_BASE"),
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="reasoning_effort",
        efforts=("low", "medium", "high"),
        one_system_message=True,
        forced_tools="unless_thinking",
        json_object="unless_thinking",
        needs_word_json=True,
        ranges={
            "seed": Range(1),
            "stop": Range(0, 4),
            "temperature": Range(0, 2),
            "top_p": Range(0.01, 1),
            "presence_penalty": Range(-2, 2),
            "frequency_penalty": Range(-2, 2),
            "top_logprobs": Range(0, 20),
            "min_p": Range(0.001, 0.999),
            "max_tokens": Range(1),
            "max_completion_tokens": Range(1),
        },
        server_features=frozenset({"enable_search", "search_options"}),
        search_strategies=frozenset({"turbo", "max", "agent"}),
    ),
    # A budget needs a server started with `--reasoning-parser` (observed with vLLM 0.32.0).
    replace(
        _self_hosted("vllm", 8000, key_env="VLLM_API_KEY", base_url_env="VLLM_BASE_URL"),
        thinking_budget="thinking_token_budget",
        reasoning_effort="as_budget",
        # vLLM 0.33 answers with `reasoning`; it accepts `reasoning_content` as a deprecated name.
        reasoning_field="reasoning",
    ),
    # A budget needs a server started with `--enable-strict-thinking`; without it, it is ignored.
    replace(
        _self_hosted("sglang", 30000, key_env="SGLANG_API_KEY", base_url_env="SGLANG_BASE_URL"),
        thinking_budget="custom_params.thinking_budget",
        reasoning_effort="as_budget",
    ),
    _LLAMACPP,
    # No template arguments (docs/quirks.md#ollamas-thinking-switch).
    Gateway(
        name="ollama",
        base_url="http://localhost:11434/v1",
        key_env=("OLLAMA_API_KEY",),
        base_url_env=("OLLAMA_BASE_URL",),
        self_hosted=True,
        thinking="reasoning_effort",
        reasoning_effort="reasoning_effort",
        reasoning_field="reasoning",
        one_system_message=True,
        forced_tools="never",
        video="unsupported",
        rerank="unsupported",
        # Not among the request fields of https://docs.ollama.com/api/openai-compatibility.
        ignored_params=frozenset(
            {
                "logit_bias",
                "max_completion_tokens",
                "min_p",
                "n",
                "repetition_penalty",
                "top_k",
                "user",
            }
        ),
        server_features=frozenset(),
    ),
    replace(
        _LLAMACPP,
        name="local",
        rerank="unsupported",  # its model is a chat model
        base_url=None,
        key_env=(),
        base_url_env=(),
        embedded=True,
        force_tool_kwarg=True,  # the tiny model's own template reads it; others ignore it
    ),
    Gateway(
        name="openai-compatible",
        key_env=("QWEN36_API_KEY",),
        base_url_env=("QWEN36_BASE_URL",),
        files="file_data",
        cache_control=True,
        prefill="bare",
        # LM Studio and others refuse a named `tool_choice`; all take "required" with one tool.
        forced_tool_form="only_tool",
    ),
    # Hosts of which no call was made: their switches are from models.dev's notes of 2026-06-25.
    replace(
        _hosted("deepinfra", "https://api.deepinfra.com/v1/openai"),
        thinking="reasoning",
        reasoning_effort="reasoning_effort",
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("together", "https://api.together.ai/v1"),
        hosts=("api.together.ai", "api.together.xyz"),
        thinking="reasoning",
        reasoning_field="reasoning",
        one_system_message=True,
        server_features=frozenset(),
    ),
    # `enable_thinking` is documented for other models than Qwen's.
    replace(
        _hosted("novita", "https://api.novita.ai/openai"),
        rerank="v1/rerank",
        thinking="enable_thinking",
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("siliconflow", "https://api.siliconflow.com/v1"),
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        thinking_budgets=_SILICONFLOW_BUDGETS,
        reasoning_effort="as_budget",
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("siliconflow-cn", "https://api.siliconflow.cn/v1"),
        chinese_terms=True,
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        thinking_budgets=_SILICONFLOW_BUDGETS,
        reasoning_effort="as_budget",
        one_system_message=True,
        server_features=frozenset(),
    ),
    # The provider behind it decides the form of the reasoning. One token is for all of the hub.
    replace(
        _hosted("huggingface", "https://router.huggingface.co/v1"),
        key_env=("HF_TOKEN",),
        found_by_key=False,
        thinking="reasoning_effort",
        reasoning_effort="reasoning_effort",
        one_system_message=True,
        server_features=frozenset(),
    ),
    # A vLLM behind it. The key is that of the experiment tracker, too.
    replace(
        _hosted("wandb", "https://api.inference.wandb.ai/v1"),
        found_by_key=False,
        thinking="chat_template_kwargs",
        preserve_thinking="chat_template_kwargs",
        reasoning_field="reasoning",
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("scaleway", "https://api.scaleway.ai/v1"),
        thinking="reasoning_effort",
        reasoning_effort="reasoning_effort",
        efforts=("none", "low", "medium", "high"),
        one_system_message=True,
        server_features=frozenset(),
    ),
    # The switch is that of the code on its models' pages. Model Studio answers behind it, with its
    # 400 for thinking without a stream
    # (https://github.com/musistudio/claude-code-router/issues/948).
    replace(
        _hosted("modelscope", "https://api-inference.modelscope.cn/v1"),
        chinese_terms=True,
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="as_budget",
        non_streaming="stream_internally",
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("chutes", "https://llm.chutes.ai/v1"),
        one_system_message=True,
        server_features=frozenset(),
    ),
    # Its Chat Completions has no switch for thinking, and `tool_choice` is a string only. Of
    # json_object it says "'response_format.type' must be 'json_schema' or 'text'"
    # (https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/189).
    Gateway(
        name="lmstudio",
        rerank="unsupported",
        base_url="http://localhost:1234/v1",
        key_env=("LMSTUDIO_API_KEY",),
        base_url_env=("LMSTUDIO_BASE_URL",),
        self_hosted=True,
        forced_tool_form="only_tool",
        json_object="as_schema",
        one_system_message=True,
        inline_refs=True,
        server_features=frozenset(),
    ),
    *MORE_MODEL_STUDIO,
)

GATEWAYS: Mapping[str, Gateway] = {row.name: row for row in _ROWS}
"""Every row by its name, in the order in which the environment is searched for keys."""

OPENAI_COMPATIBLE = GATEWAYS["openai-compatible"]
"""The row for an unknown `base_url`."""
