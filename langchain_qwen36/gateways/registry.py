"""The rows, in the order in which keys in the environment are looked for.

Facts are from the vendors' pages of autumn 2026; none could be tried live. What is not confirmed
says so beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

from langchain_qwen36.gateways.gateway import Gateway, Range, ServerFeature

if TYPE_CHECKING:
    from collections.abc import Mapping


# Its pages on chat completions and on image and video understanding; of all its models' limits the
# widest, for a row is no model.
_MODEL_STUDIO_MEDIA = {
    "image_side": Range(above=10),
    "image_ratio": Range(high=200),
    "image_pixels": Range(3_136, 16_777_216),
    "frame_pixels": Range(3_136, 2_048_000),
    "total_pixels": Range(high=819_200_000),
    "fps": Range(0.1, 10),
    "frames": Range(4, 8_000),
    "images": Range(high=2_048),
    "base64_images": Range(high=250),
    "videos": Range(high=64),
}


def _dashscope(name: str, *hosts: str) -> Gateway:
    """A region of Alibaba's Model Studio; all speak alike, keys and prices are the region's.

    The first host is the address, unless it is only the end of workspace hosts.
    """
    return Gateway(
        name=name,
        base_url=None if hosts[0].startswith(".") else f"https://{hosts[0]}/compatible-mode/v1",
        hosts=hosts,
        key_env=("DASHSCOPE_API_KEY",),
        base_url_env=("DASHSCOPE_BASE_URL",),
        needs_key=True,
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="as_budget",
        preserve_thinking="preserve_thinking",
        one_system_message=True,
        tool_call_index=True,
        forced_tools="named_unless_thinking",
        parallel_tool_calls=True,
        json_schema=False,
        json_object="unless_thinking",
        needs_word_json=True,
        non_streaming="stream_internally",
        insufficient_quota="throttled",
        ranges={
            "temperature": Range(0, below=2),
            "top_p": Range(above=0, high=1),
            "top_k": Range(0),
            "presence_penalty": Range(-2, 2),
            "repetition_penalty": Range(above=0),
            "n": Range(1, 4),
            "seed": Range(0, 2**31 - 1),
            "top_logprobs": Range(0, 5),
        },
        n_support="unless_thinking_or_tools",
        max_completion_tokens_support="by_model",
        video="video_url_or_frames",
        audio="url",
        files="fileid",
        max_base64=20 * 2**20,  # what its servers were seen to take and to refuse
        media_limits=_MODEL_STUDIO_MEDIA,
        cache_control=True,
        cache_markers=4,
        # Model Studio: partial mode; every model of the 3.5 and 3.6 families is listed for
        # non-thinking mode only.
        prefill="partial_unless_thinking",
        logprobs="by_model",
        ignored_params=frozenset({"frequency_penalty", "logit_bias"}),
        server_features=frozenset(get_args(ServerFeature)),
        search_strategies=frozenset({"turbo", "max", "agent", "agent_max"}),
        reserved_tool_names=frozenset({"search"}),
    )


def _hosted(name: str, base_url: str) -> Gateway:
    """A service on the internet, its key and another base URL in variables of its name."""
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
    """A server that runs the open weights with Qwen's own chat template."""
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
        default_max_pixels=16_777_216,  # the processor's configuration beside the open weights
        server_features=frozenset(),
    )


_LLAMACPP = replace(
    _self_hosted("llamacpp", 8080, key_env="LLAMACPP_API_KEY", base_url_env="LLAMACPP_BASE_URL"),
    thinking_budget="thinking_budget_tokens",
    forced_tool_form="only_tool",  # its server takes a named tool for "auto"; seen on a running one
    reasoning_effort="as_budget",
    video="unsupported",
    prefill="bare_unless_thinking",
)

_ROWS = (
    _dashscope(
        "dashscope",
        "dashscope.aliyuncs.com",
        ".cn-beijing.maas.aliyuncs.com",
    ),
    _dashscope(
        "dashscope-intl",
        "dashscope-intl.aliyuncs.com",
        ".ap-southeast-1.maas.aliyuncs.com",
    ),
    _dashscope("dashscope-us", "dashscope-us.aliyuncs.com", ".us-east-1.maas.aliyuncs.com"),
    # gateways.md §4.1: measured on the relay with qwen3.8 only; for 3.6 "fields per official".
    replace(
        _hosted("apiyi", "https://api.apiyi.com/v1"),
        hosts=("api.apiyi.com", "vip.apiyi.com", "b.apiyi.com", "api-cf.apiyi.com"),
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="reasoning_effort",
        preserve_thinking="preserve_thinking",
        one_system_message=True,
        tool_call_index=True,
        forced_tools="named_unless_thinking",
        parallel_tool_calls=True,
        json_schema=False,
        json_object="unless_thinking",
        needs_word_json=True,
        non_streaming="stream_internally",
        ranges={"temperature": Range(0, below=2), "top_p": Range(above=0, high=1)},
        n_support="unless_thinking_or_tools",
        max_completion_tokens_support="by_model",
        prefill="partial",
        # gateways.md §8: `enable_search` was seen to be dropped; of the others nothing is known.
        server_features=frozenset(get_args(ServerFeature)) - {"enable_search", "search_options"},
    ),
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
    # gateways.md §4.1: enable_thinking stands in the specs of sibling models; for these eight it
    # is not confirmed.
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
    # A budget needs a server started with `--reasoning-config`; it says so itself.
    replace(
        _self_hosted("vllm", 8000, key_env="VLLM_API_KEY", base_url_env="VLLM_BASE_URL"),
        thinking_budget="thinking_token_budget",
        reasoning_effort="as_budget",
        # vLLM 0.33 answers with `reasoning`; it takes `reasoning_content` as a deprecated name.
        reasoning_field="reasoning",
    ),
    # A budget needs a server started with `--enable-strict-thinking`; without it, it is ignored.
    replace(
        _self_hosted("sglang", 30000, key_env="SGLANG_API_KEY", base_url_env="SGLANG_BASE_URL"),
        thinking_budget="custom_params.thinking_budget",
        reasoning_effort="as_budget",
    ),
    _LLAMACPP,
    # dashscope.md §8: no template arguments; reasoning_effort "none" is its switch.
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
        server_features=frozenset(),
    ),
    replace(
        _LLAMACPP,
        name="local",
        base_url=None,
        key_env=(),
        base_url_env=(),
        embedded=True,
        force_tool_kwarg=True,  # the tiny model's own template; another's ignores it
    ),
    Gateway(
        name="openai-compatible",
        key_env=("QWEN36_API_KEY",),
        base_url_env=("QWEN36_BASE_URL",),
        # LM Studio and others refuse a named `tool_choice`; all take "required" with one tool.
        forced_tool_form="only_tool",
        files="file_data",
        cache_control=True,
        prefill="bare",
        forced_tool_form="only_tool",  # LM Studio takes no object as `tool_choice`
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
        thinking="enable_thinking",
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("siliconflow", "https://api.siliconflow.com/v1"),
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="as_budget",
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("siliconflow-cn", "https://api.siliconflow.cn/v1"),
        thinking="enable_thinking",
        thinking_budget="thinking_budget",
        reasoning_effort="as_budget",
        one_system_message=True,
        server_features=frozenset(),
    ),
    # Thoughts come as the provider behind it sends them. The token is one for all of the hub.
    replace(
        _hosted("huggingface", "https://router.huggingface.co/v1"),
        key_env=("HF_TOKEN",),
        found_by_key=False,
        thinking="reasoning_effort",
        reasoning_effort="reasoning_effort",
        one_system_message=True,
        server_features=frozenset(),
    ),
    # vLLM behind it. The key is that of the experiment tracker, too.
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
    replace(
        _hosted("modelscope", "https://api-inference.modelscope.cn/v1"),
        one_system_message=True,
        server_features=frozenset(),
    ),
    replace(
        _hosted("chutes", "https://llm.chutes.ai/v1"),
        one_system_message=True,
        server_features=frozenset(),
    ),
    # Its Chat Completions has no switch for thinking, and `tool_choice` is a string only.
    Gateway(
        name="lmstudio",
        base_url="http://localhost:1234/v1",
        key_env=("LMSTUDIO_API_KEY",),
        base_url_env=("LMSTUDIO_BASE_URL",),
        self_hosted=True,
        forced_tool_form="only_tool",
        one_system_message=True,
        inline_refs=True,
        server_features=frozenset(),
    ),
    # Regions of Model Studio that are reached by a workspace's own base_url; no price list known.
    _dashscope(
        "dashscope-hk", "cn-hongkong.dashscope.aliyuncs.com", ".cn-hongkong.maas.aliyuncs.com"
    ),
    _dashscope("dashscope-eu", ".eu-central-1.maas.aliyuncs.com"),
    # Subscriptions: keys `sk-sp-…`. A Token Plan counts Credits, a Coding Plan calls; the terms of
    # the latter forbid scripts and backends.
    replace(
        _dashscope(
            "dashscope-token-plan",
            "token-plan.cn-beijing.maas.aliyuncs.com",
            "token-plan.ap-southeast-1.maas.aliyuncs.com",
        ),
        billing="plan",
    ),
    replace(
        _dashscope(
            "dashscope-coding-plan",
            "coding.dashscope.aliyuncs.com",
            "coding-intl.dashscope.aliyuncs.com",
        ),
        base_url="https://coding.dashscope.aliyuncs.com/v1",
        billing="plan",
    ),
    # Model Studio: Batch Chat. One request, one body, within an hour, at half the price.
    replace(
        _dashscope("dashscope-batch", "batch.dashscope.aliyuncs.com"),
        billing="batch",
        price_list="dashscope",
        non_streaming="never_stream",
        first_event_timeout=3600.0,
        cache_control=False,
    ),
    _dashscope("dashscope-jp", ".ap-northeast-1.maas.aliyuncs.com"),
)

GATEWAYS: Mapping[str, Gateway] = {row.name: row for row in _ROWS}
"""Every row by its name, in the order in which keys in the environment are looked for."""

OPENAI_COMPATIBLE = GATEWAYS["openai-compatible"]
"""What an unknown `base_url` is taken for."""
